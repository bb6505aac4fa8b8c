"""Telling an app until its receiver takes it: schedule, rests, lanes, what a crash leaves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.calls.events import Event, EventKind, Party
from chalicelib.core.calls.follow_up import GRACE_MS
from chalicelib.core.calls.model import Task
from chalicelib.core.errors import UnknownEvent
from chalicelib.core.retries import JITTER, QUEUED_S
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.webhooks.policy import (
    OPEN_AFTER,
    OPEN_MS,
    RETRIES_S,
    SLOW_FOR_MS,
    Result,
)
from chalicelib.services.calls.follow_up import Seen
from chalicelib.store.webhooks.endpoints import EndpointStore
from chalicelib.wiring import schedules
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway, gateway
from chalicelib.wiring.ingest import Ingest
from chalicelib.wiring.records import Records
from tests.stage import X1, A, B, Receiver, Stage, answering, refusal

AT = 1_768_464_000_000
REFUSED = "http://127.0.0.1:9/nobody"

END = Event(
    id="e",
    kind=EventKind.CALL_ENDED,
    carrier="switch",
    call_id="c",
    at=AT - 1_000,
    received=AT,
    number=X1,
    caller=Subscriber(A),
    callee=Subscriber(B),
    started=AT - 9_000,
    released_by=Party.CALLER,
)


@pytest.fixture
def ours(stage: Stage, receiver: Receiver) -> Gateway:
    stage.app(callback_url=receiver.url)
    return gateway()


def silent(stage: Stage) -> Gateway:
    """Of an app whose receiver is not there."""
    stage.app(callback_url=REFUSED)
    return gateway()


def announced(ours: Gateway, stage: Stage, event: Event = END) -> Task:
    ours.shared(Ingest).events.record([event])
    (message,) = stage.messages()
    return Task.from_text(message)


def waits(stage: Stage, ours: Gateway, task: Task) -> int:
    """When the event is due again (epoch ms)."""
    call = ours.shared(Calls).store.call(task.key.call)
    stored = call.find(task.key) if call else None
    assert stored is not None
    return stored.progress.at


def followed(ours: Gateway, now: int) -> Seen:
    return ours.shared(schedules.follow_up).run(now=now, time_left=lambda: True)


def test_the_schedule_is_the_published_one_and_then_it_is_dead(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    task, now, waited = announced(ours, stage), AT, []
    receiver.status = 500
    while (told := ours.shared(webhook_delivery).deliver(task, now=now)) is Result.FAILED:
        at = waits(stage, ours, task)
        waited.append((at - now) / 1000)
        now = at
    assert told is Result.DEAD_LETTERED
    assert len(receiver.got) == len(RETRIES_S) + 1
    for delay_s, took_s in zip(RETRIES_S, waited, strict=True):
        assert delay_s <= took_s <= delay_s * (1 + JITTER) + 0.001
    # Not all at the same moment: another event has another jitter.
    assert any(took_s > delay_s for delay_s, took_s in zip(RETRIES_S, waited, strict=True))


def test_short_waits_are_the_queues_and_long_ones_the_indexs(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    task, now, queued = announced(ours, stage), AT, []
    receiver.status = 500
    for _ in RETRIES_S:
        with answering(stage.sqs, "SendMessageBatch") as sent:
            ours.shared(webhook_delivery).deliver(task, now=now)
        queued.append(sent[0]["Entries"][0]["DelaySeconds"] if sent else None)
        now = waits(stage, ours, task)
    assert queued[0] == 0
    assert 5 <= queued[1] <= 6
    assert 300 <= queued[2] <= 330
    assert set(queued[3:]) == {None}
    assert RETRIES_S[3] > QUEUED_S


def test_what_waits_in_the_index_comes_when_it_is_due(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    task, now = announced(ours, stage), AT
    receiver.status = 500
    for _ in range(4):
        ours.shared(webhook_delivery).deliver(task, now=now)
        now = waits(stage, ours, task)
    stage.messages()
    assert followed(ours, now - 1).delivered == 0
    assert followed(ours, now + GRACE_MS).delivered == 1
    (message,) = stage.messages()
    receiver.status = 200
    assert (
        ours.shared(webhook_delivery).deliver(Task.from_text(message), now=now + GRACE_MS)
        is Result.DELIVERED
    )
    assert followed(ours, now + 10 * GRACE_MS) == Seen()


def test_the_event_itself_is_the_outbox(stage: Stage, ours: Gateway, receiver: Receiver) -> None:
    from chalicelib.core.errors import Unavailable

    with (
        answering(stage.sqs, "SendMessageBatch", refusal("InternalFailure")),
        pytest.raises(Unavailable),
    ):
        ours.shared(Ingest).events.record([END])
    assert stage.messages() == []
    # The carrier never repeats it; the schedule does what was left undone.
    assert followed(ours, AT + GRACE_MS).delivered == 1
    # What is on its way again is left alone for a while.
    assert followed(ours, AT + GRACE_MS + 60_000).delivered == 0
    (message,) = stage.messages()
    assert (
        ours.shared(webhook_delivery).deliver(Task.from_text(message), now=AT + GRACE_MS)
        is Result.DELIVERED
    )
    assert len(receiver.got) == 1


def test_a_message_before_its_time_is_no_attempt(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    task = announced(ours, stage)
    receiver.status = 500
    for _ in range(2):
        ours.shared(webhook_delivery).deliver(task, now=AT)
    assert ours.shared(webhook_delivery).deliver(task, now=AT) is Result.TOO_EARLY
    assert len(receiver.got) == 2


def test_a_message_that_comes_twice_is_told_once(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    task = announced(ours, stage)
    assert ours.shared(webhook_delivery).deliver(task, now=AT) is Result.DELIVERED
    assert ours.shared(webhook_delivery).deliver(task, now=AT) is Result.DONE_BEFORE
    assert len(receiver.got) == 1


def test_a_receiver_that_never_answers_is_left_alone_and_probed_by_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = silent(stage)
    tasks = [announced(ours, stage, replace(END, id=f"e{i}", call_id=f"c{i}")) for i in range(9)]
    tried: list[str] = []
    post = ours.shared(webhook_delivery)._sender.post

    def counted(url: str, *rest: Any, **more: Any) -> None:
        tried.append(url)
        post(url, *rest, **more)

    monkeypatch.setattr(ours.shared(webhook_delivery)._sender, "post", counted)
    told = [ours.shared(webhook_delivery).deliver(task, now=AT) for task in tasks]
    left_alone = tasks[OPEN_AFTER:]
    assert told == [Result.FAILED] * OPEN_AFTER + [Result.CIRCUIT_OPEN] * len(left_alone)
    assert len(tried) == OPEN_AFTER
    # Those that were not even tried wait for somebody to find out, and it costs them nothing, once.
    later = AT + 2 * OPEN_MS
    told = [ours.shared(webhook_delivery).deliver(task, now=later) for task in left_alone]
    assert told == [Result.FAILED] * len(left_alone)
    assert len(tried) == OPEN_AFTER + 1
    ours.shared(webhook_delivery).deliver(tasks[0], now=later + OPEN_MS)
    assert len(tried) == OPEN_AFTER + 2


def test_whoever_was_put_off_is_told_once_the_receiver_is_back(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    from chalicelib.store.webhooks.endpoints import EndpointStore

    for _ in range(OPEN_AFTER):
        EndpointStore(ours.table).unanswered("demo", open_until=AT + 5_000)
    task = announced(ours, stage)
    assert ours.shared(webhook_delivery).deliver(task, now=AT) is Result.CIRCUIT_OPEN
    assert receiver.got == []
    assert OPEN_MS <= waits(stage, ours, task) - AT <= OPEN_MS * (1 + JITTER) + 1
    assert ours.shared(webhook_delivery).deliver(task, now=AT + 2 * OPEN_MS) is Result.DELIVERED


def test_of_two_that_tell_at_once_the_one_that_was_heard_counts(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    task = announced(ours, stage)
    post = ours.shared(webhook_delivery)._sender.post

    def meanwhile(*rest: Any, **more: Any) -> None:
        receiver.status, ours.shared(webhook_delivery)._sender.post = 500, post
        assert ours.shared(webhook_delivery).deliver(task, now=AT) is Result.FAILED
        receiver.status = 200
        post(*rest, **more)

    ours.shared(webhook_delivery)._sender.post = meanwhile
    assert ours.shared(webhook_delivery).deliver(task, now=AT) is Result.DELIVERED
    assert stage.deliveries() == ["delivered"]


def test_a_receiver_that_is_back_gets_everything_again(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    for _ in range(OPEN_AFTER):
        EndpointStore(ours.table).unanswered("demo", open_until=AT)
    tasks = [announced(ours, stage, replace(END, id=f"e{i}", call_id=f"c{i}")) for i in range(3)]
    assert [ours.shared(webhook_delivery).deliver(each, now=AT) for each in tasks] == [
        Result.DELIVERED
    ] * 3
    assert len(receiver.got) == 3


def test_a_slow_receiver_is_served_in_the_other_lane(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    EndpointStore(ours.table).slow("demo", until=AT + SLOW_FOR_MS)
    task = announced(ours, stage)
    assert ours.shared(webhook_delivery).deliver(task, now=AT, queue="fast") is Result.SLOW_QUEUE
    assert receiver.got == []
    (message,) = stage.messages("delivery-slow")
    assert (
        ours.shared(webhook_delivery).deliver(Task.from_text(message), now=AT, queue="slow")
        is Result.DELIVERED
    )
    other = announced(ours, stage, replace(END, id="later", call_id="later"))
    assert ours.shared(webhook_delivery).deliver(other, now=AT + SLOW_FOR_MS) is Result.DELIVERED


def test_an_answer_that_says_no_is_no_reason_to_leave_it_alone(
    stage: Stage, ours: Gateway, receiver: Receiver
) -> None:
    receiver.status = 500
    for i in range(OPEN_AFTER + 2):
        task = announced(ours, stage, replace(END, id=f"e{i}", call_id=f"c{i}"))
        ours.shared(webhook_delivery).deliver(task, now=AT)
        stage.messages()
    assert len(receiver.got) == OPEN_AFTER + 2


# The dead.


@pytest.fixture
def died(stage: Stage, ours: Gateway, receiver: Receiver) -> Callable[..., Task]:
    """Makes an event that nobody took."""

    def die(event: Event) -> Task:
        status, receiver.status = receiver.status, 500
        task, now = announced(ours, stage, event), AT
        while ours.shared(webhook_delivery).deliver(task, now=now) is Result.FAILED:
            now = waits(stage, ours, task)
        receiver.status = status
        stage.messages()
        receiver.got.clear()
        return task

    return die


def test_the_dead_are_listed_and_told_again_one_by_one(
    stage: Stage, ours: Gateway, receiver: Receiver, died: Callable[..., Task]
) -> None:
    task = died(END)
    (dead,) = ours.shared(Records).redelivery.dead_letters("demo", since=0, until=AT).events
    assert (dead.id, dead.kind, dead.at) == (task.key.id, EventKind.CALL_ENDED, END.at)
    assert dead.attempts == len(RETRIES_S) + 1
    for app, event_id in (("other", dead.id), ("demo", "x"), ("demo", f"{'c' * 22}.{'e' * 22}")):
        with pytest.raises(UnknownEvent):
            ours.shared(Records).redelivery.redeliver(app, event_id, now=AT)
    assert stage.messages() == []

    ours.shared(Records).redelivery.redeliver("demo", dead.id, now=AT)
    (message,) = stage.messages()
    assert (
        ours.shared(webhook_delivery).deliver(Task.from_text(message), now=AT) is Result.DELIVERED
    )
    assert len(receiver.got) == 1
    assert ours.shared(Records).redelivery.dead_letters("demo", since=0, until=AT).events == []
    # What was told can be asked for once more.
    ours.shared(Records).redelivery.redeliver("demo", dead.id, now=AT)
    assert len(stage.messages()) == 1


def test_the_dead_of_a_time_are_told_again_at_once(
    stage: Stage, ours: Gateway, died: Callable[..., Task]
) -> None:
    tasks = [
        died(replace(END, id=f"e{i}", call_id=f"c{i}", at=AT + i, started=None)) for i in range(4)
    ]
    again = ours.shared(Records).redelivery.redeliver_between(
        "demo", since=AT + 1, until=AT + 3, now=AT
    )
    assert again == 2
    sent = {Task.from_text(each).key for each in stage.messages()}
    assert sent == {tasks[1].key, tasks[2].key}
    assert (
        ours.shared(Records).redelivery.redeliver_between(
            "demo", since=AT + 1, until=AT + 3, now=AT
        )
        == 0
    )
    assert (
        ours.shared(Records).redelivery.redeliver_between("other", since=0, until=AT + 9, now=AT)
        == 0
    )


def test_what_died_of_a_call_that_was_going_on_already_is_told_again(
    stage: Stage, ours: Gateway, died: Callable[..., Task]
) -> None:
    died(replace(END, id="first", at=AT - 1))
    second = died(replace(END, at=AT))
    (dead,) = ours.shared(Records).redelivery.dead_letters("demo", since=AT, until=AT + 1).events
    assert dead.id == second.key.id
    assert (
        ours.shared(Records).redelivery.redeliver_between("demo", since=AT, until=AT + 1, now=AT)
        == 1
    )
    assert [Task.from_text(each).key for each in stage.messages()] == [second.key]
    assert (
        len(ours.shared(Records).redelivery.dead_letters("demo", since=0, until=AT + 1).events) == 1
    )
