"""What AWS does behind the API: hands queue messages to functions and runs the schedules."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.config import Config as BotoConfig
from chalice.app import Chalice, ScheduledEventConfig, SQSEventConfig
from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.local import LambdaContext

from simulator.child import describe, end_with_parent, say

PROJECT = Path(__file__).resolve().parent.parent
ACCOUNT = "123456789012"
UNIT_S = {"minute": 60, "hour": 3600, "day": 86400}
DEFAULT_TIMEOUT_S = 60  # Chalice's, where config.json names none
LONG_POLL_S = 5
PAUSE_AFTER_ERROR_S = 1.0
RECEIVERS = 4  # one app's slow receiver holds up one of them, not every app's callbacks


@dataclass(frozen=True, slots=True)
class Subscription:
    """A function that is given the messages of a queue, `batch_size` at most at a time."""

    function: str
    queue: str
    batch_size: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A function that runs every `every_s` seconds."""

    function: str
    every_s: float


class Functions:
    """Invokes the bundle's functions in this process, with the time limit that Lambda would set.

    Not Chalice's test client: it exchanges `os.environ` at each call, which no second thread
    survives, and always says that three seconds are left.
    """

    def __init__(self, app: Chalice, config: Config) -> None:
        self._app = app
        self._config = config

    def __call__(self, function: str, event: dict[str, Any]) -> None:
        """Raises whatever the function raises."""
        scoped = self._config.scope(self._config.chalice_stage, function)
        context = LambdaContext(
            function,
            memory_size=scoped.lambda_memory_size,
            max_runtime_ms=1000 * (scoped.lambda_timeout or DEFAULT_TIMEOUT_S),
        )
        self._app.handler_map[function](event, context)


Invoke = Callable[[str, dict[str, Any]], None]


def subscriptions(app: Chalice) -> Iterator[Subscription]:
    """The queues that the application declares."""
    for source in app.event_sources:
        if isinstance(source, SQSEventConfig):
            queue = source.queue or str(source.queue_arn).rsplit(":", 1)[-1]
            yield Subscription(source.name, queue, source.batch_size)


def schedules(app: Chalice) -> Iterator[Schedule]:
    """The schedules that the application declares. ValueError for one that is not a rate."""
    for source in app.event_sources:
        if isinstance(source, ScheduledEventConfig):
            yield Schedule(source.name, interval_s(source.schedule_expression))


def interval_s(expression: Any) -> float:
    """Seconds of a rate, given as Chalice's `Rate` or as `rate(1 minute)`."""
    text = expression if isinstance(expression, str) else expression.to_string()
    value, _, unit = text.removeprefix("rate(").removesuffix(")").partition(" ")
    if not text.startswith("rate(") or not value.isdigit() or unit.rstrip("s") not in UNIT_S:
        raise ValueError(f"the local driver runs rates only, not {text!r}")
    return float(int(value) * UNIT_S[unit.rstrip("s")])


def deliver_batch(
    sqs: Any, url: str, subscription: Subscription, invoke: Invoke, *, wait_s: int
) -> int:
    """Receives one batch from the queue at `url`, invokes the function, deletes the batch.

    Returns how many messages there were. As Lambda does without partial batch responses: when the
    function raises, every message of the batch stays and comes again after the queue's visibility
    time-out, and at last goes to the dead-letter queue; which is SQS's work.
    """
    messages = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=min(subscription.batch_size, 10),
        WaitTimeSeconds=wait_s,
        AttributeNames=["All"],
    ).get("Messages", [])
    if not messages:
        return 0
    started = time.monotonic()
    try:
        invoke(subscription.function, sqs_event(messages, queue=subscription.queue))
    except Exception as error:  # noqa: BLE001 - Lambda, too, survives whatever a function raises
        say(
            f"{subscription.function} failed, {len(messages)} message(s) will be redelivered: "
            f"{describe(error)}"
        )
        return len(messages)
    for message in messages:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    took_ms = (time.monotonic() - started) * 1000
    say(f"{subscription.function} took {len(messages)} message(s) in {took_ms:.0f} ms")
    return len(messages)


def sqs_event(messages: list[dict[str, Any]], *, queue: str) -> dict[str, Any]:
    """The event that Lambda makes of messages received from SQS."""
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {},
                "md5OfBody": message.get("MD5OfBody", ""),
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{region}:{ACCOUNT}:{queue}",
                "awsRegion": region,
            }
            for message in messages
        ]
    }


def schedule_event(schedule: Schedule) -> dict[str, Any]:
    """The event that EventBridge sends when a schedule is due."""
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    return {
        "version": "0",
        "id": os.urandom(16).hex(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "region": region,
        "resources": [f"arn:aws:events:{region}:{ACCOUNT}:rule/{schedule.function}"],
        "detail": {},
    }


def run_once(schedule: Schedule, invoke: Invoke) -> None:
    """Runs a scheduled function; a failure is one line in the log, the next turn comes anyway."""
    try:
        invoke(schedule.function, schedule_event(schedule))
    except Exception as error:  # noqa: BLE001 - as above
        say(f"{schedule.function} failed: {describe(error)}")


def _keep_delivering(subscription: Subscription, invoke: Invoke) -> None:
    sqs = boto3.session.Session().client(
        "sqs", config=BotoConfig(retries={"total_max_attempts": 1})
    )
    url = None
    while True:
        try:
            url = url or sqs.get_queue_url(QueueName=subscription.queue)["QueueUrl"]
            deliver_batch(sqs, url, subscription, invoke, wait_s=LONG_POLL_S)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next poll may work
            say(f"queue of {subscription.function} not reached: {describe(error)}")
            time.sleep(PAUSE_AFTER_ERROR_S)


def _keep_running(schedule: Schedule, invoke: Invoke) -> None:
    while True:
        time.sleep(schedule.every_s)
        run_once(schedule, invoke)


@click.command()
@click.option("--ready-fd", type=int, required=True, help="Written to when all is under way.")
@click.option("--stage", default="local", show_default=True)
def main(ready_fd: int, stage: str) -> None:
    """Drives queue and schedules until the parent ends."""
    end_with_parent()
    os.chdir(PROJECT)
    config = CLIFactory(str(PROJECT), environ=os.environ).create_config_obj(stage)
    app = config.chalice_app
    invoke = Functions(app, config)
    # The first turn before any thread starts: imports and clients are made once, not in a race.
    turns = list(schedules(app))
    for schedule in turns:
        run_once(schedule, invoke)
        threading.Thread(target=_keep_running, args=(schedule, invoke), daemon=True).start()
    for subscription in subscriptions(app):
        for _ in range(RECEIVERS):
            threading.Thread(
                target=_keep_delivering, args=(subscription, invoke), daemon=True
            ).start()
    say("driving the queue and the schedules")
    os.write(ready_fd, b"1")
    os.close(ready_fd)
    threading.Event().wait()


if __name__ == "__main__":
    main()
