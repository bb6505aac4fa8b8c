"""interline's codes: the domain's errors in its numbers, and back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.core import errors

OK = 0
UNKNOWN_PATH = 1001
BAD_PARAMETER = 1002
NO_ACCOUNT = 1100
UNAUTHORIZED = 1101
NOT_ALLOWED_FROM = 1104
UNKNOWN = 1300
FAULT = 1500


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
    1000: Code((), _unknown),
    UNKNOWN_PATH: Code((), _refused),
    BAD_PARAMETER: Code((errors.BadParameter, errors.AccountExists), _refused),
    1003: Code((), _refused),
    # What came first under our request id was not what we ask now; it may well have been done.
    1004: Code((errors.RequestMismatch,), _unknown),
    NO_ACCOUNT: Code((), _refused),
    UNAUTHORIZED: Code((), _refused),
    1102: Code((errors.Suspended,), _refused),
    1103: Code((errors.Forbidden,), _refused),
    NOT_ALLOWED_FROM: Code((), _refused),
    1105: Code(
        (errors.RateExceeded, errors.Contended),
        lambda _: errors.RateExceeded("the carrier takes no more requests for the moment"),
    ),
    1110: Code((errors.BalanceUsedUp,), _refused),
    1200: Code((errors.UnknownCall,), _refused),
    1201: Code((errors.RequestRunning, errors.AlreadyCalling, errors.NonceReused), _unknown),
    UNKNOWN: Code((errors.UnknownBinding, errors.UnknownNumber), _refused),
    1301: Code(
        (errors.NoNumber, errors.QuotaExceeded),
        lambda _: errors.QuotaExceeded("the carrier takes no more bindings"),
    ),
    1302: Code((errors.NumberTaken, errors.NotBeside), lambda _: errors.NumberTaken("taken")),
    1400: Code((errors.NotReached,), _refused),
    1401: Code((errors.Unavailable, errors.NotDelivered), _unknown),
    FAULT: Code((errors.StoreUnavailable,), _unknown),
    1501: Code((), _unknown),
    1502: Code((errors.CarrierRefused,), _unknown),
}
"""The document's code table, with the choices of VENDOR_FACTS.md."""

CODES: Mapping[type[errors.GatewayError], int] = {
    error: code for code, row in TABLE.items() for error in row.told
}
"""Error -> code."""


def heard(code: int) -> errors.GatewayError:
    """The error that a carrier's code is. One that is in no document may mean anything."""
    return TABLE[code].heard(code) if code in TABLE else _unknown(code)


PARAMETERS: Mapping[str, str] = {"a": "anum", "b": "bnum", "number": "x"}
"""The domain's name of a value -> the parameter that carries it; others are called alike."""


def bad_parameter(error: errors.BadParameter) -> str:
    """What a client is told of it, in the document's words."""
    return f"bad value of {PARAMETERS.get(error.name, error.name)}"
