"""NetEase's codes: the domain's errors, call outcomes and SMS results in its numbers, and back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.core import errors
from chalicelib.core.events import Outcome, Party, SmsResult

OK = 200
MALFORMED = 414
NOT_FOUND = 404
NOT_ALLOWED = 403
REPEATED = 417
FAULT = 500


@dataclass(frozen=True, slots=True)
class Code:
    """What one code stands for: the errors of ours that are told by it, and the error that it is
    when a carrier answers with it to a call that knows no better."""

    told: tuple[type[errors.GatewayError], ...]
    heard: Callable[[int], errors.GatewayError]


def _refused(code: int) -> errors.GatewayError:
    return errors.CarrierRefused(f"the carrier refused it (code {code})")


def _unknown(code: int) -> errors.GatewayError:
    return errors.Unavailable(f"code {code}")


TABLE: Mapping[int, Code] = {
    403: Code((errors.Forbidden,), _refused),
    404: Code((errors.UnknownBinding, errors.UnknownNumber, errors.UnknownCall), _refused),
    414: Code((errors.BadParameter, errors.AccountExists), _refused),
    416: Code(
        (errors.RateExceeded, errors.Contended),
        lambda _: errors.RateExceeded("the carrier takes no more requests for the moment"),
    ),
    417: Code((errors.RequestMismatch, errors.AlreadyCalling), _refused),
    419: Code((), _refused),
    431: Code((errors.RequestRunning, errors.NonceReused), _unknown),
    500: Code((), _unknown),
    514: Code(
        (errors.Unavailable, errors.NotReached, errors.CarrierRefused, errors.NotDelivered),
        _unknown,
    ),
    601: Code(
        (errors.QuotaExceeded,),
        lambda _: errors.QuotaExceeded("the carrier takes no more bindings"),
    ),
    602: Code((errors.NumberTaken,), lambda _: errors.NumberTaken("taken")),
    603: Code((errors.NoNumber,), lambda _: errors.NoNumber("area")),
}
"""The documents' code table, with the choices of VENDOR_FACTS.md."""

CODES: Mapping[type[errors.GatewayError], int] = {
    error: code for code, row in TABLE.items() for error in row.told
}
"""Error -> code."""


def heard(code: int) -> errors.GatewayError:
    """The error that a carrier's code is. One that is in no document may mean anything, the
    operators' own (2 and two digits) included: nobody knows what happened then."""
    return TABLE[code].heard(code) if code in TABLE else _unknown(code)


PARAMETERS: Mapping[str, str] = {"a": "phoneA", "b": "phoneB", "number": "phoneX"}
"""The domain's name of a value -> the parameter that carries it; others are called alike."""

FINISH_STATES: Mapping[Outcome, int] = {
    Outcome.NO_BINDING: 0,
    Outcome.CALLER_HUNG_UP: 1,
    Outcome.CALLEE_HUNG_UP: 2,
    Outcome.CALLER_GAVE_UP: 3,
    Outcome.NO_ANSWER: 4,
    Outcome.BUSY: 5,
    Outcome.UNREACHABLE: 6,
    Outcome.ROUTE_FAILURE: 7,
    Outcome.NUMBER_FAULT: 8,
    Outcome.EXPIRED: 9,
    Outcome.PLATFORM_ERROR: 10,
    Outcome.PLATFORM_ENDED: 10,
    Outcome.POWERED_OFF: 11,
    Outcome.SUSPENDED: 12,
    Outcome.BLOCKED: 12,
    Outcome.REJECTED: 13,
    Outcome.EMPTY_NUMBER: 14,
    Outcome.TEST_QUOTA: 21,
    Outcome.CAPTCHA_FAILED: 50,
}
"""finishState, from analogous platforms (VENDOR_FACTS.md). Where two outcomes share a number, it
is read as the first."""

FINISH_TYPES: Mapping[Party, int] = {Party.PLATFORM: 0, Party.CALLER: 1, Party.CALLEE: 2}

SMS_RESULTS: Mapping[SmsResult, int] = {
    SmsResult.FAILED: 0,
    SmsResult.OK: 1,
    SmsResult.TIMEOUT: 2,
    SmsResult.NUMBER_FAULT: 3,
    SmsResult.UNSUPPORTED: 5,
    SmsResult.REJECTED: 6,
    SmsResult.EXPIRED: 7,
    SmsResult.PLATFORM_ERROR: 9,
    SmsResult.TOO_FREQUENT: 19,
    SmsResult.FORBIDDEN_WORD: 20,
    SmsResult.FORBIDDEN_TEXT: 21,
}
"""smsResult, from analogous platforms (VENDOR_FACTS.md)."""

OUTCOMES: Mapping[str, Outcome] = {
    str(FINISH_STATES[outcome]): outcome for outcome in reversed(tuple(FINISH_STATES))
}
PARTIES: Mapping[str, Party] = {str(number): party for party, number in FINISH_TYPES.items()}
RESULTS: Mapping[str, SmsResult] = {str(number): result for result, number in SMS_RESULTS.items()}
