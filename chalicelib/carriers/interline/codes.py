"""interline's codes: the domain's errors in its numbers, and back."""

from collections.abc import Mapping

from chalicelib.carriers.code_table import Code, Table, by_error, refused, unknown
from chalicelib.core import errors

OK = 0
UNKNOWN_PATH = 1001
BAD_PARAMETER = 1002
NO_ACCOUNT = 1100
UNAUTHORIZED = 1101
NOT_ALLOWED_FROM = 1104
UNKNOWN = 1300
FAULT = 1500


TABLE: Table = {
    1000: Code((), unknown),
    UNKNOWN_PATH: Code((), refused),
    BAD_PARAMETER: Code(
        (errors.BadParameter, errors.RefusedAddress, errors.AccountExists), refused
    ),
    1003: Code((), refused),
    # What came first under our request id was not what we ask now; it may well have been done.
    1004: Code((errors.RequestMismatch,), unknown),
    NO_ACCOUNT: Code((), refused),
    UNAUTHORIZED: Code((), refused),
    1102: Code((errors.Suspended,), refused),
    1103: Code((errors.Forbidden,), refused),
    NOT_ALLOWED_FROM: Code((), refused),
    1105: Code(
        (errors.RateExceeded, errors.Contended),
        lambda _: errors.RateExceeded("the carrier takes no more requests for the moment"),
    ),
    1110: Code((errors.BalanceUsedUp,), refused),
    1200: Code((errors.UnknownCall,), refused),
    1201: Code(
        (
            errors.RequestRunning,
            errors.AlreadyCalling,
            errors.NonceReused,
            errors.RecordingNotReady,
            errors.TooEarly,
        ),
        unknown,
    ),
    UNKNOWN: Code(
        (
            errors.UnknownBinding,
            errors.UnknownNumber,
            errors.UnknownEvent,
            errors.UnknownRecording,
            errors.RecordingGone,
            errors.UnknownRecord,
            errors.UnknownExport,
        ),
        refused,
    ),
    1301: Code(
        (errors.NoNumber, errors.QuotaExceeded),
        lambda _: errors.QuotaExceeded("the carrier takes no more bindings"),
    ),
    1302: Code((errors.NumberTaken, errors.NotBeside), lambda _: errors.NumberTaken("taken")),
    1400: Code((errors.NotReached,), refused),
    1401: Code(
        (
            errors.Unavailable,
            errors.NotDelivered,
            errors.NotAnswered,
            errors.LeftAlone,
            errors.RecordingFailed,
        ),
        unknown,
    ),
    FAULT: Code((errors.StoreUnavailable, errors.ItemTooLarge), unknown),
    1501: Code((), unknown),
    1502: Code((errors.CarrierRefused,), unknown),
}
"""The document's code table, with the choices of VENDOR_FACTS.md."""

CODES = by_error(TABLE)
"""Error -> code."""


def heard(code: int) -> errors.GatewayError:
    """The error that a carrier's code is. One that is in no document may mean anything."""
    return TABLE[code].heard(code) if code in TABLE else unknown(code)


PARAMETERS: Mapping[str, str] = {"a": "anum", "b": "bnum", "number": "x"}
"""The domain's name of a value -> the parameter that carries it; others are called alike."""


def bad_parameter(error: errors.BadParameter) -> str:
    """What a client is told of it, in the document's words."""
    return f"bad value of {PARAMETERS.get(error.name, error.name)}"
