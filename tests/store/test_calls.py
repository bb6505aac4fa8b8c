"""Calls at rest: each event once, sealed, open until done; found by what they are about."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from bench.capacity import KB, item_size
from chalicelib.carriers.netease.wire_callbacks import read
from chalicelib.clock import SYSTEM
from chalicelib.core.calls.events import Event, EventKind, Party, PlacedEnd, RejectReason, SmsResult
from chalicelib.core.calls.follow_up import GRACE_MS, SETTLED_MS, UNFINISHED_MS
from chalicelib.core.calls.model import Call, Delivery, PastAttempt, Progress, Recording, Task
from chalicelib.core.calls.prices import Bill
from chalicelib.core.calls.search import Search
from chalicelib.core.durations import DAY_MS
from chalicelib.core.numbers import national
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import Tariff
from chalicelib.core.webhooks.endpoint import DeliveryFailure
from chalicelib.core.webhooks.policy import MOST_PAST, EndpointHealth
from chalicelib.store.bindings.items import binding_item, seal
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.calls.events import MORE_BYTES, EventStore
from chalicelib.store.codec import attribute
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Table
from chalicelib.store.webhooks.endpoints import EndpointStore
from chalicelib.store.work_index import SHARDS, shard_of
from tests.carriers.netease.recorded import recorded
from tests.core.samples import binding, event
from tests.stage import X1, X2, A, B, C, Stage, answering, refusal

VAULT = FieldEncryption({"current": "1", "1": "k" * 64}, SYSTEM.random_bytes)
AT = 1_768_464_000_000
BINDING = "0" * 26

FULL = Event(
    id="e1",
    kind=EventKind.CALL_ENDED,
    carrier="switch",
    call_id=f"call-of-{A}",
    at=AT,
    received=AT + 500,
    binding=BINDING,
    number=X1,
    caller=Subscriber(A),
    callee=Subscriber(B),
    cause=16,
    released_by=Party.CALLER,
    rejected=RejectReason.BLOCKED,
    sms_result=SmsResult.FAILED,
    url="https://example.org/1.wav",
    md5="m",
    raw='{"from": "…"}',
    sequence=7,
)
BARE = event(EventKind.RECORDING_READY, 5, call_id="bare")
START = replace(FULL, id="s", kind=EventKind.CALL_STARTED, at=AT - 60_000, sequence=None)
KEPT = Recording("recordings/180/demo/x", 5, "d" * 32, AT, AT + DAY_MS, "audio/x-wav")


@pytest.fixture
def table(stage: Stage) -> Table:
    return Table(lambda: stage.dynamodb, stage.table, SYSTEM)


@pytest.fixture
def store(table: Table) -> CallStore:
    return CallStore(table, lambda: VAULT)


def append(
    store: CallStore,
    event: Event,
    delivery: Delivery = Delivery.PENDING,
    owner: str | None = "demo",
    **more: Any,
) -> Task | None:
    appended = events(store).append(event, reported=event, owner=owner, delivery=delivery, **more)
    return appended.task if appended.stored.progress.open else None


def events(store: CallStore) -> EventStore:
    return EventStore(store._table, store._encryption)


def stored(store: CallStore, event: Event, **more: Any) -> Task:
    task = append(store, event, **more)
    assert task is not None
    return task


def call_of(store: CallStore, task: Task) -> Call:
    call = store.call(task.key.call)
    assert call is not None
    return call


def settled(store: CallStore, task: Task, delivery: Delivery, **more: Any) -> None:
    progress = Progress(delivery, 0, AT + 1000)
    assert store.settle(call_of(store, task), task.key, progress, **more)


def item(stage: Stage) -> dict[str, Any]:
    (only,) = stage.items("C#")
    return only


@pytest.mark.parametrize("each", [FULL, BARE, replace(FULL, raw='\n{"a":\r\n1}\n')])
def test_an_event_is_read_back_as_it_was(store: CallStore, each: Event) -> None:
    task = stored(store, each)
    (found,) = call_of(store, task).stored
    assert (found.event, found.key) == (each, task.key)
    assert found.progress == Progress(Delivery.PENDING, 0, each.received)


def test_there_is_room_for_all_that_may_come_of_an_event() -> None:
    """Beside what it says: its attempts, its recording, the names of these."""
    attempts = [PastAttempt(AT, 599, 99_999, each) for each in DeliveryFailure] * MOST_PAST
    longest = sorted(attempts, key=lambda each: len(each.error or ""))[-MOST_PAST:]
    progress = Progress(
        *(Delivery.DEAD_LETTERED, 99, AT, True, Delivery.DEAD_LETTERED, tuple(longest))
    )
    name = f"recordings/730/{'a' * 64}/{'e' * 22}.{'c' * 22}"
    recording = Recording(name, 2**31, "f" * 32, AT, AT, "application/octet-stream")
    event = "e" * 22
    rest = {f"P{event}": attribute(progress), f"R{event}": attribute(recording)}
    assert item_size(rest) + len(f"E{event}") <= MORE_BYTES


def test_storing_is_one_write_and_so_is_settling(stage: Stage, store: CallStore) -> None:
    with answering(stage.dynamodb, "UpdateItem") as writes:
        task = stored(store, FULL)
        call = call_of(store, task)
        store.settle(call, task.key, Progress(Delivery.DELIVERED, 0, AT))
    assert len(writes) == 2


def test_the_end_of_a_call_is_small_also_once_it_is_delivered(
    stage: Stage, store: CallStore
) -> None:
    message = recorded("callback-32")["body"].replace("abc", "0" * 26)
    (ended,) = read(message.encode(), carrier="n" * 32, received=1_900_000_000_000).events
    task = stored(store, ended)
    settled(store, task, Delivery.DELIVERED)
    assert item_size(item(stage)) <= 1.5 * KB


def test_a_repeat_is_stored_once_and_open_until_it_is_done(stage: Stage, store: CallStore) -> None:
    task = stored(store, FULL)
    assert append(store, FULL) == task
    settled(store, task, Delivery.DELIVERED)
    assert append(store, FULL) is None
    assert len(call_of(store, task).stored) == 1
    assert stage.deliveries() == ["delivered"]


def test_only_what_is_open_has_an_errand(store: CallStore) -> None:
    for delivery in Delivery:
        is_open = delivery in (Delivery.PENDING, Delivery.FETCHING, Delivery.UNPLACED)
        task = append(store, replace(FULL, id=delivery), delivery)
        assert (task is not None) == is_open


@pytest.mark.parametrize(
    "change", [{"carrier": "other"}, {"call_id": "another"}, {"node": "b"}, {"number": X2}]
)
def test_other_calls_are_other_items(stage: Stage, store: CallStore, change: Any) -> None:
    append(store, FULL)
    append(store, replace(FULL, **change))
    assert len(stage.items("C#")) == 2


def test_whoever_owns_an_x_has_calls_of_his_own(stage: Stage, store: CallStore) -> None:
    """The same X, carrier and call id: somebody else's call."""
    tasks = [stored(store, FULL, owner=owner) for owner in ("demo", "other")]
    calls = [call_of(store, task) for task in tasks]
    assert [call.app for call in calls] == ["demo", "other"]
    assert [len(call.stored) for call in calls] == [1, 1]
    assert {call.id for call in store.beside(FULL)} == {call.id for call in calls}


