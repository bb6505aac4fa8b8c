"""Numbers of events at rest: each once, in blocks that are looked at until nothing more comes."""

import threading
from typing import Any

import pytest

from bench.capacity import KB, item_size
from chalicelib.clock import SYSTEM
from chalicelib.core.calls.sequence_numbers import BLOCK, BlockKey
from chalicelib.core.durations import DAY_MS
from chalicelib.store.calls.sequence_numbers import SequenceStore
from chalicelib.store.table import Table
from tests.stage import Stage, answering

AT = 1_768_464_000_000
KEY = BlockKey("switch", 7)


@pytest.fixture
def numbers(stage: Stage) -> SequenceStore:
    return SequenceStore(Table(lambda: stage.dynamodb, stage.table, SYSTEM))


def noted(numbers: SequenceStore, *heard: int, key: BlockKey = KEY, now: int = AT) -> None:
    numbers.note(key, heard, now=now, look_at=now + 100)


def claimed(numbers: SequenceStore, now: int = AT + 100) -> Any:
    block = numbers.claim(KEY, until=now + 50, now=now)
    assert block is not None
    return block


def test_numbers_add_up_in_one_write_each(stage: Stage, numbers: SequenceStore) -> None:
    with answering(stage.dynamodb, "UpdateItem") as writes:
        noted(numbers, 3, 4)
        noted(numbers, 9, 4, now=AT + 60)
    assert len(writes) == 2
    block = claimed(numbers)
    assert (block.key, block.heard, block.began) == (KEY, {3, 4, 9}, AT)
    assert (block.told, block.highest) == (set(), None)


def test_a_block_is_due_when_it_was_to_be_however_it_grows(numbers: SequenceStore) -> None:
    noted(numbers, 3)
    noted(numbers, 4, now=AT + 60)
    assert list(numbers.due(now=AT + 99)) == []
    assert list(numbers.due(now=AT + 100)) == [KEY]


def test_a_block_is_claimed_by_one(numbers: SequenceStore) -> None:
    noted(numbers, 3)
    claimed(numbers)
    assert numbers.claim(KEY, until=AT + 200, now=AT + 100) is None
    assert numbers.claim(BlockKey("other", 7), until=AT + 200, now=AT + 100) is None
    # Unless who claimed it never came back.
    assert list(numbers.due(now=AT + 150)) == [KEY]
    claimed(numbers, AT + 150)


def test_what_was_found_is_remembered(numbers: SequenceStore) -> None:
    noted(numbers, 3, 7)
    numbers.rest(claimed(numbers), missing={4, 5}, highest=7, look_at=AT + 300)
    assert list(numbers.due(now=AT + 299)) == []
    block = claimed(numbers, AT + 300)
    assert (block.heard, block.told, block.highest) == ({3, 7}, {4, 5}, 7)
    numbers.rest(block, missing={6}, highest=7, look_at=None)
    assert list(numbers.due(now=AT + DAY_MS)) == []
    noted(numbers, 8, now=AT + 400)
    block = claimed(numbers, AT + 500)
    assert (block.heard, block.told) == ({3, 7, 8}, {4, 5, 6})


def test_what_grows_while_it_is_looked_at_is_looked_at_again(numbers: SequenceStore) -> None:
    noted(numbers, 3)
    block = claimed(numbers)
    noted(numbers, 5)
    numbers.rest(block, missing=set(), highest=3, look_at=None)
    assert list(numbers.due(now=AT + 150)) == [KEY]
    assert claimed(numbers, AT + 150).highest == 3


def test_a_block_knows_its_neighbours(stage: Stage, numbers: SequenceStore) -> None:
    for index in (6, 8, 70):
        noted(numbers, index, key=BlockKey("switch", index))
    noted(numbers, 1, key=BlockKey("other", 7))
    with answering(stage.dynamodb, "BatchGetItem") as reads:
        before, after = numbers.around(KEY)
    assert len(reads) == 1
    assert before is not None
    assert after is not None
    assert (before.heard, after.heard) == ({6}, {8})
    assert numbers.around(BlockKey("other", 0)) == (None, None)


def test_only_a_block_that_there_is_wakes(stage: Stage, numbers: SequenceStore) -> None:
    noted(numbers, 3)
    numbers.rest(claimed(numbers), missing=set(), highest=3, look_at=None)
    for index in (6, 7):
        numbers.wake(BlockKey("switch", index), now=AT + 200)
    assert list(numbers.due(now=AT + 200)) == [KEY]
    assert len(stage.items("N#")) == 1


def test_who_wakes_a_block_that_is_being_looked_at_is_heard(numbers: SequenceStore) -> None:
    noted(numbers, 3)
    block = claimed(numbers)
    numbers.wake(KEY, now=AT + 120)
    numbers.rest(block, missing=set(), highest=3, look_at=None)
    assert list(numbers.due(now=AT + 120)) == [KEY]


def test_a_block_stays_small_and_is_forgotten(stage: Stage, numbers: SequenceStore) -> None:
    noted(numbers, *range(0, BLOCK, 2))
    numbers.rest(
        claimed(numbers), missing=set(range(1, BLOCK, 2)), highest=998, look_at=AT + DAY_MS
    )
    noted(numbers, *range(BLOCK), now=AT + DAY_MS)
    (item,) = stage.items("N#")
    assert item_size(item) <= 6 * KB
    assert int(item["ttl"]["N"]) * 1000 == AT + DAY_MS + 7 * DAY_MS


def test_many_at_once_lose_no_number(here: Any) -> None:
    from chalicelib.stage_settings import settings
    from chalicelib.store import clients

    numbers = SequenceStore(Table(clients.dynamodb, settings().table_name, SYSTEM))
    workers = [
        threading.Thread(target=lambda i=i: [noted(numbers, n) for n in range(i, 120, 8)])
        for i in range(8)
    ]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    block = claimed(numbers)
    assert block.heard == set(range(120))
    numbers.rest(block, missing={500}, highest=119, look_at=None)
    assert list(numbers.due(now=AT + DAY_MS)) == []
    assert numbers.around(BlockKey("switch", 8))[0].told == {500}  # type: ignore[union-attr]
