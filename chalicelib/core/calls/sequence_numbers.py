"""The numbers that carriers give their events one by one, in blocks; which of them are missing."""

from collections.abc import Set
from dataclasses import dataclass

BLOCK = 1_000
"""So many numbers are kept together."""


OVERTAKEN_MS = 35 * 60_000
"""A number that does not come for so long after a higher one is missing."""


APART_MS = 60 * 60_000
"""Blocks follow each other unless the lower one was begun this much later: a carrier that counts
anew meets what it counted before."""


@dataclass(frozen=True, slots=True)
class BlockKey:
    """The numbers of a carrier, or of one node of a switch that names its nodes, from `index` *
    BLOCK on."""

    carrier: str
    index: int
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """What is known of a block: the numbers that came, and those whose absence was reported, both
    counted from its first; when it was begun (epoch ms); the highest number when it was last looked
    at (None: it never was). `version` grows with every change."""

    key: BlockKey
    heard: frozenset[int]
    began: int
    version: int
    told: frozenset[int] = frozenset()
    highest: int | None = None


def missing_of(block: Block, before: Block | None, after: Block | None, *, now: int) -> Set[int]:
    """The numbers of a block, counted from its first, that should have come and whose absence was
    not reported. Where a carrier began to count, or went on elsewhere, nothing is missing."""
    from_first = before is not None and _follows(block, before)
    to_last = after is not None and _follows(after, block) and after.began <= now - OVERTAKEN_MS
    low = 0 if from_first else min(block.heard)
    high = BLOCK - 1 if to_last else -1 if block.highest is None else block.highest
    return frozenset(range(low, high + 1)) - block.heard - block.told


def _follows(block: Block, before: Block) -> bool:
    return block.began >= before.began - APART_MS


def ranges_of(numbers: Set[int], *, first: int) -> list[range]:
    """The numbers, each counted from `first`, as ranges without a hole."""
    found: list[range] = []
    for number in sorted(numbers):
        at = first + number
        if found and found[-1].stop == at:
            found[-1] = range(found[-1].start, at + 1)
        else:
            found.append(range(at, at + 1))
    return found