def test_a_placed_call_is_beside_whatever_any_node_reports(store: CallStore) -> None:
    end = PlacedEnd(False, "clerk", Subscriber(A), (Subscriber(A), Subscriber(B)), 1, 2, 3, "")
    placed = replace(FULL, kind=EventKind.PLACED_ENDED, placed=end, number=None, node="a")
    call = call_of(store, stored(store, placed))
    ready = replace(FULL, kind=EventKind.RECORDING_READY, number=None)
    for node in (None, "a", "b"):
        assert store.beside(replace(ready, node=node)) == [call]
    # Whose id another call of one node has: of two nobody knows which it is.
    same = call_of(store, stored(store, replace(FULL, node="a")))
    assert {each.id for each in store.beside(replace(ready, node="a"))} == {call.id, same.id}
    # A call that is not placed is one node's.
    other = replace(FULL, call_id="other")
    append(store, other)
    assert store.beside(replace(other, node="a")) == []


def test_the_same_id_with_another_content_is_an_event_of_its_own(store: CallStore) -> None:
    def appended(event: Event) -> Any:
        return events(store).append(event, reported=event, owner="demo", delivery=Delivery.KEPT)

    first = appended(FULL)
    assert (first.new, first.conflicting) == (True, False)
    repeat = appended(replace(FULL, received=FULL.received + 9, raw="{}"))
    assert (repeat.new, repeat.conflicting) == (False, False)
    assert repeat.stored == first.stored
    other = appended(replace(FULL, cause=17))
    assert (other.new, other.conflicting) == (True, True)
    assert not appended(replace(FULL, cause=17)).new
    assert len(call_of(store, first.task).stored) == 2


