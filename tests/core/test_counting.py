"""Which numbers are missing of those that a carrier gave its events."""

from collections.abc import Iterable

import pytest

from chalicelib.core.calls.sequence_numbers import (
    APART_MS,
    BLOCK,
    OVERTAKEN_MS,
    Block,
    BlockKey,
    missing_of,
)

NOW = 1_768_464_000_000
BEFORE = NOW - 2 * APART_MS
LAST = BLOCK - 1


def block(index: int, heard: Iterable[int], *, began: int = BEFORE, **more: object) -> Block:
    values = {"heard": frozenset(heard), "began": began, "version": 1} | more
    return Block(BlockKey("switch", index), **values)  # type: ignore[arg-type]


FULL = range(BLOCK)


@pytest.mark.parametrize(
    ("heard", "highest", "missing"),
    [
        ([5], None, set()),
        ([5, 8], None, set()),  # 6 and 7 may still be on their way
        ([5, 8], 5, set()),
        ([5, 8], 8, {6, 7}),
        ([5, 8, 9, 12], 9, {6, 7}),
        (range(5, 100), 99, set()),  # what is below was counted before we were told
        ([0, LAST], LAST, set(range(1, LAST))),
    ],
)
def test_what_a_higher_number_has_overtaken_is_missing(
    heard: Iterable[int], highest: int | None, missing: set[int]
) -> None:
    assert missing_of(block(5, heard, highest=highest), None, None, now=NOW) == missing


def test_what_was_told_is_not_missing_again() -> None:
    found = block(5, [0, 3, 6], highest=6, told=frozenset({1, 2}))
    assert missing_of(found, None, None, now=NOW) == {4, 5}


def test_over_a_border_it_is_counted_on() -> None:
    before = block(4, [*range(990)])
    after = block(5, [3, 4, 5])
    assert missing_of(before, None, after, now=NOW) == set(range(990, BLOCK))
    assert missing_of(after, before, None, now=NOW) == set()
    looked_at = block(5, [3, 4, 5], highest=5)
    assert missing_of(looked_at, before, None, now=NOW) == {0, 1, 2}
    assert missing_of(looked_at, None, None, now=NOW) == set()


@pytest.mark.parametrize(("ago", "over"), [(OVERTAKEN_MS - 1, False), (OVERTAKEN_MS, True)])
def test_a_block_is_over_once_the_next_has_overtaken_it(ago: int, over: bool) -> None:
    after = block(5, [0], began=NOW - ago)
    missing = missing_of(block(4, FULL[:-1]), None, after, now=NOW)
    assert missing == ({LAST} if over else set())


@pytest.mark.parametrize(("later", "follows"), [(APART_MS, True), (APART_MS + 1, False)])
def test_who_begins_anew_meets_what_was_counted_before(later: int, follows: bool) -> None:
    anew = block(0, range(10), began=BEFORE + later)
    old = block(1, FULL)
    assert bool(missing_of(anew, None, old, now=NOW)) == follows
    # And where it gets to the old ones, they are no reason to miss what lies between.
    reached = block(2, [5, 6], highest=6)
    assert bool(missing_of(reached, block(1, FULL, began=BEFORE + later), None, now=NOW)) == follows


def test_a_jump_is_no_hole() -> None:
    assert missing_of(block(4, range(10), highest=9), None, None, now=NOW) == set()
    assert missing_of(block(4_000, range(500, 510), highest=509), None, None, now=NOW) == set()
