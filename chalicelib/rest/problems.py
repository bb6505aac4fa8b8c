"""Errors as problems (RFC 9457): the domain's in HTTP's words."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core import errors
from chalicelib.core.errors import AnswerClass
from chalicelib.core.messages import Reply

HEADERS: Mapping[str, str] = {
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
}
CHALLENGE: Mapping[str, str] = {
    "WWW-Authenticate": 'Basic realm="masking-gateway", charset="UTF-8"'
}


@dataclass(frozen=True, slots=True)
class Problem:
    """`word` is the end of its type, `retry_s` when the same request may do better (None: it will
    not by itself)."""

    status: int
    word: str
    title: str
    retry_s: int | None = None


MALFORMED = Problem(400, "malformed", "The request can't be read")
UNAUTHORIZED = Problem(401, "unauthorized", "HTTP Basic with the app's key and its secret")
NOT_FROM_HERE = Problem(403, "not-from-here", "The app may not send from this address")
UNKNOWN_PATH = Problem(404, "unknown-path", "There is nothing at this path")
METHOD = Problem(405, "method", "Not with this method")
FAULT = Problem(500, "fault", "A fault of ours")

TABLE: Mapping[Problem, tuple[type[errors.GatewayError], ...]] = {
    Problem(400, "bad-parameter", "A value can't be used"): (
        errors.BadParameter,
        errors.RefusedAddress,
    ),
    Problem(402, "balance", "The account does not pay for this"): (errors.BalanceUsedUp,),
    Problem(403, "forbidden", "The app may not do this"): (errors.Forbidden, errors.Suspended),
    Problem(404, "unknown", "There is no such thing"): (
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
    Problem(409, "conflict", "Something else is in the way"): (
        errors.NumberTaken,
        errors.NotBeside,
        errors.NoNumber,
        errors.AlreadyCalling,
        errors.AccountExists,
        errors.NonceReused,
        errors.RequestOver,
        errors.PreviousStillValid,
        errors.LimitReached,
        errors.NotSupported,
        errors.BindingEnded,
        errors.ReferenceTaken,
        errors.TooManyChanges,
    ),
    Problem(409, "not-ready", "Not yet", retry_s=10): (
        errors.RecordingNotReady,
        errors.RequestRunning,
        errors.TooEarly,
    ),
    Problem(410, "gone", "Not any more"): (errors.RecordingGone,),
    Problem(422, "mismatch", "The same request came before with other parameters"): (
        errors.RequestMismatch,
    ),
    Problem(429, "rate", "Too many requests", retry_s=1): (errors.RateExceeded,),
    Problem(429, "quota", "Too many at a time", retry_s=60): (errors.QuotaExceeded,),
    Problem(502, "carrier", "Somebody else did not do it"): (
        errors.CarrierRefused,
        errors.RecordingFailed,
    ),
    Problem(503, "unavailable", "Not to be had now; send the same request again", retry_s=2): (
        errors.Unavailable,
        errors.NoSuchCarrier,
        errors.StoreUnavailable,
        errors.ItemTooLarge,
        errors.NotReached,
        errors.Contended,
    ),
}
PROBLEMS = {error: problem for problem, told in TABLE.items() for error in told}
"""Error -> problem."""


def reply(
    problem: Problem,
    detail: str = "",
    *,
    answered: AnswerClass = AnswerClass.REFUSED,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """The reply with this problem; `detail` is for whoever looks at this one."""
    status = problem.status
    body: dict[str, Any] = {
        "type": f"urn:masking-gateway:problem:{problem.word}",
        "title": problem.title,
        "status": status,
    }
    if detail:
        body["detail"] = detail
    later = {"Retry-After": str(problem.retry_s)} if problem.retry_s is not None else {}
    content = json.dumps(body, ensure_ascii=False)
    facts: dict[str, str | int] = {"code": status, "problem": problem.word}
    return Reply(status, content, {**HEADERS, **later, **(headers or {})}, facts, answered)