def test_a_time_that_was_not_stated_makes_no_other_event(store: CallStore) -> None:
    untimed = replace(BARE, timed=False, number=X1)
    task = stored(store, untimed, delivery=Delivery.FETCHING)
    later = replace(untimed, at=untimed.at + 5, received=untimed.received + 5)
    assert append(store, later, Delivery.FETCHING) == task
    assert len(call_of(store, task).stored) == 1


# Several calls under one key.

HOUR = 3_600_000
SECOND_CALL = tuple(
    replace(each, id=f"{each.id}2", at=each.at + HOUR, caller=Subscriber(C))
    for each in (START, FULL)
)


@pytest.mark.parametrize("bill", [None, Bill("demo", Tariff(minute=10))])
@pytest.mark.parametrize("turn", list(permutations(range(4))))
def test_a_call_with_the_id_of_another_is_found_by_itself(
    stage: Stage, store: CallStore, turn: tuple[int, ...], bill: Bill | None
) -> None:
    events = (START, replace(FULL, rejected=None), *SECOND_CALL)
    for i in turn:
        append(store, events[i], Delivery.KEPT, bill=bill)
    found = store.find(search(), limit=9).calls
    assert [call.events for call in found] == [list(events[2:]), list(events[:2])]
    assert (found[0].id, found[1].part) == (found[1].id, "")
    assert found[0].part
    (only,) = store.find(search(person=Subscriber(C)), limit=9).calls
    assert only == found[0]
    (only,) = store.find(search(person=Subscriber(A)), limit=9).calls
    assert only == found[1]
    assert len(store.find(search(binding=BINDING), limit=1).calls) == 1
    main = next(each for each in stage.items("C#") if "." not in each["sk"]["S"])
    assert ("for_minutes" in main) == (bill is not None)


@pytest.mark.parametrize("bill", [None, Bill("demo", Tariff(minute=10))])
@pytest.mark.parametrize("turn", list(permutations(range(3))))
def test_a_call_is_not_found_by_what_is_another_ones(
    store: CallStore, turn: tuple[int, ...], bill: Bill | None
) -> None:
    """The end of the second seems to be the first one's until the start of the second comes."""
    start, end = (replace(each, caller=None, callee=None) for each in SECOND_CALL)
    end = replace(end, callee=Subscriber(C), rejected=None)
    events = (replace(START, caller=None, callee=None), start, end)
    for i in turn:
        append(store, events[i], Delivery.KEPT, bill=bill)
    (only,) = store.find(search(person=Subscriber(C)), limit=9).calls
    assert only.events == [start, end]


@pytest.mark.parametrize("bill", [None, Bill("demo", Tariff(minute=10))])
def test_an_entry_goes_when_an_end_between_makes_two_calls_one(
    store: CallStore, bill: Bill | None
) -> None:
    ends = [replace(FULL, id=f"{s}", at=FULL.at + s * 1000, started=None) for s in (0, 70, 35)]
    for count, each in zip((1, 2, 1), ends, strict=True):
        append(store, each, Delivery.KEPT, bill=bill)
        assert len(store.find(search(), limit=9).calls) == count


