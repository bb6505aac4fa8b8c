"""Where a call to an X goes: the path that a person waits on."""

from dataclasses import dataclass

from chalicelib.core.events import RejectReason
from chalicelib.core.ports import Legs
from chalicelib.core.values import Leg, Subscriber


@dataclass(frozen=True, slots=True)
class Connect:
    """Ring `leg.peer` and show X."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class Reject:
    """Connect nobody."""

    reason: RejectReason


class Router:
    """Answers a switch. Reads, never writes."""

    def __init__(self, legs: Legs) -> None:
        self._legs = legs

    def route(self, number: str, caller: Subscriber | None, *, now: int) -> Connect | Reject:
        """Who is reached by `caller` (None: anonymous) over X at `now` (epoch ms).

        One consistent read for everybody who has a leg; a stranger costs a second one, which
        only decides between the two reasons to turn him away. Raises Unavailable.
        """
        owner, leg = self._legs.find(number, caller)
        if owner is None:
            return Reject(RejectReason.UNKNOWN_NUMBER)
        if caller is None:
            return Reject(RejectReason.ANONYMOUS)
        if leg is not None and leg.app == owner:
            if now < leg.expires:
                return Connect(leg)
            if now < leg.free_at:
                return Reject(RejectReason.COOLING if leg.released else RejectReason.EXPIRED)
        used = self._legs.in_use(number, now=now)
        return Reject(RejectReason.THIRD_PARTY if used else RejectReason.NO_BINDING)
