"""DynamoDB's published capacity rules, computed from items and requests.

Sources, pages of the Amazon DynamoDB Developer Guide and API Reference, read 2026-11:
"DynamoDB Item sizes and formats", "DynamoDB read and write operations" (capacity unit consumption),
"Using Global Secondary Indexes in DynamoDB" (provisioned throughput considerations) and "Amazon
DynamoDB Transactions: How it works" (capacity management).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Self

Item = Mapping[str, Mapping[str, Any]]
"""Attribute name -> typed value, as the low-level client gives it."""

KB = 1024
WRITE_KB = 1
READ_KB = 4
TRANSACTIONAL = 2
"""A transaction prepares and commits: two writes of every item, ConditionCheck included."""


@dataclass(frozen=True)
class Units:
    """Capacity units; `index` are write units on all secondary indexes together."""

    read: float = 0.0
    write: int = 0
    index: int = 0

    def __add__(self, other: Self) -> "Units":
        return Units(self.read + other.read, self.write + other.write, self.index + other.index)


@dataclass(frozen=True)
class Index:
    """A global secondary index: its own key attributes, and what it copies besides all keys.

    `copied` is None for an index that projects everything.
    """

    name: str
    key: frozenset[str]
    copied: frozenset[str] | None
    table_key: frozenset[str] = field(default=frozenset({"pk", "sk"}))

    @classmethod
    def of(cls, described: Mapping[str, Any], table_key: Iterable[str]) -> Self:
        """From a GlobalSecondaryIndexes member of CreateTable or CloudFormation."""
        projection = described["Projection"]
        everything = projection["ProjectionType"] == "ALL"
        return cls(
            name=described["IndexName"],
            key=frozenset(part["AttributeName"] for part in described["KeySchema"]),
            copied=None if everything else frozenset(projection.get("NonKeyAttributes", ())),
            table_key=frozenset(table_key),
        )

    def entry(self, item: Item | None) -> Item | None:
        """What of the item stands in the index; None if it has not all of the index's keys."""
        if item is None or not self.key <= item.keys():
            return None
        if self.copied is None:
            return item
        kept = self.key | self.table_key | self.copied
        return {name: value for name, value in item.items() if name in kept}

    def writes(self, before: Item | None, after: Item | None) -> int:
        """Write units of keeping the index in step with one change of an item.

        A new entry, a vanished one and one whose copied attributes changed are one write each; a
        changed index key is a delete and a put; an entry that stays as it is costs nothing.
        """
        old, new = self.entry(before), self.entry(after)
        if old == new:
            return 0
        if old is None or new is None:
            return write_units(item_size(old or new))
        if any(old[name] != new[name] for name in self.key):
            return write_units(item_size(old)) + write_units(item_size(new))
        return write_units(max(item_size(old), item_size(new)))


def item_size(item: Item | None) -> int:
    """Bytes of an item: attribute names and values, both in UTF-8; 0 for no item."""
    return sum(len(name.encode()) + value_size(value) for name, value in (item or {}).items())


def value_size(value: Mapping[str, Any]) -> int:
    """Bytes of one typed value. Raises ValueError for a type that DynamoDB does not have."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_size(content)
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "SS" | "NS" | "BS":
            return sum(value_size({kind[0]: each}) for each in content)
        case "L":
            return 3 + sum(1 + value_size(each) for each in content)
        case "M":
            return 3 + sum(
                1 + len(name.encode()) + value_size(each) for name, each in content.items()
            )
        case _:
            raise ValueError(f"no such type: {kind}")


def _number_size(text: str) -> int:
    """A byte for two significant digits and one more; zeroes at either end do not count."""
    digits = "".join(map(str, Decimal(text).as_tuple().digits)).strip("0")
    return -(-len(digits) // 2) + 1


def write_units(size: int, *, transactional: bool = False) -> int:
    """One unit per KB begun, at least one; `size` in bytes."""
    units = max(1, -(-size // (WRITE_KB * KB)))
    return units * TRANSACTIONAL if transactional else units


def read_units(size: int, *, consistent: bool, transactional: bool = False) -> float:
    """One unit per 4 KB begun, at least one also for nothing found, half of it when eventually
    consistent; `size` in bytes: of one item, or the sum over what a Query went through."""
    units = max(1, -(-size // (READ_KB * KB)))
    if transactional:
        return float(units * TRANSACTIONAL)
    return float(units) if consistent else units / 2


def write(
    before: Item | None,
    after: Item | None,
    indexes: Iterable[Index] = (),
    *,
    transactional: bool = False,
) -> Units:
    """One item written (or checked, or deleted): the larger of before and after counts.

    An index is written behind the table, outside of the transaction, so at the plain rate.
    """
    size = max(item_size(before), item_size(after))
    return Units(
        write=write_units(size, transactional=transactional),
        index=sum(index.writes(before, after) for index in indexes),
    )
