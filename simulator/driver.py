"""What AWS does behind the API: hands queue messages to functions and runs the schedules."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from chalice.app import Chalice, ScheduledEventConfig, SQSEventConfig
from chalice.cli.factory import CLIFactory
from chalice.config import Config
from chalice.local import LambdaContext

from simulator.child import describe, end_with_parent, say
from simulator.local_addresses import allow_local_addresses
from simulator.polling import ACCOUNT, MOST, Invoke, Subscription, serve

PROJECT = Path(__file__).resolve().parent.parent
UNIT_S = {"minute": 60, "hour": 3600, "day": 86400}
DEFAULT_TIMEOUT_S = 60  # Chalice's, where config.json names none


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

    def __call__(self, function: str, event: dict[str, Any]) -> Any:
        """What the function returns; raises whatever it raises."""
        scoped = self._config.scope(self._config.chalice_stage, function)
        context = LambdaContext(
            function,
            memory_size=scoped.lambda_memory_size,
            max_runtime_ms=1000 * (scoped.lambda_timeout or DEFAULT_TIMEOUT_S),
        )
        return self._app.handler_map[function](event, context)


def subscriptions(app: Chalice) -> Iterator[Subscription]:
    """The queues that the application declares."""
    for source in app.event_sources:
        if isinstance(source, SQSEventConfig):
            queue = source.queue or str(source.queue_arn).rsplit(":", 1)[-1]
            concurrency = min(source.maximum_concurrency or MOST, MOST)
            yield Subscription(source.name, queue, source.batch_size, concurrency)


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


def keep_running(
    schedule: Schedule, invoke: Invoke, *, sleep: Callable[[float], None] = time.sleep
) -> None:
    """A turn every `every_s` seconds, whether or not the one before has ended: as with EventBridge,
    runs may overlap."""
    due_at = time.monotonic()
    while True:
        due_at += schedule.every_s
        sleep(max(0.0, due_at - time.monotonic()))
        threading.Thread(target=run_once, args=(schedule, invoke), daemon=True).start()


@click.command()
@click.option("--ready-fd", type=int, required=True, help="Written to when all is under way.")
@click.option("--stage", default="local", show_default=True)
def main(ready_fd: int, stage: str) -> None:
    """Drives queues and schedules until the parent ends."""
    end_with_parent()
    os.chdir(PROJECT)
    allow_local_addresses()
    # A copy, as in simulator/gateway.py.
    config = CLIFactory(str(PROJECT), environ=dict(os.environ)).create_config_obj(stage)
    app = config.chalice_app
    invoke = Functions(app, config)
    # The first turn of each before it is said that all is under way: what fails is seen at once.
    turns = list(schedules(app))
    for schedule in turns:
        run_once(schedule, invoke)
        threading.Thread(target=keep_running, args=(schedule, invoke), daemon=True).start()
    for subscription in subscriptions(app):
        serve(subscription, invoke)
    say("driving the queues and the schedules")
    os.write(ready_fd, b"1")
    os.close(ready_fd)
    threading.Event().wait()


if __name__ == "__main__":
    main()
