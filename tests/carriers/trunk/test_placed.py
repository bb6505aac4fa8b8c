"""The end of a placed call, as a switch reports it."""

from typing import Any

import pytest

from chalicelib.carriers.trunk.members import Malformed
from chalicelib.carriers.trunk.wire import read_event
from chalicelib.core.events import EventKind, PlacedLeg
from chalicelib.core.values import Subscriber

AT = 1_768_464_000_123
A, B, C = "447700900001", "447700900002", "447700900003"


def report(**more: Any) -> dict[str, Any]:
    leg = {"number": A, "ended_at": AT, "cause": 16}
    return {
        "event_id": "e",
        "type": "placed.ended",
        "call_id": "the-session",
        "at": AT,
        "kind": "call",
        "account": "caller",
        "from": A,
        "parties": [A, B],
        "created": AT - 40_000,
        "started": AT - 30_000,
        "duration_s": 30,
        "status": "success",
        "legs": [leg, {"number": B, "ended_at": None, "cause": None}],
    } | more


def read(**more: Any) -> Any:
    event = read_event(report(**more), carrier="trunk", received=AT)
    assert (event.kind, event.call_id, event.at) == (EventKind.PLACED_ENDED, "the-session", AT)
    return event.placed


def test_a_call() -> None:
    placed = read()
    assert (placed.conference, placed.account, placed.status) == (False, "caller", "success")
    assert placed.caller == Subscriber(A)
    assert placed.parties == (Subscriber(A), Subscriber(B))
    assert (placed.created, placed.started, placed.duration_s) == (AT - 40_000, AT - 30_000, 30)
    assert placed.legs == (
        PlacedLeg(Subscriber(A), AT, 16),
        PlacedLeg(Subscriber(B), None, None),
    )


def test_a_conference_has_no_caller() -> None:
    placed = read(kind="conference", parties=[A, B, C])
    assert (placed.conference, placed.caller, len(placed.parties)) == (True, None, 3)


def test_one_that_nobody_took() -> None:
    placed = read(started=None, duration_s=0, status="FAILED", legs=[])
    assert (placed.started, placed.duration_s, placed.status) == (None, 0, "failed")


@pytest.mark.parametrize(
    "wrong",
    [
        {"created": None},
        {"created": True},
        {"started": "now"},
        {"duration_s": -1},
        {"duration_s": 10**9},
        {"parties": "x"},
        {"parties": [1]},
        {"parties": [A] * 65},
        {"legs": [1]},
        {"legs": [{"number": None}]},
        {"legs": [{"number": A, "cause": 128}]},
        {"status": None},
        {"account": 1},
    ],
)
def test_what_can_not_be_read_is_malformed(wrong: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        read(**wrong)


def test_other_events_have_none_of_it() -> None:
    event = read_event(report(type="call.ended"), carrier="trunk", received=AT)
    assert event.placed is None
