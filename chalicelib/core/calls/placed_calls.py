"""Calls that apps have the platform place: the request, and the state."""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.core.requests import Earlier, RequestId
from chalicelib.core.subscribers import Subscriber

GOES_ON, CONNECTED = "inited", "success"
"""What carriers say of a call that is not over, and of one that is over in which people talked."""


@dataclass(frozen=True, slots=True)
class CallAsk:
    """A call that the platform is to place: it rings `caller`, then everybody else.

    `account` is the user in whose name it is placed (empty where the carrier wants none), `max_s`
    its longest duration in seconds (of a conference: the sum over its legs), `show` the X that the
    telephones show (None: one is chosen, or the carrier's own). `user_data` comes back with its
    end.
    """

    account: str
    caller: Subscriber
    callees: tuple[Subscriber, ...]
    conference: bool
    max_s: int
    record: bool
    show: str | None = None
    user_data: str = ""

    @property
    def parties(self) -> tuple[Subscriber, ...]:
        """Everybody whose telephone rings."""
        return (self.caller, *self.callees)


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """A call that was placed for an app. `session` is None until the carrier gave it, `ended`
    (epoch ms) until its end was reported; `until` is when it is over at the latest. `proposed` is
    the session that the call will have, where the carrier takes the one that we propose."""

    app: str
    carrier: str
    ask: CallAsk
    request: RequestId
    created: int
    until: int
    session: str | None = None
    ended: int | None = None
    proposed: str | None = None


class CallState(StrEnum):
    """How far a placed call is."""

    PLACING = "placing"
    """The carrier was asked, and has not answered yet."""
    IN_PROGRESS = "in_progress"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class CallStatus:
    """A placed call under its id, and how far it is; `connected`: whether any two of its people
    talked (None: not known)."""

    id: str
    call: PlacedCall
    state: CallState
    connected: bool | None = None


@dataclass(frozen=True, slots=True)
class Occupied:
    """Why a call was not claimed: the `call` that its people are in (of the same app), or the
    `earlier` request of the same id; or both, when that request placed that call."""

    call: PlacedCall | None = None
    earlier: Earlier | None = None
