"""What the record of a call lacks."""

from collections.abc import Iterator
from enum import StrEnum
from typing import TypeVar

from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import Call
from chalicelib.core.calls.splitting import started_at

_T = TypeVar("_T")


class Gap(StrEnum):
    """What a call lacks."""

    NO_START = "no_start"
    NO_END = "no_end"
    NO_RECORDING = "no_recording"


def gaps_of(call: Call) -> list[Gap]:
    """What a call lacks once everything that may still come has come. A placed call lacks nothing:
    its carrier reports it once, when it is over."""
    kinds = {event.kind for event in call.events}
    if EventKind.PLACED_ENDED in kinds:
        return []
    ends = [event for event in call.events if event.kind is EventKind.CALL_ENDED]
    answered = EventKind.CALL_ANSWERED in kinds or any(
        end.answered is not None or end.talked_s for end in ends
    )
    begun = EventKind.CALL_STARTED in kinds or any(
        _reports_all(end) or (_turned_away(end) and not answered) for end in ends
    )
    missing = {
        Gap.NO_START: bool(ends) and not begun,
        # No call has a part and does not end.
        Gap.NO_END: not ends and any(kind.traits.part for kind in kinds),
        # The recording of a call that nobody heard the end of may be as long as that.
        Gap.NO_RECORDING: any(event.binding in call.recorded for event in call.events)
        and answered
        and bool(ends)
        and EventKind.RECORDING_READY not in kinds,
    }
    return [gap for gap, lacks in missing.items() if lacks]


def unreported(call: Call) -> list[Gap]:
    """The gaps of a call that no event of it reports."""
    reported = {event.result for event in call.events if event.kind is EventKind.CALL_GAP}
    return [gap for gap in gaps_of(call) if gap not in reported]


def gap_event(call: Call, gap: Gap, *, now: int) -> Event:
    """The event that reports a gap: the same one whoever found it, so that it is delivered once."""
    events = call.events
    return Event(
        id=f"{gap} {call.name}",
        kind=EventKind.CALL_GAP,
        carrier=events[0].carrier,
        call_id=events[0].call_id,
        at=now,
        received=now,
        binding=_first(event.binding for event in events),
        number=_first(event.number for event in events),
        caller=_first(event.caller for event in events),
        callee=_first(event.callee for event in events),
        carrier_binding=_first(event.carrier_binding for event in events),
        result=gap,
        started=started_at(events),
        node=events[0].node,
    )


def _reports_all(end: Event) -> bool:
    """A carrier that reports a whole call at its end may leave out when it began."""
    course = (end.started, end.ringing, end.answered, end.outcome)
    return any(each is not None for each in course)


def _turned_away(end: Event) -> bool:
    """A call that was put through to nobody may be no more than its end."""
    bound = end.binding or end.carrier_binding
    return end.rejected is not None or not bound


def _first(values: Iterator[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)