def test_an_entry_goes_when_two_calls_turn_out_to_be_one(stage: Stage, store: CallStore) -> None:
    append(store, replace(START, sequence=None), Delivery.KEPT)
    apart = replace(START, id="s2", at=START.at + 61_000)
    append(store, apart, Delivery.KEPT)
    assert len(store.find(search(), limit=9).calls) == 2
    # Both are within a minute of this one.
    append(store, replace(START, id="s0", at=START.at + 30_000, started=None), Delivery.KEPT)
    assert len(store.find(search(), limit=9).calls) == 2
    between = replace(START, id="s3", at=START.at - 1)
    append(store, between, Delivery.KEPT)
    found = store.find(search(), limit=9).calls
    assert [len(call.stored) for call in found] == [1, 3]


def test_a_call_is_all_of_its_events_by_their_time(stage: Stage, store: CallStore) -> None:
    task = stored(store, FULL)
    append(store, START, Delivery.KEPT)
    call = call_of(store, task)
    assert call.events == [START, FULL]
    assert [each.progress.delivery for each in call.stored] == [Delivery.KEPT, Delivery.PENDING]
    assert len(stage.items("C#")) == 1


def test_no_item_and_no_message_shows_a_number(stage: Stage, store: CallStore) -> None:
    task = stored(store, FULL)
    for text in (repr(stage.items()), task.to_text()):
        assert A[2:] not in text
        assert B[2:] not in text


def test_a_call_record_is_kept_for_more_than_six_months(stage: Stage, store: CallStore) -> None:
    append(store, FULL)
    assert int(item(stage)["ttl"]["N"]) * 1000 >= FULL.received + 183 * DAY_MS


def test_a_call_is_kept_as_long_as_its_recording(stage: Stage, store: CallStore) -> None:
    years = FULL.received + 730 * DAY_MS
    task = stored(store, replace(FULL, kind=EventKind.RECORDING_READY))
    settled(store, task, Delivery.KEPT, recording=replace(KEPT, expires=years))
    append(store, START, Delivery.KEPT)
    stored(store, replace(FULL, id="charged"), bill=BILL)
    assert int(item(stage)["ttl"]["N"]) * 1000 >= years


@pytest.mark.parametrize("bill", [None, Bill("demo", Tariff(minute=10))])
def test_a_call_too_large_for_an_item_loses_nothing(
    stage: Stage, store: CallStore, bill: Bill | None
) -> None:
    large = [replace(FULL, id=f"e{i}", raw="x" * 90_000) for i in range(6)]
    tasks = [stored(store, each, bill=bill) for each in large]
    items = stage.items("C#")
    assert 1 < len(items) < 6
    for task, each in zip(tasks, large, strict=True):
        found = call_of(store, task).find(task.key)
        assert found is not None
        assert found.event == each
    # A repeat finds it where it is.
    assert [stored(store, each, bill=bill) for each in large] == tasks
    assert len(stage.items("C#")) == len(items)


@pytest.mark.parametrize("bill", [None, Bill("demo", Tariff(minute=10))])
def test_how_far_the_events_of_a_large_call_are_has_room(
    stage: Stage, store: CallStore, bill: Bill | None
) -> None:
    tasks = [stored(store, replace(FULL, id=f"e{i}", raw="x" * 60_000)) for i in range(6)]
    # As much as an item just takes.
    rest = 400_000 - item_size(item(stage)) - 1_000
    tasks.append(stored(store, replace(FULL, id="last", raw="x" * rest), bill=bill))
    for task in tasks:
        settled(store, task, Delivery.DEAD_LETTERED, recording=KEPT)
    assert all(item_size(each) <= 400_000 for each in stage.items("C#"))


# When something is due in a call.


def due(stage: Stage) -> int | None:
    found = item(stage).get("due_at")
    return int(found["N"]) if found else None


def test_what_was_announced_is_looked_after_a_moment_later(stage: Stage, store: CallStore) -> None:
    task = stored(store, FULL)
    assert due(stage) == FULL.received + GRACE_MS
    assert list(store.due(now=FULL.received + GRACE_MS - 1)) == []
    assert list(store.due(now=FULL.received + GRACE_MS)) == [task.key.call]


def test_what_is_counted_later_puts_off_nothing_that_is_open(
    stage: Stage, store: CallStore
) -> None:
    append(store, FULL)
    with answering(stage.dynamodb, "UpdateItem") as writes:
        append(store, replace(START, received=FULL.received + 1_000, sequence=8), Delivery.KEPT)
    assert due(stage) == FULL.received + GRACE_MS
    assert len(writes) == 2


