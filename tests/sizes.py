"""How large the attacks are: what the gate has time for, or with SIZE=large (`make test-all`) what
they were made for. A variable of the environment sets a single one."""

import os


def size(name: str, *, gate: int, large: int) -> int:
    """The size that the variable `name` sets; without one the gate's, or the large one."""
    return int(os.environ.get(name) or (large if os.environ.get("SIZE") == "large" else gate))


def seeds() -> list[int]:
    """The random seeds that SEEDS lists, else 1."""
    return [int(seed) for seed in os.environ.get("SEEDS", "1").split()]
