"""What the queue and the clock start: thin, like a route."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.bootstrap import gateway
from chalicelib.clock import now_ms
from chalicelib.core.errors import GatewayError
from chalicelib.core.ports import Duty
from chalicelib.telemetry import count, log_fault, log_request, log_trouble

if TYPE_CHECKING:
    from chalicelib.core.event_ports import Lane

MARGIN_MS = 5_000
"""A job stops taking work on when this much of its time is left."""


PATIENCE_S = 1.0
"""A receiver that has not answered by then is served in the slow lane from now on."""
AT_ONCE = 10
"""As many events as a batch has are told side by side."""


def deliver_batch(event: Mapping[str, Any], *, lane: "Lane") -> dict[str, Any]:
    """Delivers a batch of a queue, as Lambda hands it over; says, as it wants to hear it
    (ReportBatchItemFailures), which of the messages have to come again."""
    messages = {record["messageId"]: record["body"] for record in event["Records"]}
    failed = deliver_events(messages, lane=lane)
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def deliver_events(messages: Mapping[str, str], *, lane: "Lane") -> list[str]:
    """Delivers each event that a message (by its id) asks for, side by side; the ids of those that
    the queue has to send again."""
    # Imported here: app.py imports this module, and a cold bind has no use for threads.
    from concurrent.futures import ThreadPoolExecutor, wait  # noqa: PLC0415

    with ThreadPoolExecutor(AT_ONCE) as workers:
        running = {workers.submit(_delivered, text, lane): name for name, text in messages.items()}
        _, late = wait(running, timeout=PATIENCE_S)
        _slow({messages[running[each]] for each in late})
        return [name for each, name in running.items() if not each.result()]


def _slow(messages: Iterable[str]) -> None:
    """Notes whose receivers take their time, so that nobody waits behind them."""
    from chalicelib.core.events import Errand  # noqa: PLC0415

    for app in sorted({app for each in messages if (app := Errand.from_text(each).app)}):
        try:
            gateway().delivery.slow(app, now=now_ms())
        except GatewayError as error:
            log_trouble(error)


def _delivered(message: str, lane: "Lane") -> bool:
    from chalicelib.core.events import Errand  # noqa: PLC0415

    now = now_ms()
    try:
        told = gateway().delivery.deliver(Errand.from_text(message), now=now, lane=lane)
    except (GatewayError, ValueError) as error:
        log_fault("deliver", error)
        return False
    if told in _COUNTED:
        count(_COUNTED[told], operation="deliver")
    log_request("deliver", ms=now_ms() - now, outcome=told, lane=lane)
    return True


_COUNTED = {"failed": "NotDelivered", "dead": "DeadEvents"}
"""What becomes of an errand -> the metric that counts it."""


def extend_leases(time_left_ms: Callable[[], int]) -> None:
    """Lets carriers keep bindings for longer, before their leases run out."""
    _attend("lease", time_left_ms)


def reconcile(time_left_ms: Callable[[], int]) -> None:
    """Finds out what carriers did where they did not say."""
    _attend("intent", time_left_ms)


def _attend(duty: Duty, time_left_ms: Callable[[], int]) -> None:
    now = now_ms()
    upkeep = gateway().upkeep
    seen = upkeep.run(duty, now=now, time_left=lambda: time_left_ms() > MARGIN_MS)
    counts = {"done": seen.done, "put_off": seen.put_off, "taken": seen.taken}
    log_request(duty, ms=now_ms() - now, **counts)
    if seen.put_off:
        count("PutOff", operation=duty, by=seen.put_off)


def clean_expired(time_left_ms: Callable[[], int]) -> None:
    """Archives expired bindings until little time is left."""
    now = now_ms()
    done = gateway().cleaner.clean(now=now, time_left=lambda: time_left_ms() > MARGIN_MS)
    log_request("clean", ms=now_ms() - now, archived=done)


def follow_up(time_left_ms: Callable[[], int]) -> None:
    """Looks after calls of which something was not told, fetched or complete in time."""
    now = now_ms()
    seen = gateway().follow_up.run(now=now, time_left=lambda: time_left_ms() > MARGIN_MS)
    counts = {"told": seen.told, "fetched": seen.fetched, "looked": seen.looked}
    log_request("follow_up", ms=now_ms() - now, put_off=seen.put_off, **counts)
    if seen.put_off:
        count("PutOff", operation="follow_up", by=seen.put_off)
