"""The delivery policy: which events an app is sent, when a delivery is retried, when an endpoint's
circuit is open, and which queue serves it. Nothing here does any I/O; times are epoch ms."""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import Literal

from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.model import Delivery, PastAttempt, Progress, Stored
from chalicelib.core.ports import EventFormat
from chalicelib.core.retries import retry_at
from chalicelib.core.tenants import App
from chalicelib.core.webhooks.endpoint import DeliveryFailure

RETRIES_S = (0, 5, 300, 1800, *(3600 * hours for hours in (2, 5, 10, 14, 20, 24)))
"""Seconds from each failed attempt to the next: one retry at once, then the schedule that Standard
Webhooks publishes. After the last attempt the event is dead-lettered."""

SLOW_AFTER_S = 1.0
"""An endpoint that has not answered after this many seconds is slow."""

SLOW_FOR_MS = 60_000
"""How long the slow queue serves an endpoint that was slow."""

OPEN_AFTER = 3
"""How many requests in a row have to go unanswered before the circuit opens."""

OPEN_MS = 30_000
"""How long an open circuit stays open before one delivery may try the endpoint."""

NOT_READY_S = 5, 3600
"""The shortest and the longest delay of a delivery for which something of ours is missing."""

MOST_PAST = len(RETRIES_S) + 1
"""How many attempts are noted with an event, the latest: as many as the schedule has."""

Queue = Literal["fast", "slow"]
"""The queues of the delivery workers. The slow one serves endpoints that were slow lately, so that
the others' deliveries do not wait behind theirs."""


class Circuit(Enum):
    """Whether requests go to an endpoint."""

    CLOSED = auto()
    """They do."""
    OPEN = auto()
    """None does."""
    HALF_OPEN = auto()
    """One may, to find out whether the endpoint answers again."""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """How an app's endpoint did lately: requests in a row that it did not answer, until when its
    circuit is open for that, and until when the slow queue serves it."""

    unanswered: int = 0
    open_until: int = 0
    slow_until: int = 0

    def circuit(self, *, now: int) -> Circuit:
        """The state of the circuit breaker."""
        if self.unanswered < OPEN_AFTER:
            return Circuit.CLOSED
        return Circuit.OPEN if self.open_until > now else Circuit.HALF_OPEN


class Attempt(Enum):
    """How one attempt to deliver an event ended."""

    DELIVERED = auto()
    """The endpoint answered with a status that says it has the event."""
    REJECTED = auto()
    """It answered with another status."""
    UNANSWERED = auto()
    """It gave no answer in time, or its address may not be called."""
    CIRCUIT_OPEN = auto()
    """It was not asked."""
    NOT_READY = auto()
    """Something of ours was missing or down: the app's credentials, the table."""
    NOT_WANTED = auto()
    """The app is sent no webhook for this event, or is sent it together with another one."""
    NO_APP = auto()
    """The event belongs to no app that exists."""


class Result(StrEnum):
    """What the delivery worker did about an event, as its log line says it."""

    DELIVERED = "delivered"
    KEPT = "kept"
    UNPLACED = "unplaced"
    UNMATCHED = "unmatched"
    DONE_BEFORE = "done before"
    TOO_EARLY = "too early"
    SLOW_QUEUE = "slow queue"
    CIRCUIT_OPEN = "circuit open"
    NOT_READY = "put off"
    FAILED = "failed"
    DEAD_LETTERED = "dead"


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from an attempt: the event's progress, and the queue for the next attempt (None:
    the delivery is over)."""

    result: Result
    progress: Progress
    queue: Queue | None = None


def plan_after(
    attempt: Attempt, stored: Stored, *, now: int, made: PastAttempt | None = None
) -> Plan:
    """What to do after an attempt to deliver a pending event; `made` says what came of a request,
    if one was sent."""
    before = stored.progress
    if made is not None:
        before = replace(before, past=_with(before.past, made))
    ended = {
        Attempt.DELIVERED: (Result.DELIVERED, Delivery.DELIVERED),
        Attempt.NOT_WANTED: (Result.KEPT, Delivery.KEPT),
        Attempt.NO_APP: (Result.UNMATCHED, Delivery.UNMATCHED),
    }.get(attempt)
    if ended is not None:
        result, delivery = ended
        return Plan(result, Progress(delivery, before.attempts, now, past=before.past))
    if attempt is Attempt.NOT_READY:
        return _not_ready(stored, now=now)
    if attempt is Attempt.CIRCUIT_OPEN and not before.deferred:
        # Once in each attempt: the endpoint may be back soon, the next attempt may be a day away.
        delay_s = (OPEN_MS // 1000,)
        at = retry_at(delay_s, failed=1, now=now, salt=stored.key.id) or now
        deferred = replace(before, at=at, deferred=True)
        return Plan(Result.CIRCUIT_OPEN, deferred, "slow")
    if attempt is Attempt.CIRCUIT_OPEN:
        nothing_sent = PastAttempt(now, error=DeliveryFailure.CIRCUIT_OPEN)
        before = replace(before, past=_with(before.past, nothing_sent))
    return _failed(attempt, before, stored.key.id, now=now)


def _with(past: tuple[PastAttempt, ...], made: PastAttempt) -> tuple[PastAttempt, ...]:
    return (*past, made)[-MOST_PAST:]


def _not_ready(stored: Stored, *, now: int) -> Plan:
    """No attempt was made. The delay is a quarter of the event's age, however often."""
    shortest, longest = NOT_READY_S
    age_s = (now - stored.event.received) // 1000
    delay_s = min(max(age_s // 4, shortest), longest)
    return Plan(Result.NOT_READY, replace(stored.progress, at=now + delay_s * 1000), "fast")


def _failed(attempt: Attempt, before: Progress, salt: str, *, now: int) -> Plan:
    failed = before.attempts + 1
    at = retry_at(RETRIES_S, failed=failed, now=now, salt=salt)
    if at is None:
        dead = Progress(Delivery.DEAD_LETTERED, failed, now, past=before.past)
        return Plan(Result.DEAD_LETTERED, dead)
    queue: Queue = "fast" if attempt is Attempt.REJECTED else "slow"
    return Plan(Result.FAILED, replace(before, attempts=failed, at=at, deferred=False), queue)


def is_delivered(status: int, *, any_2xx: bool) -> bool:
    """Whether an HTTP status says that the endpoint has the event: 200 does; in an event format
    with `any_2xx` every 2xx does."""
    return status == 200 or (any_2xx and 200 <= status < 300)


def wanted_by(app: App, event_format: EventFormat) -> frozenset[EventKind]:
    """The kinds of events that an app is sent: those that it wants and that its event format has a
    message for."""
    kinds = event_format.kinds
    return frozenset(kind for kind in kinds if kind in app.wants) if app.wants else kinds
