"""One record of each call, message and placed call: the same in whatever order its events came."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from chalicelib.core.calls.cdr import call_record
from chalicelib.core.calls.events import Event, EventKind, Outcome, Party, SmsResult
from chalicelib.core.calls.model import Call, Delivery, Stored
from chalicelib.core.calls.splitting import started_at
from chalicelib.core.subscribers import Subscriber

_T = TypeVar("_T")

RecordKind = Literal["call", "message", "placed"]
RecordingState = Literal["fetching", "kept", "lost"]


@dataclass(frozen=True, slots=True)
class KeptRecording:
    """A recording of a call: `id` is what it is asked for by, `expires` until when it is kept
    (epoch ms); bytes and md5 are known once it is kept."""

    id: str
    state: RecordingState
    size: int | None
    md5: str | None
    expires: int | None


@dataclass(frozen=True, slots=True)
class Record:
    """What there is to say of a call (or a message, which has no more than `started` and
    `sms_result`). `id` is ours, `call_id` the carrier's. Times are epoch ms; `ended`, `outcome` and
    `released_by` are None while a call has not ended. `events` are the kinds that were heard."""

    id: str
    kind: RecordKind
    call_id: str
    binding: str | None
    number: str | None
    caller: Subscriber | None
    callee: Subscriber | None
    parties: tuple[Subscriber, ...]
    started: int
    ringing: int | None
    answered: int | None
    ended: int | None
    talked_s: int
    released_by: Party | None
    outcome: Outcome | None
    cause: int | None
    result: str | None
    sms_result: SmsResult | None
    recordings: tuple[KeptRecording, ...]
    events: tuple[EventKind, ...]


def record_of(call: Call) -> Record | None:
    """The record of a call; None for one that is nothing but events that nobody understood."""
    events = [event for event in call.events if event.kind.traits.made]
    if not events:
        return None
    end = end_of(events)
    told = [end, *events] if end is not None else events
    placed = end.placed if end is not None else None
    read = call_record(end, events) if end is not None and placed is None else None
    answers = [event.at for event in events if event.kind is EventKind.CALL_ANSWERED]
    return Record(
        id=call.name,
        kind=_kind(events),
        call_id=events[0].call_id,
        binding=_first(event.binding for event in told),
        number=_first(event.number for event in told),
        caller=_first(event.caller for event in told) or (placed.caller if placed else None),
        callee=_first(event.callee for event in told),
        parties=placed.parties if placed else (),
        started=started_at(events),
        ringing=read.ringing if read else _ringing(events),
        answered=read.answered if read else min(answers, default=None),
        ended=end.at if end else None,
        talked_s=placed.duration_s if placed else read.talked_s if read else 0,
        released_by=read.released_by if read else None,
        outcome=read.outcome if read else None,
        cause=end.cause if end else None,
        result=_first(event.result for event in told) or (placed.status if placed else None),
        sms_result=_first(event.sms_result for event in events),
        recordings=tuple(_recordings(call.stored)),
        events=tuple(sorted({event.kind for event in events})),
    )


def end_of(events: Sequence[Event]) -> Event | None:
    """The event that ended a call; the latest, if a carrier told of several."""
    ends = [event for event in events if event.kind.traits.ends]
    return max(ends, key=lambda event: (event.at, event.id), default=None)


def _kind(events: Sequence[Event]) -> RecordKind:
    kinds = {event.kind for event in events}
    if EventKind.PLACED_ENDED in kinds:
        return "placed"
    return "message" if kinds == {EventKind.SMS_SENT} else "call"


def _ringing(events: Sequence[Event]) -> int | None:
    rings = [event.at for event in events if event.kind is EventKind.CALL_RINGING]
    return min(rings, default=None)


def _recordings(stored: Sequence[Stored]) -> Iterator[KeptRecording]:
    """In the order of their ids: some carriers do not say when one was made, and when we heard of
    it depends on the order in which they came."""
    for each in sorted(stored, key=lambda each: each.key.event):
        if each.event.kind is not EventKind.RECORDING_READY:
            continue
        kept = each.recording
        lost = each.progress.delivery in (Delivery.LOST, Delivery.UNMATCHED)
        yield KeptRecording(
            id=each.key.id,
            state="kept" if kept else "lost" if lost else "fetching",
            size=kept.size if kept else None,
            md5=kept.md5 if kept else None,
            expires=kept.expires if kept else None,
        )


def _first(values: Iterator[_T | None]) -> _T | None:
    return next((value for value in values if value is not None), None)
