"""How an app's endpoint does."""

from dataclasses import dataclass
from typing import Literal

Lane = Literal["fast", "slow"]
"""Which queue to the delivery workers: the slow one is for receivers that were slow lately."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an app's receiver was lately: how often in a row it gave no answer, until when it is left
    alone for that, and until when it counts as slow (epoch ms)."""

    unanswered: int = 0
    rest_until: int = 0
    slow_until: int = 0
