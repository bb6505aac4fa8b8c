"""The work index: who claims an entry, and when it is due again."""

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.store import work_index
from chalicelib.store.table import Item, Table, key, n, s
from chalicelib.store.work_index import SHARDS, WorkIndex
from tests.stage import Stage

AT = 1_768_464_000_000
KEY = key("T", "T")


@pytest.fixture
def table(stage: Stage) -> Table:
    return Table(lambda: stage.dynamodb, stage.table, SYSTEM)


@pytest.fixture
def index(table: Table) -> WorkIndex:
    return WorkIndex(table)


def put(table: Table, work: work_index.Work, name: str = "T", *, at: int = AT) -> Item:
    entry = work_index.entry(work, name, at=at)
    table.put_new(key(name, "T") | entry | {"id": s("1"), "version": n(1)})
    return entry


def due(table: Table) -> int:
    item = table.get(KEY)
    assert item is not None
    return work_index.due_at(item)


def test_an_entry_is_claimed_by_one(table: Table, index: WorkIndex) -> None:
    put(table, "lease")
    assert index.claim(KEY, due_by=AT - 1, until=AT + 9) is None
    assert index.claim(KEY, due_by=AT, until=AT + 9, id="2") is None
    claimed = index.claim(KEY, due_by=AT, until=AT + 9, id="1")
    assert claimed is not None
    assert (claimed["due_at"], claimed["version"]) == (n(AT + 9), n(2))
    assert index.claim(KEY, due_by=AT, until=AT + 9, id="1") is None


def test_a_claim_of_nothing_makes_nothing(table: Table, index: WorkIndex) -> None:
    assert index.claim(KEY, due_by=AT, until=AT + 9) is None
    assert table.get(KEY) is None


def test_what_is_put_off_is_due_then(table: Table, index: WorkIndex) -> None:
    put(table, "pending")
    index.put_off(KEY, until=AT + 5, id="2", unless="expiry")
    assert due(table) == AT
    index.put_off(KEY, until=AT + 5, id="1", unless="expiry")
    assert due(table) == AT + 5


def test_what_waits_for_something_else_by_now_is_not_put_off(
    table: Table, index: WorkIndex
) -> None:
    put(table, "expiry")
    index.put_off(KEY, until=AT + 5, id="1", unless="expiry")
    assert due(table) == AT


def test_what_is_due_of_all_shards_comes_oldest_first(table: Table, index: WorkIndex) -> None:
    for i in range(30):
        put(table, "lease", f"T{i}", at=AT + 7 * i % 30)
    put(table, "call")
    found = [work_index.due_at(each) for each in index.oldest_first("lease", now=AT + 20)]
    assert found == [AT + i for i in range(21)]
    assert len(list(index.due("lease", now=AT + 20))) == 21


def test_each_shard_is_the_first_in_its_turn(table: Table, index: WorkIndex) -> None:
    for i in range(40):
        put(table, "lease", f"T{i}")
    turns = [next(index.due("lease", now=AT + 60_000 * i)) for i in range(SHARDS)]
    assert len({each["due_shard"]["S"] for each in turns}) == SHARDS
