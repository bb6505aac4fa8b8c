"""Notes how far an event is, in a call that others work on at the same time."""

from chalicelib.core.calls.model import Call, Delivery, Progress, Recording, Stored
from chalicelib.core.errors import Contended
from chalicelib.store.calls import CallStore

TRIES = 8
"""How often it is noted anew because the call moved on meanwhile."""


def settle(
    events: CallStore,
    call: Call,
    stored: Stored,
    progress: Progress,
    *,
    recording: Recording | None = None,
) -> bool:
    """False if somebody else got further with the event meanwhile. Raises Contended if the call
    does not stand still, Unavailable."""
    for _ in range(TRIES):
        if events.settle(call, stored.key, progress, recording=recording):
            return True
        seen = events.call(call.id)
        current = seen.find(stored.key) if seen else None
        if seen is None or current is None:
            return False
        if current.progress != stored.progress and not _told_all_the_same(progress, current):
            return False
        call = seen
    raise Contended("many events of one call at once")


def _told_all_the_same(progress: Progress, current: Stored) -> bool:
    """Two told the app at once, and one of them was not heard: it was told."""
    told = progress.delivery is Delivery.DELIVERED
    return told and current.progress.delivery is Delivery.PENDING
