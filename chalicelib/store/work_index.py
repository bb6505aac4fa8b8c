"""The work index: one sparse index of all scheduled work.

An item is in the index while it has `due_shard`, which names a kind of work and one of its shards,
and `due_at` (epoch ms). A query costs what is due, not what exists. A worker claims an entry first:
it is due again when the claim lapses, unless it was put off or taken out before.
"""

import zlib
from collections.abc import Iterator
from heapq import merge
from typing import Literal

from chalicelib.core.durations import MINUTE_MS
from chalicelib.store.table import Item, Table, n, s, update

Work = Literal["expiry", "lease", "pending", "call", "sequence", "usage"]
"""A binding that expires; a binding whose lease has to be extended; a binding with operations whose
outcome is not known; a call; a block of sequence numbers; an hour of an app whose
usage has to be counted."""
SHARDS = 8
"""Over how many partitions of the index each kind of work is spread."""
_FEW: frozenset[Work] = frozenset({"sequence", "usage"})
"""The kinds of which there are few: one partition is enough."""
PAGE = 250
"""Entries that are read at a time from a shard: eight such pages, one a shard, are in memory at
once, some 5 MB."""
ENTRY = ("due_shard", "due_at")
"""The attributes of an item that is in the index."""


def entry(work: Work, name: str, *, at: int) -> Item:
    """What makes the item of this name due at `at` (epoch ms)."""
    return {"due_shard": s(shard_of(work, name)), "due_at": n(at)}


def shard_of(work: Work, name: str) -> str:
    """The partition of the index in which an item of this name stands."""
    return f"{shards_of(work)}{zlib.crc32(name.encode()) % _shards(work)}"


def shards_of(work: Work) -> str:
    """How the names of the partitions of a kind of work begin."""
    return f"{work}#"


def is_due_for(item: Item, *works: Work) -> bool:
    """Whether an item waits for one of these kinds of work."""
    shard = item["due_shard"]["S"] if "due_shard" in item else ""
    return shard.startswith(tuple(map(shards_of, works)))


def due_at(entry: Item) -> int:
    """When an entry of the index is due (epoch ms)."""
    return int(entry["due_at"]["N"])


class WorkIndex:
    """Reads of the index are eventually consistent; a claim is what decides."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def due(self, work: Work, *, now: int) -> Iterator[Item]:
        """The entries that are due by `now`, shard by shard, in each the longest due first. Each
        minute another shard comes first: a run may end before the last of them."""
        shards = _shards(work)
        for i in range(shards):
            yield from self._shard(work, (now // MINUTE_MS + i) % shards, now=now)

    def oldest_first(self, work: Work, *, now: int) -> Iterator[Item]:
        """The entries that are due by `now`, the longest due of all shards first; pages are read as
        they are needed."""
        shards = (self._shard(work, each, now=now) for each in range(_shards(work)))
        return merge(*shards, key=due_at)

    def claim(self, item_key: Item, *, due_by: int, until: int, id: str = "") -> Item | None:  # noqa: A002 - the attribute
        """Claims an entry that is due by `due_by`: nobody else does before `until`. The item as it
        stands then; None if somebody else was quicker, or its `id` is another one. One write.

        It has a new version then: nobody who read the one before can change it."""
        return self._table.update_if(
            _postponed(item_key, "due_at <= :by", {":by": n(due_by)}, until=until, id_=id)
        )

    def put_off(self, item_key: Item, *, until: int, id: str, unless: Work) -> None:  # noqa: A002
        """Makes a claimed entry due at `until`, unless it now stands for the work `unless`, or for
        none. One write."""
        condition = "attribute_exists(due_at) AND NOT begins_with(due_shard, :other)"
        values = {":other": s(shards_of(unless))}
        self._table.update_if(_postponed(item_key, condition, values, until=until, id_=id))

    def _shard(self, work: Work, shard: int, *, now: int) -> Iterator[Item]:
        return self._table.query(
            IndexName="due",
            KeyConditionExpression="due_shard = :shard AND due_at <= :now",
            ExpressionAttributeValues={":shard": s(f"{shards_of(work)}{shard}"), ":now": n(now)},
            Limit=PAGE,
        )


def _shards(work: Work) -> int:
    return 1 if work in _FEW else SHARDS


def _postponed(item_key: Item, condition: str, values: Item, *, until: int, id_: str) -> Item:
    same, which = (" AND id = :id", {":id": s(id_)}) if id_ else ("", {})
    later, moved = {"due_at": n(until)}, {"version": n(1)}
    return update(item_key, later, condition + same, values | which, added=moved)
