"""The numbers that carriers gave their events, in blocks: one item for each."""

from collections.abc import Iterable, Iterator, Set

from chalicelib.core.calls.sequence_numbers import Block, BlockKey
from chalicelib.core.durations import DAY_MS
from chalicelib.store import codec, work_index
from chalicelib.store.table import Item, Table, key, n, update
from chalicelib.store.work_index import WorkIndex

KEPT_MS = 7 * DAY_MS
"""A block is forgotten so long after it last grew."""


class SequenceStore:
    """`N#<carrier>/<node>`/`<index>` holds a block. Every method may raise Unavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._work = WorkIndex(table)

    def note(self, key: BlockKey, heard: Iterable[int], *, now: int, look_at: int) -> None:
        """Adds numbers, counted from the block's first; it is looked at by `look_at` (epoch
        ms), or when it was to be anyway. One write."""
        entry = _entry(key, at=look_at)
        self._table.update_if(
            update(
                block_key(key),
                {"due_shard": entry["due_shard"], "ttl": n((now + KEPT_MS) // 1000)},
                initial={"began": n(now), "due_at": entry["due_at"]},
                added={"heard": codec.attribute(frozenset(heard)), "version": n(1)},
            )
        )

    def due(self, *, now: int) -> Iterator[BlockKey]:
        """The blocks that are to be looked at, from the work index."""
        return map(_key_of, self._work.due("sequence", now=now))

    def claim(self, key: BlockKey, *, until: int, now: int) -> Block | None:
        """Takes a block that is due: nobody else does before `until` (epoch ms). None if it
        is not due any more. One write."""
        claimed = self._work.claim(block_key(key), due_by=now, until=until)
        return _read(claimed) if claimed else None

    def around(self, key: BlockKey) -> tuple[Block | None, Block | None]:
        """The block before and the one after. One read."""
        before, after = (BlockKey(key.carrier, key.index + step, key.node) for step in (-1, 1))
        keys = [block_key(each) for each in (before, after) if each.index >= 0]
        found = {each.key: each for each in map(_read, self._table.get_many(keys))}
        return found.get(before), found.get(after)

    def wake(self, key: BlockKey, *, now: int) -> None:
        """Lets a block that there is be due. One write."""
        entry, moved = _entry(key, at=now), {"version": n(1)}
        self._table.update_if(update(block_key(key), entry, "attribute_exists(pk)", added=moved))

    def rest(self, block: Block, *, missing: Set[int], highest: int, look_at: int | None) -> None:
        """Notes what was reported missing, the highest number, and when the block is looked
        at again (None: when it grows; soon if it did meanwhile). One write, else two."""
        place, seen, added = block_key(block.key), {"highest": n(highest)}, {"version": n(1)}
        if missing:
            added["told"] = codec.attribute(frozenset(missing))
        if look_at is None:
            before = {":before": n(block.version)}
            done = update(
                place, seen, "version = :before", before, removed=work_index.ENTRY, added=added
            )
            if self._table.update_if(done) is not None:
                return
        # Without `look_at` it grew just now: when it was claimed until, it is looked at again.
        again = {} if look_at is None else {"due_at": n(look_at)}
        self._table.update_if(update(place, seen | again, added=added))


def block_key(block: BlockKey) -> Item:
    """Where a block stands."""
    node = f"/{block.node}" if block.node is not None else ""
    return key(f"N#{block.carrier}{node}", f"{block.index:012d}")


def _entry(block: BlockKey, *, at: int) -> Item:
    return work_index.entry("sequence", block_key(block)["pk"]["S"], at=at)


def _key_of(item: Item) -> BlockKey:
    carrier, _, node = item["pk"]["S"].removeprefix("N#").partition("/")
    return BlockKey(carrier, int(item["sk"]["S"]), node or None)


def _read(item: Item) -> Block:
    return codec.read(Block, item, key=_key_of(item))
