"""What the queues and the schedules start. A job runs a use case until its time is nearly up, and
writes one log line about what it did."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.core.bindings.lease import Duty
from chalicelib.core.errors import AnswerClass, GatewayError
from chalicelib.telemetry import correlate, count, log_fault, log_request, log_trouble, share
from chalicelib.wiring.gateway import Gateway, gateway

if TYPE_CHECKING:
    from chalicelib.core.webhooks.policy import Queue

TimeLeft = Callable[[], int]
"""The milliseconds that are left of an invocation."""

MARGIN_MS = 5_000
"""A job begins nothing new when only this much of its time is left."""

FINISH_MS = 60_000
"""The same of the schedules that ask carriers: they finish what they began, while their next run
begins."""

LOOK_S = 0.2
"""How often the delivery worker looks for endpoints that are slow."""

AT_ONCE = 10
"""The delivery worker delivers all messages of a batch at once; this is the size of a batch."""

PART_MS = 60_000
"""More time than any part of an export takes."""

# By their values, because the API imports this module and does without what it takes to deliver.
_COUNTED = {"failed": "NotDelivered", "dead": "DeadEvents"}
"""Result of a delivery -> the metric that counts it."""
_ANSWERED = {
    "failed": AnswerClass.REFUSED,
    "circuit open": AnswerClass.REFUSED,
    "dead": AnswerClass.REFUSED,
    "put off": AnswerClass.UNAVAILABLE,
}
"""Result of a delivery -> what it counts as, if not as OK. The endpoint is why it failed, or
something of ours was missing."""


# The queues. A worker returns which messages of its batch have to come again, in the form that
# Lambda expects (ReportBatchItemFailures).


def deliver_batch(event: Mapping[str, Any], *, queue: "Queue") -> dict[str, Any]:
    """Delivers the events of a batch from this queue."""
    return _failures(deliver_events(gateway(), _messages(event), queue=queue))


def deliver_events(ours: Gateway, messages: Mapping[str, str], *, queue: "Queue") -> list[str]:
    """Delivers the events of these messages (id -> body) side by side. Returns the ids of the
    messages that have to come again."""
    try:
        with _logged(ours, "deliver"):
            # Read before the threads start, so that they do not each read the data keys.
            ours.encryption()
    except GatewayError:
        return list(messages)
    done = ours.runtime.side_by_side(
        [partial(_deliver, ours, body, queue) for body in messages.values()],
        at_once=AT_ONCE,
        meanwhile=partial(_note_slow_endpoints, ours),
        every_s=LOOK_S,
    )
    return [name for name, delivered in zip(messages, done, strict=True) if not delivered]


def _deliver(ours: Gateway, message: str, queue: "Queue") -> bool:
    from chalicelib.core.calls.model import Task  # noqa: PLC0415

    # This thread's lines name no request until it is known which one reported the event.
    correlate(None)
    # Whatever is wrong with one message, the others of the batch are delivered.
    with suppress(Exception), _logged(ours, "deliver") as line:
        result = ours.delivery.deliver(Task.from_text(message), now=line.began, queue=queue)
        line.answered = _ANSWERED.get(result, AnswerClass.OK)
        line.facts = {"outcome": result, "lane": queue}
        if result in _COUNTED:
            count(_COUNTED[result], operation="deliver")
        return True
    return False


def _note_slow_endpoints(ours: Gateway) -> None:
    try:
        ours.delivery.note_slow_endpoints(now=ours.runtime.now_ms())
    except GatewayError as error:
        log_trouble(error)


def transfer_batch(event: Mapping[str, Any], time_left_ms: TimeLeft) -> dict[str, Any]:
    """Fetches the recordings and continues the exports that a batch asks for."""
    messages = _messages(event).items()
    return _failures([name for name, body in messages if not _transfer(body, time_left_ms)])


def _transfer(message: str, time_left_ms: TimeLeft) -> bool:
    # A delivery does without these.
    from chalicelib.core.calls.exports import Job  # noqa: PLC0415
    from chalicelib.core.calls.model import Task  # noqa: PLC0415

    ours = gateway()
    correlate(None)
    with suppress(GatewayError, ValueError), _logged(ours, "transfer") as line:
        job = Job.from_text(message)
        if job is not None:
            outcome: str = ours.export_desk.work(
                job,
                now=ours.runtime.now_ms,
                time_left=lambda: time_left_ms() > PART_MS + MARGIN_MS,
            )
            line.operation = "export"
        else:
            within_s = max(0, time_left_ms() - MARGIN_MS) / 1000
            task = Task.from_text(message)
            outcome = ours.recordings.fetch(task, now=line.began, within_s=within_s)
            line.operation = "fetch"
            if outcome == "lost":
                count("RecordingFailed", operation="fetch")
        line.facts = {"outcome": outcome}
        return True
    return False


def _messages(event: Mapping[str, Any]) -> dict[str, str]:
    return {record["messageId"]: record["body"] for record in event["Records"]}


def _failures(names: Sequence[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


# The schedules. An error is logged and raised again, so that Lambda counts it too.


def extend_leases(time_left_ms: TimeLeft) -> None:
    """Extends carriers' leases before they run out."""
    _run_lease_job("lease", time_left_ms)