def test_each_shard_has_its_turn_of_being_the_first(store: CallStore) -> None:
    for i in range(40):
        append(store, replace(FULL, call_id=f"c{i}"))
    turns = [FULL.received + GRACE_MS + i * 60_000 for i in range(SHARDS)]
    everything = [list(store.due(now=now)) for now in turns]
    assert {len(each) for each in everything} == {40}
    assert len({shard_of("call", each[0]) for each in everything}) == SHARDS


def test_a_complete_call_is_never_due_again(stage: Stage, store: CallStore) -> None:
    task = stored(store, replace(FULL, sequence=None))
    append(store, START, Delivery.KEPT)
    settled(store, task, Delivery.DELIVERED)
    assert due(stage) is None
    assert "due_shard" not in item(stage)


@pytest.mark.parametrize(
    ("left_out", "at"), [("start", FULL.received + SETTLED_MS), ("none", None)]
)
def test_a_call_that_lacks_something_is_looked_over_later(
    stage: Stage, store: CallStore, left_out: str, at: int | None
) -> None:
    task = stored(store, replace(FULL, sequence=None, rejected=None))
    if left_out == "none":
        append(store, START, Delivery.KEPT)
    settled(store, task, Delivery.DELIVERED)
    assert due(stage) == at


def test_a_call_that_never_ends_is_looked_over_at_last(stage: Stage, store: CallStore) -> None:
    append(store, START, Delivery.KEPT)
    assert due(stage) == START.received + UNFINISHED_MS


def test_what_is_nobodys_is_not_looked_over(stage: Stage, store: CallStore) -> None:
    append(store, START, Delivery.KEPT, owner=None)
    assert due(stage) is None


def test_two_open_events_of_a_call_are_both_looked_after(stage: Stage, store: CallStore) -> None:
    one = stored(store, FULL)
    later = replace(FULL, id="r", kind=EventKind.RECORDING_READY, received=AT + 9_000)
    two = stored(store, later, delivery=Delivery.FETCHING)
    settled(store, one, Delivery.DELIVERED)
    assert due(stage) == later.received + GRACE_MS
    settled(store, two, Delivery.KEPT, recording=KEPT)
    found = call_of(store, two).find(two.key)
    assert found is not None
    assert found.recording == KEPT


def test_a_call_is_claimed_by_one(store: CallStore) -> None:
    task = stored(store, FULL)
    now = FULL.received + GRACE_MS
    claimed = store.claim(task.key.call, until=now + 5, now=now)
    assert claimed is not None
    assert store.claim(task.key.call, until=now + 5, now=now) is None
    assert store.claim("c" * 22, until=now + 5, now=now) is None


def test_what_moved_on_is_not_overwritten(store: CallStore) -> None:
    task = stored(store, FULL)
    before = call_of(store, task)
    append(store, START, Delivery.KEPT)
    assert not store.settle(before, task.key, Progress(Delivery.DELIVERED))
    assert not store.rest(before, looked=AT)
    assert call_of(store, task).stored[1].progress.delivery is Delivery.PENDING


# What it takes to tell an app.


def test_a_dossier_is_one_read(stage: Stage, store: CallStore, table: Table) -> None:
    task = stored(store, FULL)
    receivers = EndpointStore(table)
    receivers.unanswered("demo", open_until=9)
    receivers.slow("demo", until=8)
    with (
        answering(stage.dynamodb, "BatchGetItem") as batches,
        answering(stage.dynamodb, "GetItem") as gets,
    ):
        dossier = store.open(task)
    assert (len(batches), len(gets)) == (1, 0)
    assert dossier.call.events == [FULL]
    assert dossier.health == EndpointHealth(unanswered=1, open_until=9, slow_until=8)
    assert dossier.binding is None


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("app", ["demo", "other"])
def test_a_dossier_never_has_the_binding_of_another_app(
    store: CallStore, table: Table, app: str, known: bool
) -> None:
    """Whatever the event names; also where only its item says which binding that is."""
    made = binding(id=BINDING, handle="0" * 12, app=app, key_version=1)
    table.put_new(binding_item(made, seal(VAULT, made)))
    task = stored(store, FULL)
    dossier = store.open(task if known else Task(task.key, app="demo"))
    assert dossier.binding == (made if app == "demo" else None)


