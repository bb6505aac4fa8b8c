"""Events looked up: one with its attempts, and lists by state, kind and time."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.core.calls.model import Task
from chalicelib.core.webhooks.policy import OPEN_AFTER, OPEN_MS, RETRIES_S
from chalicelib.services.webhooks import event_list
from chalicelib.services.webhooks.event_list import SPAN_MS
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx
from tests.conventions import epoch_ms, rfc
from tests.rest.backend import Backend, is_problem, whole
from tests.stage import X1, A, B, Client, Clock, Receiver, Stage

KINDS = ("call.started", "call.answered", "call.ended")
NOBODY = "http://127.0.0.1:9/nobody"


@pytest.fixture
def client(stage: Stage, receiver: Receiver) -> Client:
    from admin import provision, receivers

    made = stage.app(callback_url=receiver.url)
    receivers.new_secret("demo")
    provision.set_app("demo", event_format="cloudevents")
    stage.forget()
    return made


@pytest.fixture
def calls(pbx: Pbx) -> Callable[[str, int], None]:
    """Reports a call of three events, a second apart."""

    def call(name: str, at: int) -> None:
        fields = {"call_id": name, "to": X1, "from": A, "callee": B}
        for number, kind in enumerate(KINDS):
            event = {"type": kind, "event_id": f"{name} {kind}", "at": at + 1_000 * number}
            pbx.report(event | fields)

    return call


def deliver(stage: Stage, now: int) -> None:
    for message in stage.messages():
        gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=now)


def listed(demo: Backend, query: str = "") -> list[dict[str, Any]]:
    return [each for page in pages(demo, query) for each in page]


def pages(demo: Backend, query: str) -> Iterator[list[dict[str, Any]]]:
    cursor = ""
    while True:
        page = demo.get(f"/v1/events?{query}{cursor}").json
        yield page["data"]
        if page["next_cursor"] is None:
            return
        cursor = f"&cursor={page['next_cursor']}"


def test_an_event_and_the_attempts_to_deliver_it(
    stage: Stage, demo: Backend, calls: Callable[..., None], receiver: Receiver, clock: Clock
) -> None:
    calls("one", clock.now - 9_000)
    receiver.status = 503
    began = clock.now
    deliver(stage, began)
    receiver.status = 200
    clock.advance(s=30)
    deliver(stage, clock.now)
    event = demo.get(f"/v1/events/{listed(demo)[-1]['id']}").json
    refused, taken = event["attempts"]
    assert (refused["at"], taken["at"]) == (rfc(began), rfc(clock.now))
    assert (refused["status"], refused["error"]) == (503, "status")
    assert (taken["status"], taken["error"]) == (200, None)
    assert all(0 <= each["duration_ms"] < 5_000 for each in event["attempts"])
    assert (event["kind"], event["state"]) == ("call.started", "delivered")
    assert (event["next_attempt"], event["failed"]) == (None, None)
    record = demo.get(f"/v1/records/{event['record']}").json
    assert (record["call_id"], record["id"]) == ("one", event["record"])


def test_an_endpoint_that_does_not_answer(
    stage: Stage, demo: Backend, calls: Callable[..., None], clock: Clock
) -> None:
    from admin import provision

    provision.set_app("demo", callback_url=NOBODY)
    stage.forget()
    calls("one", clock.now - 9_000)
    tasks = [Task.from_text(each) for each in stage.messages()]
    for task in tasks:
        gateway().shared(webhook_delivery).deliver(task, now=clock.now)
    assert len(tasks) == OPEN_AFTER
    # The circuit is open: put off once, and then an attempt without a request. Meanwhile another
    # event may try the endpoint.
    for tried in (tasks[0], tasks[1], tasks[0]):
        clock.advance(ms=OPEN_MS - 1_000 if tried is tasks[0] else 9_000)
        gateway().shared(webhook_delivery).deliver(tried, now=clock.now, queue="slow")
    event = demo.get(f"/v1/events/{tasks[0].key.id}").json
    shown = [(each["status"], each["error"]) for each in event["attempts"]]
    assert shown == [(None, "refused"), (None, "circuit_open")]
    assert event["state"] == "pending"
    assert epoch_ms(event["next_attempt"]) > clock.now


def test_lists_by_state(
    stage: Stage, demo: Backend, calls: Callable[..., None], receiver: Receiver, clock: Clock
) -> None:
    calls("taken", clock.now - 60_000)
    deliver(stage, clock.now)
    calls("waiting", clock.now - 30_000)
    waiting = [Task.from_text(each) for each in stage.messages()]
    receiver.status = 500
    now = clock.now
    for _ in range(len(RETRIES_S) + 1):
        gateway().shared(webhook_delivery).deliver(waiting[0], now=now)
        now += 30 * 3_600_000
    shown = {state: listed(demo, f"state={state}") for state in ("pending", "delivered", "dead")}
    assert [each["id"] for each in shown["dead"]] == [waiting[0].key.id]
    assert {each["id"] for each in shown["pending"]} == {each.key.id for each in waiting[1:]}
    assert len(shown["delivered"]) == len(KINDS)
    assert all(each["state"] == state for state, found in shown.items() for each in found)
    everything = listed(demo)
    assert len(everything) == 2 * len(KINDS)
    assert [each for each in everything if each["state"] == "dead"] == shown["dead"]


def test_lists_by_kind_and_time(
    demo: Backend, calls: Callable[..., None], other: Backend, clock: Clock
) -> None:
    at = clock.now - 60_000
    calls("one", at)
    calls("two", at + 10_000)
    assert [each["kind"] for each in listed(demo)] == [*reversed(KINDS), *reversed(KINDS)]
    ends = listed(demo, "kind=call.ended")
    assert [each["at"] for each in ends] == [rfc(at + 12_000), rfc(at + 2_000)]
    assert listed(demo, f"since={at + 12_000}") == ends[:1]
    assert listed(demo, f"kind=call.ended&until={at + 12_000}") == ends[1:]
    assert listed(demo, f"kind=call.ended&since={at + 3_000}&until={at + 3_000}") == []
    assert listed(demo, "kind=sms.sent") == []
    assert listed(other) == []


@pytest.mark.parametrize("state", ["", "state=pending&", "state=dead&"])
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
def test_each_event_is_on_one_page(
    stage: Stage,
    demo: Backend,
    calls: Callable[..., None],
    receiver: Receiver,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    state: str,
    limit: int,
) -> None:
    monkeypatch.setattr(event_list, "PAGE", 2)
    for number in range(5):
        calls(str(number), clock.now - 60_000 * number)
    if state == "state=dead&":
        die(stage, receiver, clock.now)
    whole_list = listed(demo, f"{state}limit=100")
    assert len(whole_list) == 5 * len(KINDS)
    found = list(pages(demo, f"{state}limit={limit}"))
    assert [each for page in found for each in page] == whole_list
    assert all(len(page) <= limit for page in found)


def die(stage: Stage, receiver: Receiver, now: int) -> None:
    receiver.status = 500
    for task in [Task.from_text(each) for each in stage.messages()]:
        at = now
        for _ in range(len(RETRIES_S) + 1):
            gateway().shared(webhook_delivery).deliver(task, now=at)
            at += 30 * 3_600_000
    receiver.status = 200


def test_a_list_goes_back_month_by_month(
    demo: Backend, calls: Callable[..., None], clock: Clock
) -> None:
    old = clock.now - 5 * SPAN_MS
    calls("old", old)
    calls("new", clock.now - 1_000)
    assert len(listed(demo)) == len(KINDS)
    found = list(pages(demo, f"since={old}"))
    assert sum(map(len, found)) == 2 * len(KINDS)
    assert len(found) > 1


def test_events_that_are_not_sent_are_unknown(
    stage: Stage, demo: Backend, other: Backend, calls: Callable[..., None], clock: Clock
) -> None:
    from admin import provision

    calls("one", clock.now - 9_000)
    (event, *_) = listed(demo)
    provision.set_app("demo", wants={"call.ended"})
    stage.forget()
    calls("two", clock.now - 1_000)
    assert [each["kind"] for each in listed(demo)][:1] == ["call.ended"]
    assert len(listed(demo)) == len(KINDS) + 1
    kept = next(
        f"{item['pk']['S'][2:]}{item['sk']['S']}.{name[1:]}"
        for item in stage.items("C#")
        for name, value in item.items()
        if len(name) == 23 and name[0] == "P" and value["M"]["delivery"]["S"] == "kept"
    )
    answers = [
        backend.get(f"/v1/events/{name}")
        for backend, name in (
            (demo, kept),
            (demo, "x"),
            (demo, f"{'a' * 22}.{'a' * 22}"),
            (other, event["id"]),
        )
    ]
    assert all(is_problem(each, 404, "unknown") for each in answers)
    assert len(set(map(whole, answers))) == 1