def reconcile(time_left_ms: TimeLeft) -> None:
    """Finds out the outcome of what carriers were asked and did not answer, then compares what they
    have with what we have."""
    _run_lease_job("pending", time_left_ms)
    _audit(time_left_ms)


def _run_lease_job(duty: Duty, time_left_ms: TimeLeft) -> None:
    ours = gateway()
    with _logged(ours, duty) as line:
        seen = ours.upkeep.run(duty, now=line.began, time_left=lambda: time_left_ms() > FINISH_MS)
        if seen.put_off:
            count("PutOff", operation=duty, by=seen.put_off)
        # Published by every run, so that the alarm ends too, and under one operation, because a
        # lease may wait for a pending operation.
        share("LeaseLag", seen.lag, operation="lease")
        count("OldestDue", operation=duty, by=seen.late_ms // 1000)
        line.facts = {"done": seen.done, "taken": seen.taken}
        line.facts |= {"put_off": seen.put_off, "left": seen.left}
        if seen.silent:
            line.facts |= {"silent": ",".join(seen.silent)}


def _audit(time_left_ms: TimeLeft) -> None:
    ours = gateway()
    with _logged(ours, "audit") as line:
        seen = ours.audit.run(now=line.began, time_left=lambda: time_left_ms() > FINISH_MS)
        if wrong := seen.strays + seen.lost + seen.shorter:
            count("CarrierDiffered", operation="audit", by=wrong)
        used = ours.audit.usage(now=line.began)
        if used.numbers:
            count("LiveBindings", operation="audit", by=used.bindings)
            count("Numbers", operation="audit", by=used.numbers)
        if seen.numbers:
            line.facts = {"numbers": seen.numbers, "unknown": seen.unknown}
            line.facts |= {"strays": seen.strays, "lost": seen.lost, "shorter": seen.shorter}


def clean_expired(time_left_ms: TimeLeft) -> None:
    """Archives expired bindings."""
    ours = gateway()
    with _logged(ours, "clean") as line:
        done = ours.cleaner.clean(now=line.began, time_left=lambda: time_left_ms() > MARGIN_MS)
        line.facts = {"archived": done}


def follow_up(time_left_ms: TimeLeft) -> None:
    """Looks after calls of which an event was not delivered, a recording not fetched, or something
    is missing."""
    ours = gateway()
    with _logged(ours, "follow_up") as line:
        seen = ours.follow_up.run(now=line.began, time_left=lambda: time_left_ms() > MARGIN_MS)
        if missing := seen.gaps + seen.holes:
            # Gaps of every kind: the alarm is about this one.
            count("CallGap", operation="follow_up", by=missing)
        if seen.put_off:
            count("PutOff", operation="follow_up", by=seen.put_off)
        count("OldestDue", operation="follow_up", by=seen.late_ms // 1000)
        line.facts = {"told": seen.told, "fetched": seen.fetched, "looked": seen.looked}
        line.facts |= {"gaps": seen.gaps, "holes": seen.holes, "put_off": seen.put_off}


@dataclass
class _Line:
    """The log line about a job, which the job fills in; without facts it is not written."""

    operation: str
    began: int
    """Epoch ms."""
    answered: AnswerClass = AnswerClass.OK
    facts: dict[str, str | int] = field(default_factory=dict)


@contextmanager
def _logged(ours: Gateway, operation: str) -> Iterator[_Line]:
    """Writes one line about the block: what the block says of itself, or why it failed. A fault of
    ours gets a second one that says where. Raises what the block raises."""
    now_ms = ours.runtime.now_ms
    line = _Line(operation, now_ms())
    try:
        yield line
    except GatewayError as error:
        log_request(line.operation, error.answered, ms=now_ms() - line.began, why=str(error))
        raise
    except Exception as error:
        log_fault(line.operation, error)
        log_request(line.operation, AnswerClass.FAULT, ms=now_ms() - line.began)
        raise
    if line.facts:
        log_request(line.operation, line.answered, ms=now_ms() - line.began, **line.facts)
