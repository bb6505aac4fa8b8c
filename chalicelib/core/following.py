"""When a call has to be looked at again."""

from chalicelib.core.events import Call, EventKind

GRACE_MS = 60_000
"""What a queue was told of is looked after by the schedule this much later."""
SETTLED_MS = 30 * 60_000
"""So long after its last event a call that ended should be complete,"""
UNFINISHED_MS = 4 * 3_600_000
"""and so long after its first one it should have ended."""

PARTS = frozenset(
    {
        EventKind.CALL_STARTED,
        EventKind.CALL_RINGING,
        EventKind.CALL_ANSWERED,
        EventKind.CALL_ENDED,
        EventKind.RECORDING_READY,
    }
)
"""Of what the record of a call is made."""


def due_at(call: Call) -> int | None:
    """When (epoch ms) something has to be done about a call; None: never again."""
    due = [each.progress.at + GRACE_MS for each in call.stored if each.progress.open]
    look = look_at(call)
    return min([*due, *([look] if look is not None else [])], default=None)


def look_at(call: Call) -> int | None:
    """When a call has to be looked over for what is missing; None: nothing can be, or it was."""
    parts = [event for event in call.events if event.kind in PARTS]
    if call.app is None or not parts or call.looked == len(call.stored):
        return None
    if complete(call):
        return None
    received = [event.received for event in parts]
    if any(event.kind is EventKind.CALL_ENDED for event in parts):
        return max(received) + SETTLED_MS
    return min(received) + UNFINISHED_MS


def complete(call: Call) -> bool:
    """Whether everything is there that should be, and nothing of it counted by its carrier."""
    kinds = {event.kind for event in call.events}
    started = EventKind.CALL_STARTED in kinds or any(e.started is not None for e in call.events)
    counted = any(event.sequence is not None for event in call.events)
    recorded = not call.recorded or EventKind.RECORDING_READY in kinds
    return EventKind.CALL_ENDED in kinds and started and recorded and not counted
