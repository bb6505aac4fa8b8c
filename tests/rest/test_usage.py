"""GET /v1/usage: what an app is shown of what it used."""

from typing import Any

import pytest

from chalicelib.core.calls.usage import HOUR_MS, KEPT_MS, MARGIN_MS, SETTLES_MS, hour_at
from chalicelib.core.durations import DAY_MS
from tests.carriers.switch.conftest import Pbx
from tests.conventions import epoch_ms, rfc
from tests.rest.backend import Backend, is_problem
from tests.stage import X1, A, B, Client, Clock, Stage

NOTHING = {
    "bindings_made": 0,
    "calls": 0,
    "connected_calls": 0,
    "minutes_begun": 0,
    "messages": 0,
    "recordings": 0,
    "events_delivered": 0,
    "events_dead_lettered": 0,
}


@pytest.fixture
def client(stage: Stage) -> Client:
    return stage.app(wants={"recording.ready"})


def talk(pbx: Pbx, at: int, name: str = "call") -> None:
    """A call of 61 seconds, and a message."""
    about = {"to": X1, "from": A}
    call = about | {"call_id": name, "callee": B}
    pbx.report({"type": "call.started", "event_id": f"{name} s", "at": at, **call})
    pbx.report({"type": "call.answered", "event_id": f"{name} a", "at": at + 4_000, **call})
    pbx.report({"type": "call.ended", "event_id": f"{name} e", "at": at + 65_000, **call})
    sms = {"type": "sms.sent", "event_id": f"{name} m", "call_id": f"{name} m", "callee": B}
    pbx.report({**sms, "at": at, **about})


def counts(usage: dict[str, Any]) -> dict[str, Any]:
    return {name: usage[name] for name in NOTHING}


def test_calls_messages_and_bindings_are_counted(
    demo: Backend, other: Backend, client: Client, pbx: Pbx, clock: Clock
) -> None:
    made = clock.now
    assert client.bind().code == 200
    talk(pbx, made + 1_000)
    clock.advance(ms=SETTLES_MS)
    usage = demo.get("/v1/usage").json
    used = NOTHING | {
        "bindings_made": 1,
        "calls": 1,
        "connected_calls": 1,
        "minutes_begun": 2,
        "messages": 1,
    }
    assert usage == used | {
        "since": rfc(hour_at(clock.now - 30 * DAY_MS)),
        "until": rfc(hour_at(clock.now)),
        "complete_until": rfc(hour_at(made) + HOUR_MS),
    }
    assert counts(other.get("/v1/usage").json) == NOTHING


def test_an_hour_that_is_not_settled_is_not_in_the_sums(
    demo: Backend, pbx: Pbx, clock: Clock
) -> None:
    at = clock.now
    talk(pbx, at)
    clock.now = hour_at(at) + SETTLES_MS - 1
    usage = demo.get(f"/v1/usage?since={at}").json
    assert counts(usage) == NOTHING
    assert usage["complete_until"] == usage["since"] == rfc(hour_at(at))


def test_by_day(demo: Backend, pbx: Pbx, clock: Clock) -> None:
    at = clock.now
    talk(pbx, at - 2 * DAY_MS)
    talk(pbx, at - DAY_MS, "later")
    clock.advance(ms=2 * MARGIN_MS)
    usage = demo.get(f"/v1/usage?by=day&since={rfc(at - 2 * DAY_MS)}").json
    day = {"calls": 1, "connected_calls": 1, "minutes_begun": 2, "messages": 1}
    shown = [(each["day"], counts(each)) for each in usage["days"]]
    assert shown == [
        ("2026-01-13", NOTHING | day),
        ("2026-01-14", NOTHING | day),
        ("2026-01-15", NOTHING),
    ]
    assert counts(usage) == NOTHING | {name: 2 * number for name, number in day.items()}
    before = demo.get(f"/v1/usage?since={at - 2 * DAY_MS}&until={at - DAY_MS}").json
    assert counts(before) == NOTHING | day
    assert "days" not in before


def test_no_more_than_is_kept_and_nothing_that_is_still_to_come(
    demo: Backend, clock: Clock
) -> None:
    usage = demo.get("/v1/usage?since=0&until=2030-01-01T00:00:00Z").json
    assert epoch_ms(usage["since"]) == hour_at(clock.now - KEPT_MS)
    assert epoch_ms(usage["until"]) == hour_at(clock.now)
    assert usage["complete_until"] == rfc(hour_at(clock.now - SETTLES_MS) + HOUR_MS)
    backwards = demo.get(f"/v1/usage?by=day&since={clock.now}&until=0").json
    assert backwards["since"] == backwards["until"] == backwards["complete_until"]
    assert backwards["days"] == []


def test_what_can_not_be_asked_for_is_named(demo: Backend) -> None:
    answer = demo.get("/v1/usage?by=week&since=yesterday")
    is_problem(answer, 400, "bad-parameter")
    assert [each["pointer"] for each in answer.json["errors"]] == ["/by", "/since"]
