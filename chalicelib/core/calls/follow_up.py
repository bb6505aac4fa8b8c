"""When a call has to be looked at again."""

from collections.abc import Sequence

from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.missing import gaps_of
from chalicelib.core.calls.model import Call
from chalicelib.core.calls.splitting import split

CLAIM_MS = 10 * 60_000
"""A call, or a block of numbers, that a run has taken is not taken by another one for so long,
whatever became of the messages about it."""
GRACE_MS = 60_000
"""What a queue was told of is looked after by the schedule this much later."""
SETTLED_MS = 30 * 60_000
"""So long after its last event a call that ended should be complete,"""
UNFINISHED_MS = 4 * 3_600_000
"""and so long after its first one it should have ended."""
NOTED_MS = 10 * 60_000
"""So long after a counted event came its number is noted, with those of the others that came."""
LATE_MS = 60_000
"""So much later than it was received an event may be stored, by whichever clock."""


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
    """When what one call lacks is not on its way any more; None: it lacks nothing, or nothing came
    since it was looked over, or it is nobody's."""
    if call.app is None or not gaps_of(call):
        return None
    parts = [event for event in call.events if event.kind.traits.part]
    received = [event.received for event in parts]
    ended = any(event.kind is EventKind.CALL_ENDED for event in parts)
    at = max(received) + SETTLED_MS if ended else min(received) + UNFINISHED_MS
    return at if call.looked < at else None


def numbers_at(call: Call) -> int | None:
    """When the numbers of a call's events are to be noted, whosever it is; None: they are."""
    counted = [event.received for event in call.events if event.sequence is not None]
    new = [received for received in counted if received > call.looked - LATE_MS]
    return min(new) + NOTED_MS if new else None
