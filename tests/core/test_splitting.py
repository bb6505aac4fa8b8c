"""Calls taken apart that are stored under one key: the same in whatever order their events came."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from types import FrameType

import pytest

from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.splitting import split
from tests.core.samples import call_of, event

HOUR = 3_600_000
LATE = 5 * HOUR


def ends(*bindings: str | None) -> list[Event]:
    """The records of calls an hour apart, each of a binding."""
    return [
        event(EventKind.CALL_ENDED, n * HOUR + 60_000, started=n * HOUR, binding=binding)
        for n, binding in enumerate(bindings)
    ]


def recording(name: str, binding: str | None) -> Event:
    """A recording that does not say when it was made, as NetEase tells of it."""
    return event(EventKind.RECORDING_READY, LATE, url=name, binding=binding, timed=False)


def taken_apart(calls: Sequence[Event], recordings: Sequence[Event]) -> list[set[str | None]]:
    """The recordings of each call; fails unless they are the same in any order."""
    seen = []
    for turn in permutations(range(len(recordings))):
        received = [
            replace(each, at=LATE + at, received=LATE + at)
            for each, at in zip(recordings, turn, strict=True)
        ]
        stored = call_of(*calls, *received)
        seen.append([{each.url for each in part.events if each.url} for part in split(stored)])
    assert all(each == seen[0] for each in seen)
    return seen[0]


@pytest.mark.parametrize(
    ("bindings", "recordings", "of_each"),
    [
        (["b", "b"], [("x", "b")], [set(), {"x"}]),
        (["b", "c"], [("x", "b"), ("y", "c")], [{"x"}, {"y"}]),
        (["b", "c"], [("x", "b"), ("y", None)], [{"x"}, {"y"}]),
        (["b", "c"], [("x", None), ("y", "c")], [{"x"}, {"y"}]),
        (["b", "c", "c"], [("x", "c"), ("y", None)], [set(), {"y"}, {"x"}]),
        ([None, "c"], [("x", "b")], [set(), {"x"}]),
    ],
)
def test_a_recording_without_a_time_is_of_the_latest_call_of_its_binding_that_lacks_one(
    bindings: list[str | None],
    recordings: list[tuple[str, str | None]],
    of_each: list[set[str | None]],
) -> None:
    assert taken_apart(ends(*bindings), [recording(*each) for each in recordings]) == of_each


def test_of_two_of_one_binding_each_call_has_one_in_any_order() -> None:
    told = [recording("x", "b"), recording("y", "b")]
    apart = taken_apart(ends("b", "b"), told)
    assert sorted(map(sorted, apart)) == [["x"], ["y"]]


def test_a_message_is_no_part_of_a_call_and_one_reported_twice_is_one() -> None:
    """A vendor may count both anew, and report one again with another word."""
    sent = [
        event(EventKind.SMS_SENT, at, id="", started=at, result=result)
        for at, result in ((30_000, "ok"), (30_000, "delivered"), (HOUR, "ok"))
    ]
    for turn in permutations([*ends("b"), *sent]):
        parts = split(call_of(*turn))
        kinds = [[each.kind.value for each in part.events] for part in parts]
        assert kinds == [["call.ended"], ["sms.sent", "sms.sent"], ["sms.sent"]]


def test_messages_of_one_dialog_are_several() -> None:
    """A telephone may send many under one Call-ID, in the same millisecond even; a switch tells
    them apart by the ids of its events."""
    sent = [event(EventKind.SMS_SENT, 30_000, id=name, result="ok") for name in ("x", "y", "z")]
    sent.append(event(EventKind.SMS_SENT, 30_001, id="x", result="delivered"))
    for turn in permutations(sent):
        parts = split(call_of(*turn))
        assert [{each.id for each in part.events} for part in parts] == [{"x"}, {"y"}, {"z"}]
        assert len({part.part for part in parts}) == len(parts)


@pytest.mark.parametrize("timed", [True, False])
def test_a_message_without_a_time_is_no_part_of_a_call_either(timed: bool) -> None:
    told = event(EventKind.SMS_SENT, LATE, id="", timed=False)
    end = event(EventKind.CALL_ENDED, 60_000, timed=timed)
    for turn in permutations([told, end, event(EventKind.RECORDING_READY, LATE, timed=False)]):
        kinds = [{each.kind.value for each in part.events} for part in split(call_of(*turn))]
        assert {"sms.sent"} in kinds
        assert {"call.ended", "recording.ready"} in kinds


@pytest.mark.parametrize("kind", [EventKind.CALL_GAP, EventKind.RECORDING_READY])
def test_many_events_under_one_key_take_time_in_proportion(kind: EventKind) -> None:
    """A carrier may report hundreds under one id: as many comparisons for each would take seconds
    of every write. What is counted are calls of functions, not the time that they take."""
    calls = ends(*(f"b{n}" for n in range(300)))
    told = [
        event(kind, LATE, id=f"t{n}", binding=f"b{n}", started=n * HOUR, timed=False)
        for n in range(300)
    ]
    called = 0

    def count(_frame: FrameType, what: str, _: object) -> None:
        nonlocal called
        called += what == "call"

    stored = call_of(*calls, *told)
    sys.setprofile(count)
    try:
        parts = split(stored)
    finally:
        sys.setprofile(None)
    assert [len(part.stored) for part in parts] == [2] * 300
    assert [part.events[0].binding for part in parts] == [part.events[1].binding for part in parts]
    assert called <= 100 * 600


def test_calls_by_a_clock_that_was_never_set_are_split_and_named() -> None:
    before_1970 = [
        event(EventKind.CALL_ENDED, at, started=at - 600_000) for at in (5_000, 5_000 + HOUR // 4)
    ]
    calls = list(split(call_of(*before_1970, *ends("b"))))
    names = {call.name for call in calls}
    assert len(calls) == len(names) == 3
