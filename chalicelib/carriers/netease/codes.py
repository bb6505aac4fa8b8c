"""NetEase's codes: the domain's errors in its numbers, and back."""

from collections.abc import Mapping

from chalicelib.carriers.code_table import Code, Table, by_error, refused, unknown
from chalicelib.core import errors

OK = 200
MALFORMED = 414
NOT_FOUND = 404
NOT_ALLOWED = 403
REPEATED = 417
FAULT = 500


TABLE: Table = {
    403: Code((errors.Forbidden, errors.Suspended, errors.BalanceUsedUp), refused),
    404: Code(
        (
            errors.UnknownBinding,
            errors.UnknownNumber,
            errors.UnknownCall,
            errors.UnknownEvent,
            errors.UnknownRecording,
            errors.RecordingGone,
            errors.UnknownRecord,
            errors.UnknownExport,
        ),
        refused,
    ),
    414: Code((errors.BadParameter, errors.RefusedAddress, errors.AccountExists), refused),
    416: Code(
        (errors.RateExceeded, errors.Contended),
        lambda _: errors.RateExceeded("the carrier takes no more requests for the moment"),
    ),
    417: Code((errors.RequestMismatch, errors.AlreadyCalling), refused),
    419: Code((), refused),
    431: Code(
        (
            errors.RequestRunning,
            errors.NonceReused,
            errors.RecordingNotReady,
            errors.TooEarly,
        ),
        unknown,
    ),
    500: Code((), unknown),
    514: Code(
        (
            errors.Unavailable,
            errors.StoreUnavailable,
            errors.ItemTooLarge,
            errors.NotReached,
            errors.CarrierRefused,
            errors.NotDelivered,
            errors.NotAnswered,
            errors.LeftAlone,
            errors.RecordingFailed,
        ),
        unknown,
    ),
    601: Code(
        (errors.QuotaExceeded,),
        lambda _: errors.QuotaExceeded("the carrier takes no more bindings"),
    ),
    602: Code((errors.NumberTaken, errors.NotBeside), lambda _: errors.NumberTaken("taken")),
    603: Code((errors.NoNumber,), lambda _: errors.NoNumber("area")),
}
"""The documents' code table, with the choices of VENDOR_FACTS.md."""

CODES = by_error(TABLE)
"""Error -> code."""


def heard(code: int) -> errors.GatewayError:
    """The error that a carrier's code is. One that is in no document may mean anything, the
    operators' own (2 and two digits) included: nobody knows what happened then."""
    return TABLE[code].heard(code) if code in TABLE else unknown(code)


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
