"""The numbers that carriers give their events one by one: which of them never came."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from chalicelib.core.calls.events import Event
from chalicelib.core.calls.follow_up import CLAIM_MS
from chalicelib.core.calls.sequence_numbers import (
    BLOCK,
    OVERTAKEN_MS,
    BlockKey,
    missing_of,
    ranges_of,
)
from chalicelib.store.calls.sequence_numbers import SequenceStore


class SequenceGaps:
    """Notes sequence numbers. `report` is called with the missing ones of a block, once, unless the
    process dies meanwhile; a number that comes later is not reported."""

    def __init__(
        self, numbers: SequenceStore, report: Callable[[BlockKey, Sequence[range]], None]
    ) -> None:
        self._numbers = numbers
        self._report = report

    def note(self, events: Iterable[Event], *, now: int) -> None:
        """Notes the numbers of those events that have one; twice is once."""
        blocks: dict[BlockKey, set[int]] = defaultdict(set)
        for event in events:
            if event.sequence is not None:
                index, number = divmod(event.sequence, BLOCK)
                blocks[BlockKey(event.carrier, index, event.node)].add(number)
        for key, heard in blocks.items():
            self._numbers.note(key, heard, now=now, look_at=now + OVERTAKEN_MS)

    def due(self, *, now: int) -> Iterator[BlockKey]:
        """The blocks that are to be looked at."""
        return self._numbers.due(now=now)

    def look(self, key: BlockKey, *, now: int) -> int:
        """Looks at a block that is due; how many of its numbers are newly missing."""
        block = self._numbers.claim(key, until=now + CLAIM_MS, now=now)
        if block is None:
            return 0
        before, after = self._numbers.around(key)
        missing = missing_of(block, before, after, now=now)
        if missing:
            self._report(key, ranges_of(missing, first=key.index * BLOCK))
        if block.highest is None and before is not None:
            # It is known by now that its numbers go on here.
            self._numbers.wake(before.key, now=now)
        highest = max(block.heard)
        grown = block.highest != highest
        self._numbers.rest(
            block,
            missing=missing,
            highest=highest,
            look_at=now + OVERTAKEN_MS if grown else None,
        )
        return len(missing)
