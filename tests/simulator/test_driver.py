"""The driver: messages to functions as Lambda does it, schedules, and how it survives errors."""

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from chalice.app import Chalice, Cron, Rate
from chalice.config import Config

from simulator.driver import (
    Functions,
    Schedule,
    interval_s,
    keep_running,
    run_once,
    schedules,
    subscriptions,
)
from simulator.polling import FEWEST, MOST, Pollers, Subscription, hand_over, receive
from tests.simulator.outside import wait_until

MAX_RECEIVES = 2
NUMBER = "447700900001"
Polling = Callable[[Subscription, Callable[..., Any]], Pollers]
_names = itertools.count()


@pytest.fixture
def sqs(client: Callable[[str], Any]) -> Any:
    """SQS of the stand-in."""
    return client("sqs")


@pytest.fixture
def queues(sqs: Any) -> tuple[str, str]:
    """Addresses of a queue whose messages come again at once, and of its dead-letter queue."""
    # The name of a test with parameters is none of a queue.
    name = f"queue-{next(_names)}"
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
    """Functions that keep their events, raise while `failing`, and name the messages with one of
    the bodies `refused` as failed."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.failing = False
        self.refused: set[str] = set()

    def __call__(self, function: str, event: dict[str, Any]) -> Any:
        self.events.append((function, event))
        if self.failing:
            raise RuntimeError(f"no answer for {NUMBER}")
        if "Records" not in event:
            return None
        failed = [each["messageId"] for each in event["Records"] if each["body"] in self.refused]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def deliver_batch(
    sqs: Any, url: str, subscribed: Subscription, invoke: Callable[..., Any], *, wait_s: int
) -> int:
    """Hands over what can be received now; how many messages that were."""
    messages = receive(sqs, url, subscribed, wait_s=wait_s)
    hand_over(sqs, url, subscribed, messages, invoke)
    return len(messages)


def test_messages_come_as_from_lambda_and_are_gone_afterwards(
    sqs: Any, queues: tuple[str, str]
) -> None:
    url, _ = queues
    for body in ("one", "two", "three"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    invoke = Invoked()

    assert deliver_batch(sqs, url, subscription(url, batch_size=2), invoke, wait_s=0) == 2
    assert deliver_batch(sqs, url, subscription(url, batch_size=2), invoke, wait_s=0) == 1

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


def test_only_what_a_function_names_as_failed_comes_again(
    sqs: Any, queues: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    url, dead = queues
    for body in ("one", "bad", "two"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    invoke = Invoked()
    invoke.refused = {"bad"}
    assert deliver_batch(sqs, url, subscription(url), invoke, wait_s=0) == 3
    assert waiting(sqs, url) == 1
    assert "took 3 message(s)" in (line := capsys.readouterr().out)
    assert ", 1 will be redelivered" in line

    assert deliver_batch(sqs, url, subscription(url), invoke, wait_s=1) == 1
    assert [each["body"] for each in invoke.events[-1][1]["Records"]] == ["bad"]
    assert waiting(sqs, url) == 1
    time.sleep(0.01)  # as above
    assert receive(sqs, url, subscription(url), wait_s=0) == []
    assert (waiting(sqs, url), waiting(sqs, dead)) == (0, 1)


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (None, 0),
        ({}, 0),
        ({"batchItemFailures": []}, 0),
        ({"batchItemFailures": None}, 0),
        ({"batchItemFailures": [{"itemIdentifier": "somebody else's"}]}, 2),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, 2),
        ({"batchItemFailures": [{"id": "wrong"}]}, 2),
    ],
)
def test_an_answer_that_cannot_be_read_means_that_all_have_failed(
    sqs: Any, queues: tuple[str, str], said: Any, left: int
) -> None:
    """As AWS documents it; what says nothing has not failed."""
    url, _ = queues
    for body in ("one", "two"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    assert deliver_batch(sqs, url, subscription(url), lambda *_: said, wait_s=0) == 2
    assert waiting(sqs, url) == left


class Held:
    """A function that keeps every batch until it is let go."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.go = threading.Event()

    def __call__(self, function: str, event: dict[str, Any]) -> None:
        self.bodies += [record["body"] for record in event["Records"]]
        self.go.wait(10)


