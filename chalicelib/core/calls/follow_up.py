"""When a call has to be followed up: delivered or fetched again, or checked for what it lacks."""

from collections.abc import Sequence

from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.missing_events import gaps_of
from chalicelib.core.calls.model import Call
from chalicelib.core.calls.splitting import split

CLAIM_MS = 10 * 60_000
"""How long a call, or a block of sequence numbers, is claimed by a run: no other run takes it,
whatever became of the queue messages about it."""
GRACE_MS = 60_000
"""The schedule follows up what a queue was sent this much later."""
SETTLED_MS = 30 * 60_000
"""A call that ended should be complete this long after its last event."""
UNFINISHED_MS = 4 * 3_600_000
"""A call should have ended this long after its first event."""
NOTED_MS = 10 * 60_000
"""How long after an event with a sequence number came the number is noted, with all that came
meanwhile."""
LATE_MS = 60_000
"""An event may be stored this much later than it was received, by whichever clock."""


def due_at(stored: Call, calls: Sequence[Call] | None = None) -> int | None:
    """When (epoch ms) something has to be done about what is stored under one key; None: never
    again. `calls` are those that it is split into, if that is known."""
    due = [each.progress.at + GRACE_MS for each in stored.stored if each.progress.open]
    look = next_look(stored, calls)
    return min([*due, *([look] if look is not None else [])], default=None)


def next_look(stored: Call, calls: Sequence[Call] | None = None) -> int | None:
    """When they have to be looked over; None: never again unless more events come."""
    times = (numbers_at(stored), *map(look_at, split(stored) if calls is None else calls))
    return min((at for at in times if at is not None), default=None)


def look_at(call: Call) -> int | None:
    """When what one call lacks should have come; None: it lacks nothing, or nothing came since it
    was looked over, or it is of no app."""
    if call.app is None or not gaps_of(call):
        return None
    parts = [event for event in call.events if event.kind.traits.part]
    received = [event.received for event in parts]
    ended = any(event.kind is EventKind.CALL_ENDED for event in parts)
    at = max(received) + SETTLED_MS if ended else min(received) + UNFINISHED_MS
    return at if call.looked < at else None


def numbers_at(call: Call) -> int | None:
    """When the sequence numbers of a call's events are to be noted; None: they are."""
    counted = [event.received for event in call.events if event.sequence is not None]
    new = [received for received in counted if received > call.looked - LATE_MS]
    return min(new) + NOTED_MS if new else None
