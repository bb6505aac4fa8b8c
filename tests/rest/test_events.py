"""Events whose receiver never took them: an app lists them, and has them told again."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.calls.model import Task
from chalicelib.core.webhooks.policy import RETRIES_S
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx
from tests.conventions import epoch_ms, rfc
from tests.rest.backend import Backend, is_problem, whole
from tests.stage import X1, A, B, Clock, Receiver, Stage

Die = Callable[..., None]
EVENT = {"id", "record", "kind", "at", "state", "attempts", "next_attempt", "failed"}


@pytest.fixture
def demo(stage: Stage, receiver: Receiver) -> Backend:
    client = stage.app(callback_url=receiver.url)
    return Backend(stage, client.key, client.secret)


@pytest.fixture
def dies(stage: Stage, demo: Backend, pbx: Pbx, receiver: Receiver, clock: Clock) -> Die:
    """Lets the end of a call be told until it is given up."""

    def die(name: str, at: int) -> None:
        receiver.status = 500
        fields = {"call_id": name, "to": X1, "from": A, "callee": B}
        pbx.report({"type": "call.ended", "event_id": name, "at": at, **fields})
        (message,) = stage.messages()
        task, now = Task.from_text(message), clock.now
        for _ in range(len(RETRIES_S) + 1):
            gateway().shared(webhook_delivery).deliver(task, now=now)
            now += 30 * 3_600_000
        stage.messages()
        receiver.status = 200
        receiver.got.clear()

    return die


def dead(demo: Backend, query: str = "") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = demo.get(f"/v1/events?state=dead&{query}").json["data"]
    return listed


def test_listed_newest_first(demo: Backend, dies: Die, clock: Clock) -> None:
    assert demo.get("/v1/events").json == {"data": [], "next_cursor": None}
    dies("old", clock.now - 2_000)
    dies("new", clock.now - 1_000)
    new, old = dead(demo)
    assert (new["at"], old["at"]) == (rfc(clock.now - 1_000), rfc(clock.now - 2_000))
    assert new.keys() == EVENT
    assert (new["kind"], new["state"], new["next_attempt"]) == ("call.ended", "dead", None)
    assert [each["status"] for each in new["attempts"]] == [500] * (len(RETRIES_S) + 1)
    assert epoch_ms(new["failed"]) > clock.now
    assert dead(demo, f"since={clock.now - 1_000}") == [new]
    assert dead(demo, f"until={clock.now - 1_000}") == [old]
    for state in ("", "state=dead&"):
        page = demo.get(f"/v1/events?{state}limit=1").json
        assert page["data"] == [new]
        last = demo.get(f"/v1/events?{state}limit=1&cursor={page['next_cursor']}").json
        assert last == {"data": [old], "next_cursor": None}


def test_one_is_told_again(
    stage: Stage, demo: Backend, dies: Die, receiver: Receiver, clock: Clock
) -> None:
    dies("one", clock.now - 2_000)
    dies("two", clock.now - 1_000)
    two, one = dead(demo)
    answer = demo.post(f"/v1/events/{one['id']}/redeliver")
    assert (answer.status, answer.json) == (202, {"id": one["id"]})
    (message,) = stage.messages()
    gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=clock.now)
    assert len(receiver.got) == 1
    assert dead(demo) == [two]
    # Once more, though it was told: whoever lost it asks for it.
    assert demo.post(f"/v1/events/{one['id']}/redeliver").status == 202
    assert len(stage.messages()) == 1


def test_all_of_a_time_are_told_again(
    stage: Stage, demo: Backend, dies: Die, receiver: Receiver, clock: Clock
) -> None:
    for i in range(4):
        dies(str(i), clock.now - 4_000 + i * 1_000)
    span = {"since": clock.now - 3_000, "until": clock.now - 1_000}
    answer = demo.post("/v1/events/redeliver", span)
    assert (answer.status, answer.json) == (202, {"redelivered": 2, "more": False})
    for message in stage.messages():
        gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=clock.now)
    assert len(receiver.got) == 2
    assert [each["at"] for each in dead(demo)] == [
        rfc(clock.now - 1_000),
        rfc(clock.now - 4_000),
    ]
    assert demo.post("/v1/events/redeliver", span).json == {"redelivered": 0, "more": False}


def test_a_foreign_one_is_an_unknown_one(
    stage: Stage, demo: Backend, other: Backend, dies: Die, clock: Clock
) -> None:
    dies("c", clock.now - 1_000)
    (event,) = dead(demo)
    assert dead(other) == []
    answers = [
        other.post(f"/v1/events/{each}/redeliver")
        for each in (event["id"], event["id"].swapcase(), "x", f"{'a' * 22}.{'a' * 22}")
    ]
    assert all(is_problem(each, 404, "unknown") for each in answers)
    assert len(set(map(whole, answers))) == 1
    span = {"since": 0, "until": clock.now}
    assert other.post("/v1/events/redeliver", span).json == {"redelivered": 0, "more": False}
    assert stage.messages() == []
    assert dead(demo) == [event]


def test_no_time_has_no_events(demo: Backend, dies: Die, clock: Clock) -> None:
    dies("one", clock.now - 1_000)
    span = {"since": clock.now, "until": clock.now - 5_000}
    assert demo.post("/v1/events/redeliver", span).json == {"redelivered": 0, "more": False}


@pytest.mark.parametrize("query", ["state=alive", "since=x", "limit=0", "cursor=x"])
def test_what_can_not_be_listed(demo: Backend, query: str) -> None:
    is_problem(demo.get(f"/v1/events?{query}"), 400, "bad-parameter")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({}, "bad-parameter"),
        ({"since": 1}, "bad-parameter"),
        ({"until": 1}, "bad-parameter"),
        ({"since": "x", "until": 1}, "bad-parameter"),
        ({"since": 1, "until": 2, "app": "other"}, "bad-parameter"),
        ("", "malformed"),
    ],
)
def test_what_can_not_be_told_again(demo: Backend, body: Any, word: str) -> None:
    is_problem(demo.post("/v1/events/redeliver", body), 400, word)
