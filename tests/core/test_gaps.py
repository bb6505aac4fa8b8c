"""What the record of a call lacks, and when that is looked for."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from chalicelib.core.calls.events import Event, EventKind, Outcome, PlacedEnd, RejectReason
from chalicelib.core.calls.follow_up import (
    GRACE_MS,
    LATE_MS,
    NOTED_MS,
    SETTLED_MS,
    UNFINISHED_MS,
    due_at,
    look_at,
    next_look,
    numbers_at,
)
from chalicelib.core.calls.missing_events import Gap, gap_event, gaps_of, unreported
from chalicelib.core.calls.model import Call, Delivery, EventKey, Progress, Stored
from chalicelib.core.subscribers import Subscriber
from tests.core.samples import event

AT = 1_768_464_000_000
X = "8610000000001"


def part(kind: EventKind, **more: Any) -> Event:
    return event(kind, more.pop("at", AT), **({"binding": "b", "number": X} | more))


START = part(EventKind.CALL_STARTED)
RINGING = part(EventKind.CALL_RINGING, at=AT + 1_000)
ANSWER = part(EventKind.CALL_ANSWERED, at=AT + 5_000)
END = part(EventKind.CALL_ENDED, at=AT + 60_000)
RECORDING = part(EventKind.RECORDING_READY, at=AT + 120_000)
SMS = part(EventKind.SMS_SENT)
PLACED = replace(
    part(EventKind.PLACED_ENDED),
    placed=PlacedEnd(False, "a", Subscriber("447700900001"), (), AT, None, 0, "failed"),
)


def call(*events: Event, delivery: Delivery = Delivery.KEPT, **more: Any) -> Call:
    stored = tuple(
        Stored(EventKey("c", each.id), each, Progress(delivery, 0, each.received))
        for each in events
    )
    return Call(**{"id": "c", "app": "demo", "version": 1, "stored": stored} | more)


@pytest.mark.parametrize(
    ("known", "gaps"),
    [
        ([START, ANSWER, END], []),
        ([START, END], []),
        ([ANSWER, END], [Gap.NO_START]),
        ([RINGING, END], [Gap.NO_START]),
        ([END], [Gap.NO_START]),
        ([START], [Gap.NO_END]),
        ([RINGING], [Gap.NO_END]),
        ([ANSWER], [Gap.NO_END]),
        ([START, ANSWER, RECORDING], [Gap.NO_END]),
        ([RECORDING], [Gap.NO_END]),
        ([SMS], []),
        ([part(EventKind.UNKNOWN)], []),
        ([PLACED], []),
        ([PLACED, RECORDING], []),
        ([PLACED, START], []),
    ],
)
def test_what_is_missing_is_found_in_whatever_order_it_came(
    known: list[Event], gaps: list[Gap]
) -> None:
    for order in permutations(known):
        assert gaps_of(call(*order)) == gaps


@pytest.mark.parametrize(
    "told",
    [
        {"started": AT},
        {"ringing": AT},
        {"answered": AT},
        {"outcome": Outcome.NO_ANSWER},
    ],
)
def test_who_tells_of_a_whole_call_at_its_end_tells_its_start(told: dict[str, Any]) -> None:
    assert gaps_of(call(replace(END, **told))) == []


@pytest.mark.parametrize(
    ("turned", "gaps"),
    [
        ({"binding": None, "rejected": RejectReason.THIRD_PARTY}, []),
        ({"binding": None}, []),
        ({"binding": "", "rejected": RejectReason.NO_BINDING}, []),
        ({"rejected": RejectReason.EXPIRED}, []),
        ({"binding": None, "carrier_binding": "theirs"}, [Gap.NO_START]),
    ],
)
def test_who_was_turned_away_may_be_no_more_than_an_end(
    turned: dict[str, Any], gaps: list[Gap]
) -> None:
    end = replace(END, **turned)
    assert gaps_of(call(end)) == gaps
    # Nobody answers who was turned away.
    assert gaps_of(call(ANSWER, end)) == [Gap.NO_START]


@pytest.mark.parametrize(
    ("known", "gaps"),
    [
        ([START, ANSWER, END], [Gap.NO_RECORDING]),
        ([replace(END, started=AT, answered=AT)], [Gap.NO_RECORDING]),
        ([START, ANSWER, END, RECORDING], []),
        ([START, RINGING, END], []),
        ([START, ANSWER], [Gap.NO_END]),
        ([ANSWER, END], [Gap.NO_START, Gap.NO_RECORDING]),
    ],
)
def test_of_what_is_recorded_and_was_answered_there_is_a_recording(
    known: list[Event], gaps: list[Gap]
) -> None:
    assert gaps_of(call(*known, recorded=frozenset({"b"}))) == gaps
    assert Gap.NO_RECORDING not in gaps_of(call(*known))


def test_a_gap_is_told_as_an_event_of_its_call() -> None:
    lacking = call(replace(ANSWER, number=None), replace(END, caller=Subscriber("447700900001")))
    told = gap_event(lacking, Gap.NO_START, now=AT + 9)
    assert (told.kind, told.result) == (EventKind.CALL_GAP, "no_start")
    assert (told.carrier, told.call_id) == (END.carrier, END.call_id)
    assert (told.binding, told.number, told.caller) == ("b", X, Subscriber("447700900001"))
    assert told.id == gap_event(lacking, Gap.NO_START, now=AT + 99).id
    assert told.id != gap_event(lacking, Gap.NO_END, now=AT + 9).id
    assert told.id != gap_event(replace(lacking, id="d"), Gap.NO_START, now=AT + 9).id
    assert unreported(lacking) == [Gap.NO_START]
    again = call(*lacking.events, told, recorded=frozenset({"b"}))
    assert gaps_of(again) == [Gap.NO_START, Gap.NO_RECORDING]
    assert unreported(again) == [Gap.NO_RECORDING]


# When it is looked for.


@pytest.mark.parametrize(
    ("known", "at"),
    [
        ([START, ANSWER, END], None),
        ([SMS], None),
        ([ANSWER, END], END.received + SETTLED_MS),
        ([ANSWER, END, RECORDING], RECORDING.received + SETTLED_MS),
        ([ANSWER, END, replace(SMS, received=AT + 10**9)], END.received + SETTLED_MS),
        ([START, ANSWER], START.received + UNFINISHED_MS),
    ],
)
def test_a_call_is_looked_over_once_nothing_of_it_is_on_its_way(
    known: list[Event], at: int | None
) -> None:
    assert due_at(call(*known)) == look_at(call(*known)) == at
    assert look_at(call(*known, app=None)) is None
    if at is not None:
        assert look_at(call(*known, looked=at - 1)) == at
        assert look_at(call(*known, looked=at)) is None


def test_what_was_told_of_a_gap_is_nothing_to_look_for() -> None:
    looked = END.received + SETTLED_MS
    told = gap_event(call(ANSWER, END), Gap.NO_START, now=looked)
    assert due_at(call(ANSWER, END, told, looked=looked)) is None
    # But it has to be told.
    pending = call(ANSWER, END, told, looked=looked, delivery=Delivery.PENDING)
    assert due_at(pending) == min(each.progress.at for each in pending.stored) + GRACE_MS


def test_what_comes_late_is_looked_over_in_its_turn() -> None:
    looked = ANSWER.received + UNFINISHED_MS
    late = replace(END, received=looked + 1)
    assert look_at(call(ANSWER, looked=looked)) is None
    assert look_at(call(ANSWER, late, looked=looked)) == late.received + SETTLED_MS
    assert look_at(call(START, ANSWER, late, looked=looked)) is None


def test_the_numbers_of_a_call_are_noted_soon_and_once() -> None:
    counted = [replace(START, sequence=0), replace(END, sequence=1)]
    for app in ("demo", None):
        assert numbers_at(call(*counted, app=app)) == AT + NOTED_MS
        assert due_at(call(*counted, app=app)) == AT + NOTED_MS
    looked = AT + NOTED_MS
    assert numbers_at(call(*counted, looked=looked)) is None
    # One that came while it was looked over may not have been seen.
    for ago, new in ((LATE_MS - 1, True), (LATE_MS, False)):
        late = replace(RECORDING, sequence=2, received=looked - ago)
        at = late.received + NOTED_MS if new else None
        assert numbers_at(call(*counted, late, looked=looked)) == at
    assert numbers_at(call(START, END)) is None


@pytest.mark.parametrize("kind", [EventKind.SMS_SENT, EventKind.UNKNOWN, EventKind.PLACED_ENDED])
def test_every_event_that_is_counted_is_noted(kind: EventKind) -> None:
    assert next_look(call(part(kind, sequence=7))) == AT + NOTED_MS


def test_a_call_that_is_counted_is_looked_over_for_what_it_lacks_too() -> None:
    open_call = call(replace(START, sequence=0), looked=AT + NOTED_MS)
    assert next_look(open_call) == AT + UNFINISHED_MS