def test_a_receiver_is_probed_by_one(store: CallStore, table: Table) -> None:
    receivers = EndpointStore(table)
    receivers.unanswered("demo", open_until=9)
    task = stored(store, FULL)
    health = store.open(task).health
    assert receivers.claim_trial("demo", health, open_until=20)
    assert not receivers.claim_trial("demo", health, open_until=20)
    receivers.answered("demo")
    assert store.open(task).health.unanswered == 0


# What a call is found by.


def search(**more: Any) -> Search:
    return Search(**{"app": "demo", "since": AT - DAY_MS, "until": AT + DAY_MS} | more)


def test_messages_of_one_millisecond_are_found_one_by_one(store: CallStore) -> None:
    """A telephone may send several to one group under one Call-ID."""
    for name, person in (("x", A), ("y", B), ("z", C)):
        sent = replace(FULL, id=name, kind=EventKind.SMS_SENT, sequence=None)
        append(store, replace(sent, caller=Subscriber(person), callee=None))
    for person in (A, B, C):
        found = store.find(search(person=Subscriber(person)), limit=9)
        assert [each.events[0].caller for each in found.calls] == [Subscriber(person)]
    page = store.find(search(number=X1), limit=2)
    rest = store.find(search(number=X1, after=page.after), limit=2)
    assert (len(page.calls), len(rest.calls), rest.after) == (2, 1, None)
    assert len({call.name for call in (*page.calls, *rest.calls)}) == 3


BY: list[dict[str, Any]] = [
    {},
    {"binding": BINDING},
    {"number": X1},
    # As it is told to an app of interline's.
    {"number": national(X1)},
    {"person": Subscriber(A)},
    {"person": Subscriber(B)},
]
NOT_BY: list[dict[str, Any]] = [
    {"app": "other"},
    {"binding": "1" * 26},
    {"number": X2},
    {"person": Subscriber(C)},
    {"until": FULL.at},
    {"since": FULL.at + 1},
    {"number": X1, "until": FULL.at},
    {"person": Subscriber(A), "since": FULL.at + 1},
]


@pytest.mark.parametrize("by", BY)
def test_a_call_is_found_by_each_thing_it_is_about(store: CallStore, by: Any) -> None:
    task = stored(store, FULL)
    found = store.find(search(**by), limit=10)
    assert [call.id for call in found.calls] == [task.key.call]
    assert found.after is None


@pytest.mark.parametrize("by", NOT_BY)
def test_a_call_is_not_found_by_anything_else(store: CallStore, by: Any) -> None:
    append(store, FULL)
    assert store.find(search(**by), limit=10).calls == []


def test_what_is_nobodys_is_found_by_nobody(stage: Stage, store: CallStore) -> None:
    append(store, FULL, owner=None)
    assert not {"day", "place", "caller_of", "number_of"} & item(stage).keys()


