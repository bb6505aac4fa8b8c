"""NetEase's codes: the domain's errors in its numbers, and back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.core import errors

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
    403: Code((errors.Forbidden, errors.Suspended, errors.BalanceUsedUp), _refused),
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
        (
            errors.Unavailable,
            errors.StoreUnavailable,
            errors.NotReached,
            errors.CarrierRefused,
            errors.NotDelivered,
        ),
        _unknown,
    ),
    601: Code(
        (errors.QuotaExceeded,),
        lambda _: errors.QuotaExceeded("the carrier takes no more bindings"),
    ),
    602: Code((errors.NumberTaken, errors.NotBeside), lambda _: errors.NumberTaken("taken")),
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
