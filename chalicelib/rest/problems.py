"""Errors as problems (RFC 9457): the domain's in HTTP's words. `/docs` has a section for each."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core import errors
from chalicelib.core.errors import AnswerClass
from chalicelib.core.messages import Reply
from chalicelib.schema.types import Invalid, Listed, Member, Wrong, shape
from chalicelib.schema.values import TIMESTAMP, choice, count, shown_text

PAGE = "/docs"
"""Where problems are described: a problem's type is this page's section for it."""
HEADERS: Mapping[str, str] = {
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
}
CHALLENGE: Mapping[str, str] = {
    "WWW-Authenticate": 'Basic realm="masking-gateway", charset="UTF-8"'
}


@dataclass(frozen=True, slots=True)
class Problem:
    """`word` names its section of the page, `remedy` says what a client does about it. `retry_s` is
    set when the same request may do better after so many seconds."""

    status: int
    word: str
    title: str
    remedy: str
    retry_s: int | None = None

    @property
    def type(self) -> str:
        """Its URI."""
        return f"{PAGE}#{self.word}"


MALFORMED = Problem(
    400,
    "malformed",
    "The request can't be read",
    "Send a JSON object in UTF-8, each member once.",
)
INVALID = Problem(
    400,
    "bad-parameter",
    "A value can't be used",
    "`errors` lists everything that is wrong: the member's JSON Pointer and what is wanted there.",
)
UNAUTHORIZED = Problem(
    401,
    "unauthorized",
    "HTTP Basic with a key and its secret",
    "Sign in by HTTP Basic: the key is the user, its secret the password.",
)
NOT_FROM_HERE = Problem(
    403,
    "not-from-here",
    "The app may not send from this address",
    "Ask the operator to add your network to the app's `sources`.",
)
READ_ONLY = Problem(
    403, "read-only", "This key may only read", "Use a key that is not read-only for this."
)
UNKNOWN = Problem(
    404,
    "unknown",
    "There is no such thing",
    "It never was, is not kept any more, or is somebody else's: all three look the same.",
)
UNKNOWN_PATH = Problem(
    404, "unknown-path", "There is nothing at this path", "The paths are listed on this page."
)
METHOD = Problem(
    405, "method", "Not with this method", "The header `Allow` lists the methods of this path."
)
CONFLICT = Problem(
    409,
    "conflict",
    "Something else is in the way",
    "`code` says what: see its list.",
)
NOT_READY = Problem(
    409,
    "not-ready",
    "Not yet",
    "Repeat the request after `Retry-After` seconds.",
    retry_s=10,
)
GONE = Problem(410, "gone", "Not any more", "It was here, and is not kept any more.")
TOO_LARGE = Problem(413, "too-large", "The body is too large", "Send at most 64 KB in a request.")
MEDIA_TYPE = Problem(
    415,
    "media-type",
    "The body is of another type",
    "Send JSON with `Content-Type: application/json`.",
)
MISMATCH = Problem(
    422,
    "mismatch",
    "The same Idempotency-Key came before with another request",
    "Use a new key for a new request, and the same one only to repeat a request as it was.",
)
UNAVAILABLE = Problem(
    503,
    "unavailable",
    "Temporarily unavailable",
    "Repeat the same request with the same Idempotency-Key after `Retry-After` seconds: either"
    " nothing was changed, or the repeat finds out what was.",
    retry_s=2,
)
FAULT = Problem(
    500,
    "fault",
    "A fault of ours",
    "Tell the operator the `request_id`: the log has the rest.",
)

TABLE: Mapping[Problem, tuple[type[errors.GatewayError], ...]] = {
    INVALID: (errors.BadParameter, errors.RefusedAddress),
    Problem(
        402,
        "balance",
        "The account does not pay for this",
        "Have the operator credit the account.",
    ): (errors.BalanceUsedUp,),
    Problem(
        403,
        "forbidden",
        "The app may not do this",
        "The app was suspended or closed: it may look at what is its own and change nothing.",
    ): (errors.Forbidden, errors.Suspended),
    UNKNOWN: (
        errors.UnknownBinding,
        errors.NotKept,
        errors.UnknownNumber,
        errors.UnknownCall,
        errors.UnknownRecord,
        errors.UnknownRecording,
        errors.UnknownEvent,
        errors.UnknownExport,
        errors.UnknownKey,
    ),
    CONFLICT: (
        errors.SamePerson,
        errors.NumberTaken,
        errors.NotBeside,
        errors.NoNumber,
        errors.AlreadyCalling,
        errors.AccountExists,
        errors.NonceReused,
        errors.RequestOver,
        errors.PreviousStillValid,
        errors.EndpointUnanswered,
        errors.LimitReached,
        errors.NotSupported,
        errors.BindingEnded,
        errors.ReferenceTaken,
        errors.TooManyChanges,
        errors.EndRefused,
        errors.OverLimit,
    ),
    NOT_READY: (errors.RecordingNotReady, errors.TooEarly),
    GONE: (errors.RecordingGone,),
    MISMATCH: (errors.RequestMismatch,),
    Problem(
        429,
        "rate",
        "Too many requests",
        "Repeat after `Retry-After` seconds; the header `RateLimit` says how many are left.",
        retry_s=1,
    ): (errors.RateExceeded,),
    Problem(
        429,
        "quota",
        "Too many at a time",
        "End what is not needed, or have the operator raise the app's quota.",
        retry_s=60,
    ): (errors.QuotaExceeded,),
    Problem(
        502,
        "carrier",
        "The carrier refused",
        "The operator has to look: our account with the carrier is not in order.",
    ): (errors.CarrierRefused, errors.RecordingFailed),
    UNAVAILABLE: (
        errors.Unavailable,
        errors.NoSuchCarrier,
        errors.StoreUnavailable,
        errors.ItemTooLarge,
        errors.NotReached,
        errors.Contended,
        errors.RequestRunning,
    ),
}
PROBLEMS = {error: problem for problem, classes in TABLE.items() for error in classes}
"""Error -> problem."""

CODES: Mapping[str, str] = {
    "same_person": "Two of the people are the same one.",
    "number_taken": "This number serves one of the two with somebody else, or these two already.",
    "cooling": "This number served one of the two with somebody else until a short time ago.",
    "no_number": "No number is left for these two.",
    "already_calling": "These people are in a call already that was placed for them.",
    "reference_taken": "A live binding of other people has this reference.",
    "binding_ended": "The binding has ended: it can be read, and not be changed.",
    "too_many_changes": "B, direction and recording of this binding were changed too often.",
    "end_passed": "The end has passed already.",
    "end_too_far": "The binding would last more than a year from now.",
    "over_limit": "It is more than a setting of the app allows: `detail` says how much that is.",
    "not_supported": "The carrier, or this kind of binding, can't do this: `detail` says what.",
    "no_answer": "The endpoint was tried and did not answer 200: see `detail`.",
    "previous_valid": "The secret before the current one is still valid: drop it first.",
    "limit_reached": "The app has as many as it may have: `detail` says of what.",
    "exists": "There is one of this name already.",
    "request_over": "The request was carried out, and what it made has ended.",
    "not_kept": "What is asked about is longer ago than anything is kept of it.",
    "not_ready": "It is not there yet; `Retry-After` says when.",
    "outcome_unknown": "The first request with this Idempotency-Key broke off: look what it did,"
    " and use a new key.",
}
"""`code` of problems with status 409, and of some others, and what it means."""

_CODE_OF: Mapping[type[errors.GatewayError], str] = {
    errors.SamePerson: "same_person",
    errors.NumberTaken: "number_taken",
    errors.NotBeside: "number_taken",
    errors.NoNumber: "no_number",
    errors.ReferenceTaken: "reference_taken",
    errors.BindingEnded: "binding_ended",
    errors.TooManyChanges: "too_many_changes",
    errors.OverLimit: "over_limit",
    errors.NotSupported: "not_supported",
    errors.NotKept: "not_kept",
    errors.AlreadyCalling: "already_calling",
    errors.PreviousStillValid: "previous_valid",
    errors.EndpointUnanswered: "no_answer",
    errors.LimitReached: "limit_reached",
    errors.AccountExists: "exists",
    errors.NonceReused: "exists",
    errors.RequestOver: "request_over",
    errors.RecordingNotReady: "not_ready",
    errors.TooEarly: "not_ready",
}


def all_problems() -> list[Problem]:
    """Every problem there is, by status."""
    own = [each for each in globals().values() if isinstance(each, Problem)]
    return sorted(dict.fromkeys([*own, *TABLE]), key=lambda each: each.status)


ERROR = shape(
    "ProblemError",
    {
        "pointer": Member(shown_text("/limit"), "JSON Pointer of the member or parameter."),
        "detail": Member(shown_text("must be a whole number from 1 to 100"), "What is wanted."),
    },
)
PROBLEM = shape(
    "Problem",
    {
        "type": Member(choice([each.type for each in all_problems()]), "Its section of `/docs`."),
        "title": Member(shown_text(INVALID.title), ""),
        "status": Member(count(400), ""),
        "detail": Member(shown_text("one thing is wrong with the request, see errors"), ""),
        "request_id": Member(shown_text("c6af9ac6-7b61-11e6-9a41-93e8deadbeef"), "As in the log."),
        "errors": Member(Listed(ERROR), "Everything that is wrong.", required=False),
        "code": Member(choice(CODES), "What is in the way.", required=False),
        "free_at": Member(
            TIMESTAMP,
            "With `cooling` and `no_number`, where it is known: when it, or the first of those that"
            " were tried, is free again, unless it is bound until then.",
            required=False,
        ),
    },
)


class Failure(Exception):
    """An answer that is a problem, raised by whoever finds it."""

    def __init__(
        self,
        problem: Problem,
        detail: str = "",
        *,
        wrong: Sequence[Wrong] = (),
        code: str = "",
        headers: Mapping[str, str] | None = None,
        answered: AnswerClass = AnswerClass.REFUSED,
    ) -> None:
        super().__init__(problem.word)
        self.problem = problem
        self.detail = detail
        self.wrong = wrong
        self.code = code
        self.headers = headers or {}
        self.answered = answered
        self.free_at: int | None = None
        self.facts: Mapping[str, str | int] = {}

    @classmethod
    def of(cls, error: errors.GatewayError | Invalid, pointer: str = "") -> "Failure":
        """The problem that this error is; `pointer` where the request calls the parameter other
        than the domain does."""
        if isinstance(error, Invalid):
            return cls(INVALID, _summary(error.errors), wrong=error.errors)
        problem = PROBLEMS[type(error)]
        text = str(error)
        failure = cls(problem, text, code=_code_of(error), answered=error.answered)
        if isinstance(error, errors.BadParameter):
            failure.wrong = [Wrong(pointer or f"/{error.name}", error.why or "can't be used")]
            failure.detail = _summary(failure.wrong) if problem is INVALID else error.why
        if isinstance(error, errors.NumberTaken | errors.NoNumber):
            failure.free_at = error.free_at
        if isinstance(error, errors.TooEarly):
            failure.headers = {"Retry-After": str(error.wait_s)}
        if error.answered is AnswerClass.UNAVAILABLE:
            # What did not answer is for our log alone.
            failure.facts = {"why": text}
            failure.detail = problem.remedy
        return failure

    def reply(self, request_id: str) -> Reply:
        """The answer to the request with this id."""
        body: dict[str, Any] = {
            "type": self.problem.type,
            "title": self.problem.title,
            "status": self.problem.status,
            "detail": self.detail or self.problem.remedy,
            "request_id": request_id,
        }
        body |= {"errors": [each._asdict() for each in self.wrong]} if self.wrong else {}
        body |= {"code": self.code} if self.code else {}
        body |= {"free_at": self.free_at} if self.free_at is not None else {}
        retry_s = self.problem.retry_s
        later = {"Retry-After": str(retry_s)} if retry_s is not None else {}
        facts = {"code": self.problem.status, "problem": self.problem.word, **self.facts}
        headers = {**HEADERS, **later, **self.headers}
        content = json.dumps(PROBLEM.write(body), ensure_ascii=False)
        return Reply(self.problem.status, content, headers, facts, self.answered)


def _code_of(error: errors.GatewayError) -> str:
    if isinstance(error, errors.NumberTaken) and error.cause == "cooling":
        return "cooling"
    if isinstance(error, errors.EndRefused):
        return error.code
    return _CODE_OF.get(type(error), "")


def _summary(wrong: Sequence[Wrong]) -> str:
    count = "one thing is" if len(wrong) == 1 else f"{len(wrong)} things are"
    return f"{count} wrong with the request, see errors"