def test_a_person_is_found_under_every_data_key(stage: Stage, store: CallStore) -> None:
    append(store, FULL)
    newer = FieldEncryption({"current": "2", "1": "k" * 64, "2": "n" * 64}, SYSTEM.random_bytes)
    later = CallStore(Table(lambda: stage.dynamodb, stage.table, SYSTEM), lambda: newer)
    append(later, replace(FULL, call_id="another"))
    assert len(later.find(search(person=Subscriber(A)), limit=10).calls) == 2


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("newest", [True, False])
def test_pages_have_each_call_once_in_order(store: CallStore, by: Any, newest: bool) -> None:
    # Many at the same moment, some on another day.
    for i in range(11):
        at = AT + (i // 4) * DAY_MS // 3
        append(store, replace(FULL, call_id=f"c{i}", at=at))
    seen: list[tuple[int, str]] = []
    after = None
    while True:
        found = store.find(
            search(**by, until=AT + 5 * DAY_MS, after=after, newest_first=newest), limit=3
        )
        assert len(found.calls) <= 3
        seen += [(call.events[0].at, call.id) for call in found.calls]
        if (after := found.after) is None:
            break
    assert len(seen) == 11
    assert seen == sorted(set(seen), reverse=newest)


@pytest.mark.parametrize("turn", [(START, FULL), (FULL, START)])
def test_whatever_came_first_a_call_stands_where_it_began(
    stage: Stage, store: CallStore, turn: tuple[Event, ...]
) -> None:
    for each in turn:
        append(store, each)
    assert item(stage)["place"]["S"].startswith(f"{START.at:015d}#")


def test_a_call_that_is_told_of_meanwhile_stands_where_it_began(
    stage: Stage, store: CallStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = stored(store, FULL)
    before = store._table.update_and_see

    def told_meanwhile(update: Any) -> Any:
        seen = before(update)
        settled(store, task, Delivery.DELIVERED)
        return seen

    monkeypatch.setattr(store._table, "update_and_see", told_meanwhile)
    append(store, START, Delivery.KEPT)
    assert item(stage)["place"]["S"].startswith(f"{START.at:015d}#")


def test_what_a_late_event_tells_is_searched_by_too(store: CallStore) -> None:
    append(store, replace(BARE, call_id=FULL.call_id, number=X1), Delivery.FETCHING)
    append(store, FULL)
    (call,) = store.find(search(person=Subscriber(B)), limit=9).calls
    assert len(call.stored) == 2


# The dead.


def test_the_dead_are_listed_by_their_own_time_until_they_are_told(store: CallStore) -> None:
    tasks = [stored(store, replace(FULL, call_id=f"c{i}", at=AT + i)) for i in range(5)]
    for task in tasks:
        settled(store, task, Delivery.DEAD_LETTERED)
    append(store, replace(FULL, call_id="alive"))

    first = store.dead(search(), limit=3)
    assert [call.events[0].at - AT for call in first.calls] == [4, 3, 2]
    rest = store.dead(search(after=first.after), limit=3)
    assert [call.events[0].at - AT for call in rest.calls] == [1, 0]
    assert rest.after is None
    assert len(store.dead(search(since=AT + 1, until=AT + 3), limit=9).calls) == 2
    assert store.dead(search(app="other"), limit=9).calls == []

    settled(store, tasks[0], Delivery.PENDING)
    assert len(store.dead(search(), limit=9).calls) == 4


def test_a_call_with_a_dead_event_goes_on(stage: Stage, store: CallStore) -> None:
    task = stored(store, FULL)
    settled(store, task, Delivery.DEAD_LETTERED)
    later = stored(store, replace(FULL, id="r", kind=EventKind.RECORDING_READY))
    assert "due_at" in item(stage)
    settled(store, later, Delivery.DELIVERED)
    assert item(stage)["dead_shard"]["S"] == "demo"


# What calls cost.

BILL = Bill("demo", Tariff(minute=10))


def test_a_charged_event_is_one_read_and_one_transaction(stage: Stage, store: CallStore) -> None:
    with (
        answering(stage.dynamodb, "TransactWriteItems") as written,
        answering(stage.dynamodb, "UpdateItem") as updated,
    ):
        task = stored(store, FULL, bill=BILL)
    assert (len(written), len(updated)) == (1, 0)
    assert append(store, FULL, bill=BILL) == task
    found = store.find(search(person=Subscriber(A)), limit=5)
    assert [call.id for call in found.calls] == [task.key.call]
    assert due(stage) == FULL.received + GRACE_MS


def test_a_charge_counts_what_came_without_one(stage: Stage, store: CallStore) -> None:
    append(store, replace(FULL, id="a", kind=EventKind.CALL_ANSWERED, at=AT - 61_000))
    append(store, FULL, bill=BILL)
    assert item(stage)["for_minutes"]["N"] == "20"


def test_a_table_that_is_down_says_so(stage: Stage, store: CallStore) -> None:
    from chalicelib.core.errors import Unavailable

    with (
        answering(stage.dynamodb, "UpdateItem", refusal("InternalServerError")),
        pytest.raises(Unavailable),
    ):
        append(store, FULL)
