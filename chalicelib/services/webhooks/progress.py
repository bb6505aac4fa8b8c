"""Saves how far an event is while other workers change the same call."""

from chalicelib.core.calls.model import Call, Delivery, Progress, Recording, Stored
from chalicelib.core.errors import Contended
from chalicelib.store.calls import CallStore

TRIES = 8
"""How often the write is tried, each time on the call as it is then."""


def save_progress(
    events: CallStore,
    call: Call,
    stored: Stored,
    progress: Progress,
    *,
    recording: Recording | None = None,
) -> bool:
    """Saves the progress of an event, and its recording. False, and nothing is saved, if another
    worker has saved other progress since the event was read. Raises Contended if the call changes
    all the time, Unavailable."""
    for _ in range(TRIES):
        if events.settle(call, stored.key, progress, recording=recording):
            return True
        seen = events.call(call.id)
        current = seen.find(stored.key) if seen else None
        if seen is None or current is None:
            return False
        if current.progress != stored.progress and not _delivered_anyway(progress, current):
            return False
        call = seen
    raise Contended("many events of one call at once")


def _delivered_anyway(progress: Progress, current: Stored) -> bool:
    """Two workers sent the event at once and only one of them got the answer: it was delivered."""
    delivered = progress.delivery is Delivery.DELIVERED
    return delivered and current.progress.delivery is Delivery.PENDING
