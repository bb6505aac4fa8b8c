"""NetEase's codes: the domain's errors, call outcomes and SMS results in its numbers."""

from collections.abc import Mapping

from chalicelib.core import errors
from chalicelib.core.events import Outcome, Party, SmsResult

OK = 200
MALFORMED = 414
NOT_FOUND = 404
NOT_ALLOWED = 403
FAULT = 500

CODES: Mapping[type[errors.GatewayError], int] = {
    errors.Forbidden: 403,
    errors.UnknownBinding: 404,
    errors.UnknownNumber: 404,
    errors.BadParameter: 414,
    errors.UnknownCall: 404,
    errors.AccountExists: 414,
    errors.RateExceeded: 416,
    errors.Contended: 416,
    errors.RequestMismatch: 417,
    errors.AlreadyCalling: 417,
    errors.RequestRunning: 431,
    errors.NonceReused: 431,
    errors.Unavailable: 514,
    errors.NotReached: 514,
    errors.CarrierRefused: 514,
    errors.NotDelivered: 514,
    errors.QuotaExceeded: 601,
    errors.NumberTaken: 602,
    errors.NoNumber: 603,
}
"""Error -> code: the document's code table, with the choices of VENDOR_FACTS.md."""

PARAMETERS: Mapping[str, str] = {
    "a": "phoneA",
    "b": "phoneB",
    "number": "phoneX",
    "account": "callerAcc",
}
"""The domain's name of a value -> the parameter that carries it; others are called alike."""


def bad_parameter(error: errors.BadParameter) -> str:
    """What a client is told of it, in the documents' words."""
    return f"bad param '{PARAMETERS.get(error.name, error.name)}'"


FINISH_STATES: Mapping[Outcome, int] = {
    Outcome.NO_BINDING: 0,
    Outcome.CALLER_HUNG_UP: 1,
    Outcome.CALLEE_HUNG_UP: 2,
    Outcome.CALLER_GAVE_UP: 3,
    Outcome.NO_ANSWER: 4,
    Outcome.BUSY: 5,
    Outcome.UNREACHABLE: 6,
    Outcome.ROUTE_FAILURE: 7,
    Outcome.EXPIRED: 9,
    Outcome.PLATFORM_ENDED: 10,
    Outcome.PLATFORM_ERROR: 10,
    Outcome.POWERED_OFF: 11,
    Outcome.SUSPENDED: 12,
    Outcome.BLOCKED: 12,
    Outcome.REJECTED: 13,
    Outcome.EMPTY_NUMBER: 14,
}
"""finishState, from analogous platforms (VENDOR_FACTS.md)."""

FINISH_TYPES: Mapping[Party, int] = {Party.PLATFORM: 0, Party.CALLER: 1, Party.CALLEE: 2}

SMS_RESULTS: Mapping[SmsResult, int] = {
    SmsResult.FAILED: 0,
    SmsResult.OK: 1,
    SmsResult.TIMEOUT: 2,
    SmsResult.REJECTED: 6,
}
"""smsResult, from analogous platforms (VENDOR_FACTS.md)."""
