"""The end of a placed call, as a switch reports it."""

import json
from typing import Any

import pytest

from chalicelib.carriers.switch.wire_callbacks import read_event
from chalicelib.carriers.switch.wire_values import parse
from chalicelib.core.calls.events import Event, EventKind, PlacedLeg
from chalicelib.core.credentials import DialPlan
from chalicelib.core.subscribers import Subscriber

AT = 1_768_464_000_123
A, B, C = "447700900001", "447700900002", "447700900003"
PA, PB = Subscriber(A), Subscriber(B)


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


def read_one(**more: Any) -> Event:
    raw = parse(json.dumps(report(**more)).encode())
    (event,) = read_event(raw, carrier="switch", received=AT, plan=DialPlan()).events
    return event


def read(**more: Any) -> Any:
    event = read_one(**more)
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
    ("odd", "expected"),
    [
        ({"created": None}, {"created": None}),
        ({"created": True}, {"created": None}),
        ({"created": str(AT)}, {"created": AT}),
        ({"created": AT // 1000}, {"created": AT // 1000 * 1000}),
        ({"started": "now"}, {"started": None}),
        ({"started": "2026-01-15T16:00:00+08:00"}, {"started": 1_768_464_000_000}),
        ({"duration_s": -1}, {"duration_s": 0}),
        ({"duration_s": 10**9}, {"duration_s": 0}),
        ({"duration_s": "30.0"}, {"duration_s": 30}),
        ({"parties": "x"}, {"parties": ()}),
        ({"parties": [int(A), f"sip:+{B}@192.0.2.1"]}, {"parties": (PA, PB)}),
        # A conference without one of its people is another one.
        ({"parties": [A, "anonymous"]}, {"parties": ()}),
        ({"parties": [A] * 65}, {"parties": ()}),
        ({"legs": [1]}, {"legs": ()}),
        ({"legs": [{"number": None}]}, {"legs": ()}),
        ({"legs": [{"number": A, "cause": "sixteen"}]}, {"legs": (PlacedLeg(PA, None, None),)}),
        ({"legs": [{"number": A, "cause": 486}]}, {"legs": (PlacedLeg(PA, None, 17),)}),
        ({"status": None}, {"status": ""}),
        ({"account": 1}, {"account": "1"}),
    ],
)
def test_an_odd_member_loses_no_call(odd: dict[str, Any], expected: dict[str, Any]) -> None:
    placed = read(**odd)
    assert {name: getattr(placed, name) for name in expected} == expected


def test_other_events_have_none_of_it() -> None:
    assert read_one(type="call.ended").placed is None
