"""What follows from an attempt to deliver an event, and when an endpoint's circuit is open."""

from dataclasses import replace

import pytest

from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import Delivery, EventKey, PastAttempt, Progress, Stored
from chalicelib.core.retries import JITTER, QUEUED_S, queue_delay_s
from chalicelib.core.webhooks.endpoint import DeliveryFailure
from chalicelib.core.webhooks.policy import (
    MOST_PAST,
    NOT_READY_S,
    OPEN_AFTER,
    OPEN_MS,
    RETRIES_S,
    Attempt,
    Circuit,
    EndpointHealth,
    Result,
    is_delivered,
    plan_after,
)

NOW = 1_768_464_000_000
LAST = len(RETRIES_S)


def pending(attempts: int = 0, *, age_s: int = 0, deferred: bool = False) -> Stored:
    event = Event(
        id="e",
        kind=EventKind.CALL_ENDED,
        carrier="trunk",
        call_id="c",
        at=NOW,
        received=NOW - age_s * 1000,
    )
    progress = Progress(Delivery.PENDING, attempts, NOW, deferred)
    return Stored(EventKey("c" * 22, "e" * 22), event, progress)


@pytest.mark.parametrize(
    ("attempt", "result", "delivery"),
    [
        (Attempt.DELIVERED, Result.DELIVERED, Delivery.DELIVERED),
        (Attempt.NOT_WANTED, Result.KEPT, Delivery.KEPT),
        (Attempt.NO_APP, Result.UNMATCHED, Delivery.UNMATCHED),
    ],
)
def test_what_ends_a_delivery(attempt: Attempt, result: Result, delivery: Delivery) -> None:
    plan = plan_after(attempt, pending(3, deferred=True), now=NOW)
    assert (plan.result, plan.progress) == (result, Progress(delivery, 3, NOW))


@pytest.mark.parametrize(
    ("attempt", "queue"),
    [
        (Attempt.REJECTED, "fast"),
        (Attempt.UNANSWERED, "slow"),
        # Once it was deferred, the next open circuit is a failed attempt.
        (Attempt.CIRCUIT_OPEN, "slow"),
    ],
)
@pytest.mark.parametrize("attempts", range(LAST + 1))
def test_a_failed_attempt_is_retried_by_the_schedule_and_then_dead_lettered(
    attempt: Attempt, queue: str, attempts: int
) -> None:
    plan = plan_after(attempt, pending(attempts, deferred=True), now=NOW)
    assert plan.progress.attempts == attempts + 1
    if attempts == LAST:
        assert plan.result is Result.DEAD_LETTERED
        assert replace(plan.progress, past=()) == Progress(
            Delivery.DEAD_LETTERED, attempts + 1, NOW
        )
        return
    assert (plan.result, plan.queue) == (Result.FAILED, queue)
    assert (plan.progress.delivery, plan.progress.deferred) == (Delivery.PENDING, False)
    delay_ms = RETRIES_S[attempts] * 1000
    assert delay_ms <= plan.progress.at - NOW <= delay_ms * (1 + JITTER) + 1


def attempt_at(at: int) -> PastAttempt:
    return PastAttempt(at, 500, 41, DeliveryFailure.STATUS)


def test_each_attempt_is_noted_and_the_oldest_make_room() -> None:
    stored, noted = pending(), []
    for number in range(MOST_PAST + 2):
        noted.append(attempt_at(NOW + number))
        stored = replace(stored, progress=replace(stored.progress, attempts=0))
        plan = plan_after(Attempt.REJECTED, stored, now=NOW, made=noted[-1])
        stored = replace(stored, progress=plan.progress)
    assert stored.progress.past == tuple(noted[-MOST_PAST:])
    taken = PastAttempt(NOW, 200, 7)
    plan = plan_after(Attempt.DELIVERED, stored, now=NOW, made=taken)
    assert plan.progress.past == (*noted[-MOST_PAST + 1 :], taken)


