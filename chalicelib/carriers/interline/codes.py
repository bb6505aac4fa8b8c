"""interline's codes: the domain's errors in its numbers, and back."""

from collections.abc import Mapping

from chalicelib.carriers.code_table import Code, Table, by_error, refused, unknown, wanted
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
        (
            errors.BadParameter,
            errors.SamePerson,
            errors.RefusedAddress,
            errors.AccountExists,
            errors.PreviousStillValid,
            errors.EndpointUnanswered,
            errors.LimitReached,
        ),
        refused,
    ),
    1003: Code((), refused),
    # What came first under our request id was not what we ask now; it may well have been done.
    1004: Code((errors.RequestMismatch, errors.RequestOver, errors.NonceReused), unknown),
    NO_ACCOUNT: Code((), refused),
    UNAUTHORIZED: Code((), refused),
    1102: Code((errors.Suspended,), refused),
    1103: Code((errors.Forbidden, errors.NotSupported), refused),
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
            errors.ReferenceTaken,
            errors.TooManyChanges,
            errors.EndRefused,
            errors.OverLimit,
            errors.RecordingNotReady,
            errors.TooEarly,
        ),
        unknown,
    ),
    UNKNOWN: Code(
        (
            errors.UnknownBinding,
            errors.BindingEnded,
            errors.NotKept,
            errors.UnknownNumber,
            errors.UnknownEvent,
            errors.UnknownRecording,
            errors.RecordingGone,
            errors.UnknownRecord,
            errors.UnknownExport,
            errors.UnknownKey,
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
            errors.NoSuchCarrier,
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


PARAMETERS: Mapping[str, str] = {
    "a": "anum",
    "b": "bnum",
    "number": "x",
    "lifetime": "ttl",
    "recording": "record",
}
"""The domain's name of a value -> the parameter that carries it; others are called alike."""


_PERSON = "a national number in digits, for example 10012345678 or 01012345678"
_FLAG = "0 or 1"

WANTED: Mapping[str, str] = {
    "x": "one of the app's numbers in digits, and neither anum nor bnum",
    "anum": _PERSON,
    "bnum": _PERSON,
    "ttl": "seconds, from 1 to 315360000, or 0 for a transfer without end",
    "record": _FLAG,
    "display": "0 or 1 for B and A by a comma, for example 0,0; of a transfer 0 or 1",
    "anucode": "up to three announcements by commas, each 1 to 32 of A-Z a-z 0-9 _ -",
    "ansanu": "up to eight announcements by commas, each 1 to 32 of A-Z a-z 0-9 _ -",
    "userData": "text of 1024 characters at most",
    "reqid": "text of 1 to 128 characters, another one for each request",
    "subid": "an id that a binding or transfer was answered with, 64 characters at most",
    "appid": "the id of the app",
}
"""Parameter -> what is wanted there, for whoever sent something else."""


def bad_parameter(error: errors.BadParameter) -> str:
    """The message: which parameter, and what is wanted there."""
    name = PARAMETERS.get(error.name, error.name)
    return ": ".join(filter(None, (f"bad value of {name}", wanted(error, name, WANTED))))
