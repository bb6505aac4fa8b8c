"""The queues `delivery` and `delivery-slow`: events are posted to the apps' endpoints."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from chalicelib.core.calls.model import Task
from chalicelib.core.errors import AnswerClass, GatewayError
from chalicelib.core.webhooks.policy import Queue, Result
from chalicelib.jobs.job import failures, logged, messages
from chalicelib.telemetry import correlate, count, log_trouble
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway, gateway

LOOK_S = 0.2
"""How often the worker looks for endpoints that are slow."""

AT_ONCE = 10
"""All messages of a batch are delivered at once; this is the size of a batch."""

METRICS = {Result.FAILED: "NotDelivered", Result.DEAD_LETTERED: "DeadEvents"}
"""What counts these results."""

ANSWERS = {
    **dict.fromkeys(
        (Result.FAILED, Result.CIRCUIT_OPEN, Result.DEAD_LETTERED), AnswerClass.REFUSED
    ),
    Result.NOT_READY: AnswerClass.UNAVAILABLE,
}
"""What a result counts as, if not as OK: the endpoint is why it failed, or something of ours was
missing."""


def deliver_batch(event: Mapping[str, Any], *, queue: Queue) -> dict[str, Any]:
    """Delivers the events of a batch from this queue."""
    return failures(deliver_events(gateway(), messages(event), queue=queue))


def deliver_events(ours: Gateway, bodies: Mapping[str, str], *, queue: Queue) -> list[str]:
    """Delivers the events of these messages (id -> body) side by side. Returns the ids of the
    messages that have to come again."""
    # What threads share is there before they start.
    delivery = ours.shared(webhook_delivery)
    now_ms = ours.runtime.now_ms
    try:
        with logged("deliver", now_ms):
            ours.encryption()
    except GatewayError:
        return list(bodies)

    def deliver(body: str) -> bool:
        # This thread's lines name no request until it is known which one reported the event.
        correlate(None)
        # Whatever is wrong with one message, the others of the batch are delivered.
        with suppress(Exception), logged("deliver", now_ms) as line:
            result = delivery.deliver(Task.from_text(body), now=line.began, queue=queue)
            line.answered = ANSWERS.get(result, AnswerClass.OK)
            line.facts = {"outcome": result, "lane": queue}
            if result in METRICS:
                count(METRICS[result], operation="deliver")
            return True
        return False

    def note_slow_endpoints() -> None:
        try:
            delivery.note_slow_endpoints(now=now_ms())
        except GatewayError as error:
            log_trouble(error)

    delivered = ours.runtime.side_by_side(
        [partial(deliver, body) for body in bodies.values()],
        at_once=AT_ONCE,
        meanwhile=note_slow_endpoints,
        every_s=LOOK_S,
    )
    return [each for each, done in zip(bodies, delivered, strict=True) if not done]
