"""The driver: messages to functions as Lambda does it, schedules, and how it survives errors."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from chalice.app import Chalice, Cron, Rate
from chalice.config import Config

from simulator.driver import (
    Functions,
    Schedule,
    Subscription,
    deliver_batch,
    interval_s,
    run_once,
    schedules,
    subscriptions,
)

MAX_RECEIVES = 2
NUMBER = "447700900001"


@pytest.fixture
def sqs(client: Callable[[str], Any]) -> Any:
    """SQS of the stand-in."""
    return client("sqs")


@pytest.fixture
def queues(sqs: Any, request: pytest.FixtureRequest) -> tuple[str, str]:
    """Addresses of a queue whose messages come again at once, and of its dead-letter queue."""
    name = request.node.name
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    redrive = {
        "deadLetterTargetArn": attributes["Attributes"]["QueueArn"],
        "maxReceiveCount": MAX_RECEIVES,
    }
    live = sqs.create_queue(
        QueueName=name,
        Attributes={"VisibilityTimeout": "0", "RedrivePolicy": json.dumps(redrive)},
    )
    return live["QueueUrl"], dead


def waiting(sqs: Any, url: str) -> int:
    """How many messages a queue holds."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def subscription(url: str, *, batch_size: int = 5) -> Subscription:
    """The function `deliver` on a queue."""
    return Subscription("deliver", url.rsplit("/", 1)[1], batch_size)


class Invoked:
    """Functions that keep their events, and raise while `failing`."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.failing = False

    def __call__(self, function: str, event: dict[str, Any]) -> None:
        self.events.append((function, event))
        if self.failing:
            raise RuntimeError(f"no answer for {NUMBER}")


def test_messages_come_as_from_lambda_and_are_gone_afterwards(
    sqs: Any, queues: tuple[str, str]
) -> None:
    url, _ = queues
    for body in ("one", "two", "three"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    invoke = Invoked()

    assert deliver_batch(sqs, url, subscription(url, batch_size=2), invoke, wait_s=0) == 2
    assert deliver_batch(sqs, url, subscription(url, batch_size=2), invoke, wait_s=0) == 1
    assert deliver_batch(sqs, url, subscription(url, batch_size=2), invoke, wait_s=0) == 0

    assert [function for function, _ in invoke.events] == ["deliver", "deliver"]
    records = [record for _, event in invoke.events for record in event["Records"]]
    assert sorted(record["body"] for record in records) == ["one", "three", "two"]
    assert len({record["messageId"] for record in records}) == 3
    assert {record["eventSource"] for record in records} == {"aws:sqs"}
    assert {record["attributes"]["ApproximateReceiveCount"] for record in records} == {"1"}
    assert waiting(sqs, url) == 0


def test_what_fails_comes_again_and_at_last_is_a_dead_letter(
    sqs: Any, queues: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    url, dead = queues
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    invoke = Invoked()
    invoke.failing = True
    for _ in range(MAX_RECEIVES):
        assert deliver_batch(sqs, url, subscription(url), invoke, wait_s=0) == 1
        assert waiting(sqs, url) == 1
        time.sleep(0.01)  # a visibility time-out of 0 still needs the clock to move

    invoke.failing = False
    sqs.send_message(QueueUrl=url, MessageBody="next")
    assert deliver_batch(sqs, url, subscription(url), invoke, wait_s=0) == 1
    assert invoke.events[-1][1]["Records"][0]["body"] == "next"
    assert (waiting(sqs, url), waiting(sqs, dead)) == (0, 1)

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == MAX_RECEIVES + 1
    assert "deliver failed, 1 message(s) will be redelivered: RuntimeError at" in lines[0]
    assert NUMBER not in "".join(lines)


def test_a_schedule_survives_its_function(capsys: pytest.CaptureFixture[str]) -> None:
    invoke = Invoked()
    invoke.failing = True
    run_once(Schedule("clean", 60), invoke)
    (line,) = capsys.readouterr().out.splitlines()
    assert "clean failed: RuntimeError at" in line
    assert NUMBER not in line
    ((function, event),) = invoke.events
    assert (function, event["detail-type"]) == ("clean", "Scheduled Event")


def application() -> tuple[Chalice, list[Any]]:
    """An application with a queue and a schedule, and what its functions were given."""
    app = Chalice(app_name="driven", configure_logs=False)
    given: list[Any] = []

    @app.on_sqs_message(queue="letters", batch_size=3)
    def deliver(event: Any) -> None:
        given.append([record.body for record in event])

    @app.schedule(Rate(5, unit=Rate.MINUTES))
    def clean(event: Any) -> None:
        given.append(event.context.get_remaining_time_in_millis())

    return app, given


def test_the_application_says_what_to_drive() -> None:
    app, _ = application()
    assert list(subscriptions(app)) == [Subscription("deliver", "letters", 3)]
    assert list(schedules(app)) == [Schedule("clean", 300)]


def test_functions_run_with_the_time_limit_of_their_configuration() -> None:
    app, given = application()
    functions = {"clean": {"lambda_timeout": 50}}
    config = Config(
        chalice_stage="local",
        config_from_disk={"app_name": "driven", "lambda_functions": functions},
    )
    invoke = Functions(app, config)
    run_once(Schedule("clean", 60), invoke)
    assert 45_000 < given[0] <= 50_000


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        (Rate(1, unit=Rate.MINUTES), 60),
        (Rate(2, unit=Rate.HOURS), 7200),
        ("rate(1 day)", 86400),
    ],
)
def test_the_interval_of_a_rate(expression: Any, seconds: float) -> None:
    assert interval_s(expression) == seconds


@pytest.mark.parametrize("expression", [Cron(0, 12, "*", "*", "?", "*"), "rate(often)", "1 minute"])
def test_what_is_no_rate(expression: Any) -> None:
    with pytest.raises(ValueError, match="rates only"):
        interval_s(expression)
