"""A vendor's codes: what each stands for, in both directions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.core import errors


@dataclass(frozen=True, slots=True)
class Code:
    """What one code stands for: the errors of ours that a client hears of by it, and the error that
    it is when a carrier answers with it to a call that knows no better."""

    sent_for: tuple[type[errors.GatewayError], ...]
    received: Callable[[int], errors.GatewayError]


Table = Mapping[int, Code]


def refused(code: int) -> errors.GatewayError:
    """The carrier refused, for a reason between it and us: our account there is broken."""
    return errors.CarrierRefused(f"the carrier refused it (code {code})")


def unknown(code: int) -> errors.GatewayError:
    """It is not known what the carrier did."""
    return errors.Unavailable(f"code {code}")


def received(code: int, table: Table) -> errors.GatewayError:
    """The error that a carrier's code is. One that is in no document may mean anything: it is not
    known what happened then."""
    return table[code].received(code) if code in table else unknown(code)


def wanted(error: errors.BadParameter, name: str, table: Mapping[str, str]) -> str:
    """What is wrong with the parameter of this name, and what `table` says that it must be; never
    what it was. Empty where nothing is known."""
    if error.why.startswith("must be "):
        return f"{name} {error.why}"
    must_be = f"{name} must be {table[name]}" if name in table else ""
    return "; ".join(filter(None, (error.why, must_be)))


def by_error(table: Table) -> Mapping[type[errors.GatewayError], int]:
    """Error -> the code that a client is answered with."""
    return {error: code for code, row in table.items() for error in row.sent_for}
