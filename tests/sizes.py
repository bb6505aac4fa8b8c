"""How large the attacks are: what the gate has time for, or with SIZE=large (`make test-all`) what
they were made for. A variable of the environment sets a single one."""

import os
import random
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")

LARGE = os.environ.get("SIZE") == "large"


def size(name: str, *, gate: int, large: int) -> int:
    """The size that the variable `name` sets; without one the gate's, or the large one."""
    return int(os.environ.get(name) or (large if LARGE else gate))


def seeds() -> list[int]:
    """The random seeds that SEEDS lists, else 1."""
    return [int(seed) for seed in (os.environ.get("SEEDS") or "1").split()]


def some(cases: Iterable[T], *, gate: int) -> list[T]:
    """All of the cases with SIZE=large; the gate has as many of them, in their order, chosen by the
    first of SEEDS."""
    everything = list(cases)
    if LARGE or len(everything) <= gate:
        return everything
    chosen = sorted(random.Random(seeds()[0]).sample(range(len(everything)), gate))
    return [everything[place] for place in chosen]
