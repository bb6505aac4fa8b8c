"""One id from a request through the queue to the delivery, and what every line of the log says."""

import json
from typing import Any

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core.calls.model import Task
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.webhooks.policy import Result
from chalicelib.jobs.transfer import transfer_batch
from chalicelib.telemetry import correlate, correlation, logger
from chalicelib.wiring import schedules
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import gateway
from tests.carriers.switch.conftest import Pbx, basic
from tests.stage import REQUEST_ID, A, Client, Receiver, Stage
from tests.test_jobs import attempts, deliver, ended
from tests.test_outages import Context

SENT = "trunk-call-77"


@pytest.fixture
def demo(stage: Stage, receiver: Receiver) -> Client:
    return stage.app(callback_url=receiver.url)


@pytest.fixture
def pbx(demo: Client, stage: Stage) -> Pbx:
    return Pbx(stage, basic("pbx", stage.switch("pbx")))


def lines(log: Any, message: str) -> list[dict[str, Any]]:
    return [line for line in log() if line["message"] == message]


def report(pbx: Pbx, sent: str = SENT, **more: Any) -> None:
    answer = pbx.post("/switch/events", [ended(**more)], **{"X-Request-Id": sent})
    assert answer.status == 200


def told_as(receiver: Receiver) -> list[str | None]:
    return [headers.get("X-Request-Id") for _, headers, _ in receiver.got]


def test_an_event_carries_its_requests_id_to_its_delivery(
    stage: Stage, pbx: Pbx, receiver: Receiver, log: Any
) -> None:
    report(pbx)
    report(pbx, "another", event_id="e2", call_id="c2")
    assert deliver(stage.messages()) == []
    assert sorted(map(str, told_as(receiver))) == ["another", SENT]
    for message in ("switch.events", "deliver"):
        assert sorted(line["correlation_id"] for line in lines(log, message)) == ["another", SENT]


def test_the_id_outlives_attempts_and_the_queue(stage: Stage, pbx: Pbx, receiver: Receiver) -> None:
    receiver.status = 500
    report(pbx)
    assert deliver(stage.messages()) == []
    stage.messages()
    assert attempts(stage) == [1]
    receiver.status = 200
    later = SYSTEM.now_ms() + 10 * MINUTE_MS
    gateway().shared(schedules.follow_up).run(now=later, time_left=lambda: True)
    (message,) = stage.messages()
    assert (
        gateway().shared(webhook_delivery).deliver(Task.from_text(message), now=later)
        is Result.DELIVERED
    )
    assert told_as(receiver) == [SENT, SENT]
    assert correlation() == SENT


def test_a_message_that_can_not_be_read_is_about_no_request_before_it(
    stage: Stage, demo: Client, log: Any
) -> None:
    correlate(SENT)
    batch = {"Records": [{"messageId": "1", "body": "{}"}]}
    transfer_batch(batch, lambda: 60_000)
    assert deliver(["{}"]) == ["{}"]
    assert [line for line in log() if "correlation_id" in line] == []


def test_a_repeat_under_another_id_is_the_same_event(
    stage: Stage, pbx: Pbx, receiver: Receiver
) -> None:
    report(pbx)
    report(pbx, "again")
    assert deliver(stage.messages()) == []
    assert set(told_as(receiver)) == {SENT}
    assert len(stage.deliveries()) == 1


@pytest.mark.parametrize("path", ["/smallphone/axb/bind", "/switch/route", "/v1/records", "/a/b"])
def test_every_answer_names_the_id_that_its_line_has(path: str, stage: Stage, log: Any) -> None:
    for sent, taken in ((SENT, SENT), (f"call-{A}", REQUEST_ID), (None, REQUEST_ID)):
        answer = stage.send(path, headers={"x-request-id": sent} if sent else {}, body="")
        assert answer.headers["X-Request-Id"] == taken
        assert log()[-1]["correlation_id"] == taken
        assert A not in json.dumps(log())


def test_lines_name_the_invocation_and_nothing_of_the_one_before(demo: Client, log: Any) -> None:
    import app

    worker = {"Records": [{"messageId": "1", "body": "{}"}]}
    for _ in range(2):
        app.deliver(worker, Context())
        logger().append_keys(left="behind")
    last = [line for line in log() if line["message"] == "deliver"]
    assert all("left" not in line for line in last)
    assert {line["function_request_id"] for line in last} == {Context.aws_request_id}
    assert {line["function_name"] for line in last} == {Context.function_name}
    assert last[-1]["cold_start"] is False
