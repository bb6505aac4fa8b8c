"""What the queue and the clock start: thin, like a route."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.core.bindings.lease import Duty
from chalicelib.core.errors import AnswerClass, GatewayError
from chalicelib.telemetry import correlate, count, log_fault, log_request, log_trouble, share
from chalicelib.wiring.gateway import Gateway, gateway

if TYPE_CHECKING:
    from chalicelib.core.calls.exports import Job
    from chalicelib.core.webhooks.endpoint import Lane

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
    return _failed(deliver_events(gateway(), messages, lane=lane))


def transfer_batch(event: Mapping[str, Any], time_left_ms: Callable[[], int]) -> dict[str, Any]:
    """Fetches the recordings and goes on with the exports that a batch asks for, one after the
    other; says which messages have to come again."""
    messages = {record["messageId"]: record["body"] for record in event["Records"]}
    return _failed(
        [name for name, text in messages.items() if not _transferred(text, time_left_ms)]
    )


def _failed(names: Sequence[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def deliver_events(ours: Gateway, messages: Mapping[str, str], *, lane: "Lane") -> list[str]:
    """Delivers each event that a message (by its id) asks for, side by side; the ids of those that
    the queue has to send again."""
    now = ours.runtime.now_ms()
    try:
        # The data keys that all need, so that the threads don't each fetch them.
        ours.encryption()
    except GatewayError as error:
        ms = ours.runtime.now_ms() - now
        log_request("deliver", error.answered, ms=ms, why=str(error), lane=lane)
        return list(messages)
    done = ours.runtime.side_by_side(
        [partial(_delivered, ours, text, lane) for text in messages.values()],
        at_once=AT_ONCE,
        meanwhile=partial(_watch, ours),
        every_s=LOOK_S,
    )
    return [name for name, delivered in zip(messages, done, strict=True) if not delivered]


def _watch(ours: Gateway) -> None:
    try:
        ours.delivery.watch(now=ours.runtime.now_ms())
    except GatewayError as error:
        log_trouble(error)


def _delivered(ours: Gateway, message: str, lane: "Lane") -> bool:
    from chalicelib.core.calls.model import Task  # noqa: PLC0415

    now_ms = ours.runtime.now_ms
    now = now_ms()
    # Until it is known which request reported the event, lines name none: not the one before.
    correlate(None)
    try:
        told = ours.delivery.deliver(Task.from_text(message), now=now, lane=lane)
    except Exception as error:  # noqa: BLE001 - an item may hold anything, and others wait
        _log_failed("deliver", error, ms=now_ms() - now)
        return False
    if told in _COUNTED:
        count(_COUNTED[told], operation="deliver")
    answered = _TOLD.get(told, AnswerClass.OK)
    log_request("deliver", answered, ms=now_ms() - now, outcome=told, lane=lane)
    return True


def _transferred(message: str, time_left_ms: Callable[[], int]) -> bool:
    # What a delivery does without.
    from chalicelib.core.calls.exports import Job  # noqa: PLC0415

    now_ms = gateway().runtime.now_ms
    now = now_ms()
    correlate(None)
    operation = "transfer"
    try:
        job = Job.from_text(message)
        if job is None:
            operation, outcome = "fetch", _fetched(message, time_left_ms, now=now)
        else:
            operation, outcome = "export", _exported(job, time_left_ms)
    except (GatewayError, ValueError) as error:
        _log_failed(operation, error, ms=now_ms() - now)
        return False
    log_request(operation, AnswerClass.OK, ms=now_ms() - now, outcome=outcome)
    return True


def _fetched(message: str, time_left_ms: Callable[[], int], *, now: int) -> str:
    from chalicelib.core.calls.model import Task  # noqa: PLC0415
    from chalicelib.services.calls.recordings import Fetched  # noqa: PLC0415

    within_s = max(0, time_left_ms() - MARGIN_MS) / 1000
    task = Task.from_text(message)
    fetched = gateway().recordings.fetch(task, now=now, within_s=within_s)
    if fetched is Fetched.LOST:
        count("RecordingFailed", operation="fetch")
    return fetched


def _exported(job: "Job", time_left_ms: Callable[[], int]) -> str:
    return gateway().export_desk.work(
        job, now=gateway().runtime.now_ms, time_left=lambda: time_left_ms() > PART_MS + MARGIN_MS
    )


_COUNTED = {"failed": "NotDelivered", "dead": "DeadEvents"}
"""What becomes of an errand -> the metric that counts it."""
_TOLD = {
    "failed": AnswerClass.REFUSED,
    "left alone": AnswerClass.REFUSED,
    "dead": AnswerClass.REFUSED,
    "put off": AnswerClass.UNAVAILABLE,
}
"""The same -> what the delivery is counted as: a receiver that does not take an event refuses it;
what is put off waits for something of ours."""


def _log_failed(operation: str, error: Exception, *, ms: int) -> None:
    """One line for what did not succeed, and why; a fault has a second one that says where."""
    if isinstance(error, GatewayError):
        log_request(operation, error.answered, ms=ms, why=str(error))
        return
    log_fault(operation, error)
    log_request(operation, AnswerClass.FAULT, ms=ms)


def _scheduled(
    operation: str, work: Callable[[Gateway, int], Mapping[str, str | int] | None]
) -> None:
    """Does the `work` of a schedule, which returns what it did, for the log (None: nothing that is
    worth a line). What it raises is counted, and raised again, so that Lambda counts it, too."""
    ours = gateway()
    now_ms = ours.runtime.now_ms
    now = now_ms()
    try:
        facts = work(ours, now)
    except Exception as error:
        _log_failed(operation, error, ms=now_ms() - now)
        raise
    if facts is not None:
        log_request(operation, AnswerClass.OK, ms=now_ms() - now, **facts)


def extend_leases(time_left_ms: Callable[[], int]) -> None:
    """Lets carriers keep bindings for longer, before their leases run out."""
    _attend("lease", time_left_ms)


def reconcile(time_left_ms: Callable[[], int]) -> None:
    """Finds out what carriers did where they did not say, then whether they still have what we
    have."""
    _attend("pending", time_left_ms)
    _audit(time_left_ms)


def _attend(duty: Duty, time_left_ms: Callable[[], int]) -> None:
    def work(ours: Gateway, now: int) -> Mapping[str, str | int]:
        seen = ours.upkeep.run(duty, now=now, time_left=lambda: time_left_ms() > FINISH_MS)
        if seen.put_off:
            count("PutOff", operation=duty, by=seen.put_off)
        # In every run, so that the alarm ends too; and a lease may wait for an operation, too.
        share("LeaseLag", seen.lag, operation="lease")
        count("OldestDue", operation=duty, by=seen.late_ms // 1000)
        silent = {"silent": ",".join(seen.silent)} if seen.silent else {}
        done = {"done": seen.done, "taken": seen.taken}
        return {**done, "put_off": seen.put_off, "left": seen.left, **silent}

    _scheduled(duty, work)


def _audit(time_left_ms: Callable[[], int]) -> None:
    def work(ours: Gateway, now: int) -> Mapping[str, int] | None:
        seen = ours.audit.run(now=now, time_left=lambda: time_left_ms() > FINISH_MS)
        if wrong := seen.strays + seen.lost + seen.shorter:
            count("CarrierDiffered", operation="audit", by=wrong)
        used = ours.audit.usage(now=now)
        if used.numbers:
            count("LiveBindings", operation="audit", by=used.bindings)
            count("Numbers", operation="audit", by=used.numbers)
        if not seen.numbers:
            return None
        repaired = {"strays": seen.strays, "lost": seen.lost, "shorter": seen.shorter}
        return {"numbers": seen.numbers, "unknown": seen.unknown, **repaired}

    _scheduled("audit", work)


def clean_expired(time_left_ms: Callable[[], int]) -> None:
    """Archives expired bindings until little time is left."""

    def work(ours: Gateway, now: int) -> Mapping[str, int]:
        done = ours.cleaner.clean(now=now, time_left=lambda: time_left_ms() > MARGIN_MS)
        return {"archived": done}

    _scheduled("clean", work)


def follow_up(time_left_ms: Callable[[], int]) -> None:
    """Looks after calls of which something was not told, fetched or complete in time."""

    def work(ours: Gateway, now: int) -> Mapping[str, int]:
        seen = ours.follow_up.run(now=now, time_left=lambda: time_left_ms() > MARGIN_MS)
        if missing := seen.gaps + seen.holes:
            # Of whatever kind: what the alarm looks at.
            count("CallGap", operation="follow_up", by=missing)
        if seen.put_off:
            count("PutOff", operation="follow_up", by=seen.put_off)
        count("OldestDue", operation="follow_up", by=seen.late_ms // 1000)
        done = {"told": seen.told, "fetched": seen.fetched, "looked": seen.looked}
        return {**done, "gaps": seen.gaps, "holes": seen.holes, "put_off": seen.put_off}

    _scheduled("follow_up", work)
