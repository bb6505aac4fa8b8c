"""What the queue and the clock start: thin, like a route."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.bootstrap import gateway
from chalicelib.clock import now_ms
from chalicelib.core.errors import GatewayError
from chalicelib.core.ports import Duty
from chalicelib.telemetry import count, log_fault, log_request, log_trouble, share

if TYPE_CHECKING:
    from chalicelib.core.event_ports import Lane
    from chalicelib.core.exporting import Job

MARGIN_MS = 5_000
"""A job stops taking work on when this much of its time is left."""

FINISH_MS = 60_000
"""The schedules that ask carriers begin nothing any more when this much of their time is left: what
was begun is finished, while the next run begins."""

LOOK_S = 0.2
"""How often the deliveries that take longer are looked at."""
AT_ONCE = 10
"""As many events as a batch has are told side by side."""
PART_MS = 60_000
"""A part of an export surely takes no longer."""


def deliver_batch(event: Mapping[str, Any], *, lane: "Lane") -> dict[str, Any]:
    """Delivers a batch of a queue, as Lambda hands it over; says, as it wants to hear it
    (ReportBatchItemFailures), which of the messages have to come again."""
    messages = {record["messageId"]: record["body"] for record in event["Records"]}
    return _failed(deliver_events(messages, lane=lane))


def transfer_batch(event: Mapping[str, Any], time_left_ms: Callable[[], int]) -> dict[str, Any]:
    """Fetches the recordings and goes on with the exports that a batch asks for, one after the
    other; says which messages have to come again."""
    messages = {record["messageId"]: record["body"] for record in event["Records"]}
    return _failed(
        [name for name, text in messages.items() if not _transferred(text, time_left_ms)]
    )


def _failed(names: Sequence[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def deliver_events(messages: Mapping[str, str], *, lane: "Lane") -> list[str]:
    """Delivers each event that a message (by its id) asks for, side by side; the ids of those that
    the queue has to send again."""
    # Imported here: app.py imports this module, and a cold bind has no use for threads.
    from concurrent.futures import ThreadPoolExecutor, wait  # noqa: PLC0415

    with ThreadPoolExecutor(AT_ONCE) as workers:
        running = {workers.submit(_delivered, text, lane): name for name, text in messages.items()}
        late = set(running)
        while late:
            _, late = wait(late, timeout=LOOK_S)
            if late:
                _watch()
        return [name for each, name in running.items() if not each.result()]


def _watch() -> None:
    try:
        gateway().delivery.watch(now=now_ms())
    except GatewayError as error:
        log_trouble(error)


def _delivered(message: str, lane: "Lane") -> bool:
    from chalicelib.core.events import Errand  # noqa: PLC0415

    now = now_ms()
    try:
        told = gateway().delivery.deliver(Errand.from_text(message), now=now, lane=lane)
    except Exception as error:  # noqa: BLE001 - an item may hold anything, and others wait
        log_fault("deliver", error)
        return False
    if told in _COUNTED:
        count(_COUNTED[told], operation="deliver")
    log_request("deliver", ms=now_ms() - now, outcome=told, lane=lane)
    return True


def _transferred(message: str, time_left_ms: Callable[[], int]) -> bool:
    # What a delivery does without.
    from chalicelib.core.exporting import Job  # noqa: PLC0415

    now = now_ms()
    try:
        job = Job.from_text(message)
        if job is None:
            operation, outcome = "fetch", _fetched(message, time_left_ms, now=now)
        else:
            operation, outcome = "export", _exported(job, time_left_ms)
    except (GatewayError, ValueError) as error:
        log_fault("transfer", error)
        return False
    log_request(operation, ms=now_ms() - now, outcome=outcome)
    return True


def _fetched(message: str, time_left_ms: Callable[[], int], *, now: int) -> str:
    from chalicelib.core.events import Errand  # noqa: PLC0415
    from chalicelib.core.recordings import Fetched  # noqa: PLC0415

    within_s = max(0, time_left_ms() - MARGIN_MS) / 1000
    errand = Errand.from_text(message)
    fetched = gateway().recordings.fetch(errand, now=now, within_s=within_s)
    if fetched is Fetched.LOST:
        count("RecordingFailed", operation="fetch")
    return fetched


def _exported(job: "Job", time_left_ms: Callable[[], int]) -> str:
    return gateway().export_desk.work(
        job, now=now_ms, time_left=lambda: time_left_ms() > PART_MS + MARGIN_MS
    )


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
    seen = upkeep.run(duty, now=now, time_left=lambda: time_left_ms() > FINISH_MS)
    counts = {"done": seen.done, "put_off": seen.put_off, "taken": seen.taken, "left": seen.left}
    facts = {"silent": ",".join(seen.silent)} if seen.silent else {}
    log_request(duty, ms=now_ms() - now, **counts, **facts)
    if seen.put_off:
        count("PutOff", operation=duty, by=seen.put_off)
    if duty == "lease":
        # In every run, so that the alarm ends too.
        share("LeaseLag", seen.lag, operation=duty)


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
    found = {"gaps": seen.gaps, "holes": seen.holes}
    log_request("follow_up", ms=now_ms() - now, put_off=seen.put_off, **counts, **found)
    if missing := seen.gaps + seen.holes:
        # Of whatever kind: what the alarm looks at.
        count("CallGap", operation="follow_up", by=missing)
    if seen.put_off:
        count("PutOff", operation="follow_up", by=seen.put_off)