@pytest.fixture
def polling(sqs: Any) -> Iterator[Polling]:
    """Starts pollers that end with the test."""
    started = []

    def start(subscribed: Subscription, invoke: Callable[..., Any]) -> Pollers:
        started.append(Pollers(sqs, subscribed, invoke, wait_s=1))
        started[-1].start()
        return started[-1]

    yield start
    for pollers in started:
        pollers.stop()


@pytest.fixture
def crowded(sqs: Any, request: pytest.FixtureRequest) -> str:
    """A queue of its own, with nine messages in it."""
    url: str = sqs.create_queue(QueueName=request.node.name)["QueueUrl"]
    for n in range(9):
        sqs.send_message(QueueUrl=url, MessageBody=str(n))
    return url


def test_there_are_more_pollers_while_all_are_busy_and_few_when_nothing_is_to_do(
    sqs: Any, crowded: str, polling: Polling
) -> None:
    held = Held()
    at_most = Subscription("deliver", crowded.rsplit("/", 1)[1], batch_size=1, concurrency=6)
    pollers = polling(at_most, held)
    assert wait_until(lambda: len(held.bodies) == 6)
    assert pollers.running == 6
    held.go.set()
    assert wait_until(lambda: len(held.bodies) == 9)
    assert wait_until(lambda: waiting(sqs, crowded) == 0)
    assert wait_until(lambda: pollers.running == FEWEST)
    # Who is left still serves.
    sqs.send_message(QueueUrl=crowded, MessageBody="late")
    assert wait_until(lambda: held.bodies[-1] == "late")


def test_one_at_a_time_is_one_at_a_time(sqs: Any, crowded: str, polling: Polling) -> None:
    held = Held()
    alone = Subscription("transfer", crowded.rsplit("/", 1)[1], batch_size=1, concurrency=1)
    pollers = polling(alone, held)
    assert wait_until(lambda: len(held.bodies) == 1)
    assert pollers.running == 1
    assert receive(sqs, crowded, alone, wait_s=0)
    assert len(held.bodies) == 1
    held.go.set()
    assert wait_until(lambda: len(held.bodies) == 8)


def test_pollers_survive_a_queue_that_cannot_be_reached(
    sqs: Any, polling: Polling, request: pytest.FixtureRequest
) -> None:
    name, held = request.node.name, Held()
    held.go.set()
    polling(Subscription("deliver", name, 1), held)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="found")
    assert wait_until(lambda: held.bodies == ["found"])


def test_a_schedule_survives_its_function(capsys: pytest.CaptureFixture[str]) -> None:
    invoke = Invoked()
    invoke.failing = True
    run_once(Schedule("clean", 60), invoke)
    (line,) = capsys.readouterr().out.splitlines()
    assert "clean failed: RuntimeError at" in line
    assert NUMBER not in line
    ((function, event),) = invoke.events
    assert (function, event["detail-type"]) == ("clean", "Scheduled Event")


def test_a_turn_comes_although_the_one_before_goes_on() -> None:
    class Enough(Exception):
        pass

    held, slept = Held(), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 2:
            raise Enough

    began: list[str] = []

    def invoke(function: str, _: dict[str, Any]) -> None:
        began.append(function)
        held.go.wait(10)

    with pytest.raises(Enough):
        keep_running(Schedule("extend", 60), invoke, sleep=sleep)
    assert wait_until(lambda: began == ["extend", "extend"])
    held.go.set()
    # By the clock, not a minute after the end of the turn before.
    assert [round(each / 60) for each in slept] == [1, 2, 3]


def application() -> tuple[Chalice, list[Any]]:
    """An application with a queue and a schedule, and what its functions were given."""
    app = Chalice(app_name="driven", configure_logs=False)
    given: list[Any] = []

    @app.on_sqs_message(queue="letters", batch_size=3, maximum_concurrency=7)
    def deliver(event: Any) -> None:
        given.append([record.body for record in event])

    @app.on_sqs_message(queue="parcels", maximum_concurrency=700)
    def carry(event: Any) -> None:
        given.append([record.body for record in event])

    @app.schedule(Rate(5, unit=Rate.MINUTES))
    def clean(event: Any) -> None:
        given.append(event.context.get_remaining_time_in_millis())

    return app, given


def test_the_application_says_what_to_drive() -> None:
    app, _ = application()
    assert list(subscriptions(app)) == [
        Subscription("deliver", "letters", 3, concurrency=7),
        Subscription("carry", "parcels", 1, concurrency=MOST),
    ]
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