def test_what_an_open_circuit_kept_back_is_noted_once_it_counts_as_an_attempt() -> None:
    first = plan_after(Attempt.CIRCUIT_OPEN, pending(4), now=NOW)
    assert first.progress.past == ()
    failed = plan_after(Attempt.CIRCUIT_OPEN, pending(4, deferred=True), now=NOW)
    assert failed.progress.past == (PastAttempt(NOW, error=DeliveryFailure.CIRCUIT_OPEN),)


def test_the_last_attempt_is_noted_with_a_dead_letter() -> None:
    made = attempt_at(NOW)
    plan = plan_after(Attempt.REJECTED, pending(LAST), now=NOW, made=made)
    assert (plan.result, plan.progress.past) == (Result.DEAD_LETTERED, (made,))


def test_a_redelivery_that_goes_on_still_counts_for_what_the_event_was() -> None:
    stored = pending()
    again = replace(stored, progress=replace(stored.progress, redelivers=Delivery.DELIVERED))
    for attempt in (Attempt.REJECTED, Attempt.CIRCUIT_OPEN, Attempt.NOT_READY):
        assert plan_after(attempt, again, now=NOW).progress.counts_as is Delivery.DELIVERED
    assert plan_after(Attempt.DELIVERED, again, now=NOW).progress.redelivers is None


def test_an_open_circuit_defers_a_delivery_once() -> None:
    plan = plan_after(Attempt.CIRCUIT_OPEN, pending(4), now=NOW)
    assert (plan.result, plan.queue) == (Result.CIRCUIT_OPEN, "slow")
    assert (plan.progress.attempts, plan.progress.deferred) == (4, True)
    assert OPEN_MS <= plan.progress.at - NOW <= OPEN_MS * (1 + JITTER) + 1


@pytest.mark.parametrize(
    ("age_s", "delay_s"), [(0, NOT_READY_S[0]), (400, 100), (10**6, NOT_READY_S[1])]
)
def test_what_is_missing_on_our_side_is_no_attempt(age_s: int, delay_s: int) -> None:
    plan = plan_after(Attempt.NOT_READY, pending(2, age_s=age_s, deferred=True), now=NOW)
    assert (plan.result, plan.queue) == (Result.NOT_READY, "fast")
    assert plan.progress == Progress(Delivery.PENDING, 2, NOW + delay_s * 1000, deferred=True)


@pytest.mark.parametrize(
    ("unanswered", "open_for_ms", "state"),
    [
        (0, 0, Circuit.CLOSED),
        (OPEN_AFTER - 1, 9, Circuit.CLOSED),
        (OPEN_AFTER, 1, Circuit.OPEN),
        (OPEN_AFTER, 0, Circuit.HALF_OPEN),
        (OPEN_AFTER + 9, -1, Circuit.HALF_OPEN),
    ],
)
def test_the_circuit_opens_after_requests_without_an_answer(
    unanswered: int, open_for_ms: int, state: Circuit
) -> None:
    health = EndpointHealth(unanswered=unanswered, open_until=NOW + open_for_ms)
    assert health.circuit(now=NOW) is state


def test_which_status_says_that_the_endpoint_has_the_event() -> None:
    statuses = (101, 199, 200, 201, 204, 299, 300, 302, 404, 500)
    assert [each for each in statuses if is_delivered(each, any_2xx=False)] == [200]
    assert [each for each in statuses if is_delivered(each, any_2xx=True)] == [200, 201, 204, 299]


def test_the_queue_holds_what_is_due_soon() -> None:
    assert queue_delay_s(NOW - 5, now=NOW) == 0
    assert queue_delay_s(NOW + 1, now=NOW) == 1
    assert queue_delay_s(NOW + QUEUED_S * 1000, now=NOW) == QUEUED_S
    assert queue_delay_s(NOW + QUEUED_S * 1000 + 1, now=NOW) is None
