"""The capacity calculator, held to the examples of AWS's own pages and to sizes counted by hand."""

from typing import Any

import pytest

from bench.capacity import KB, Index, Units, item_size, read_units, value_size, write, write_units

DUE = Index.of(
    {
        "IndexName": "due",
        "KeySchema": [{"AttributeName": "due_shard"}, {"AttributeName": "due_at"}],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["app"]},
    },
    ["pk", "sk"],
)
KEY: Any = {"pk": {"S": "B#1"}, "sk": {"S": "B"}}
DUE_ITEM: Any = KEY | {"due_shard": {"S": "0"}, "due_at": {"N": "5"}, "app": {"S": "demo"}}


def of_size(size: int) -> Any:
    """An item of so many bytes."""
    return {"pk": {"S": "x" * (size - 2)}}


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "abc"}, 3),
        ({"S": "号码"}, 6),
        ({"S": "\U0001f4de"}, 4),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "27"}, 2),
        ({"N": "461"}, 3),
        ({"N": "1795262400000"}, 5),
        ({"N": "0.0050"}, 2),
        ({"N": "1795262400001"}, 8),
        ({"B": b"\x00\x01\x02"}, 3),
        ({"BOOL": False}, 1),
        ({"NULL": True}, 1),
        ({"SS": ["ab", "cde"]}, 5),
        ({"L": []}, 3),
        ({"L": [{"S": "ab"}, {"BOOL": True}]}, 3 + 1 + 2 + 1 + 1),
        ({"M": {"key": {"S": "ab"}}}, 3 + 1 + 3 + 2),
    ],
)
def test_sizes_of_values_are_those_of_the_published_rules(value: Any, size: int) -> None:
    assert value_size(value) == size


def test_an_unknown_type_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="no such type"):
        value_size({"X": "1"})


def test_an_items_size_counts_names_in_utf8_too() -> None:
    assert item_size({"pk": {"S": "abc"}, "é": {"N": "12"}}) == (2 + 3) + (2 + 2)
    assert item_size(None) == 0


@pytest.mark.parametrize(
    ("size", "units"), [(0, 1), (1, 1), (500, 1), (KB, 1), (KB + 1, 2), (1536, 2), (3 * KB, 3)]
)
def test_writes_are_rounded_up_to_a_kilobyte(size: int, units: int) -> None:
    assert write_units(size) == units
    assert write_units(size, transactional=True) == 2 * units


@pytest.mark.parametrize(
    ("size", "units"),
    [
        (0, 1),
        (3584, 1),
        (4 * KB, 1),
        (4 * KB + 1, 2),
        (6656, 2),
        # A Query of 1,500 items of 64 bytes, and one of 40.8 KB together: summed, then rounded.
        (1500 * 64, 24),
        (int(40.8 * KB), 11),
    ],
)
def test_reads_are_rounded_up_to_four_kilobytes(size: int, units: int) -> None:
    assert read_units(size, consistent=True) == units
    assert read_units(size, consistent=False) == units / 2
    assert read_units(size, consistent=True, transactional=True) == 2 * units


def test_a_write_counts_the_larger_of_before_and_after() -> None:
    assert write(of_size(3 * KB), of_size(10)) == Units(write=3)
    assert write(of_size(10), of_size(3 * KB)) == Units(write=3)
    assert write(of_size(1500), None) == Units(write=2)
    assert write(None, None) == Units(write=1)


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        (None, DUE_ITEM, 1),
        (DUE_ITEM, None, 1),
        (DUE_ITEM, DUE_ITEM | {"due_at": {"N": "6"}}, 2),
        (DUE_ITEM, DUE_ITEM | {"due_shard": {"S": "1"}}, 2),
        (DUE_ITEM, DUE_ITEM | {"app": {"S": "other"}}, 1),
        (DUE_ITEM, DUE_ITEM | {"version": {"N": "2"}}, 0),
        (DUE_ITEM, KEY, 1),
        (KEY, KEY | {"due_shard": {"S": "1"}}, 0),
        (None, None, 0),
        # Only what the index copies counts: 2 KB of something else make no difference, of a copied
        # attribute they do.
        (None, DUE_ITEM | {"sealed": {"B": bytes(2 * KB)}}, 1),
        (None, DUE_ITEM | {"app": {"S": "x" * 2 * KB}}, 3),
    ],
)
def test_every_entry_written_to_an_index_counts(before: Any, after: Any, units: int) -> None:
    assert DUE.writes(before, after) == units
    assert write(before, after, [DUE], transactional=True).index == units


def test_an_index_of_everything_copies_everything() -> None:
    index = Index.of(
        {
            "IndexName": "all",
            "KeySchema": [{"AttributeName": "app"}],
            "Projection": {"ProjectionType": "ALL"},
        },
        ["pk", "sk"],
    )
    assert index.entry(DUE_ITEM) == DUE_ITEM
    assert index.writes(DUE_ITEM, DUE_ITEM | {"version": {"N": "2"}}) == 1
