"""What an app has to spend. We count in millionths of a yuan."""

from dataclasses import dataclass
from decimal import Decimal

MICRO = 1_000_000
"""A yuan."""


def yuan(amount: int) -> str:
    """An amount in yuan, as short as it can be."""
    return format((Decimal(amount) / MICRO).normalize(), "f")


@dataclass(frozen=True, slots=True)
class Balance:
    """An app's account, in millionths of a yuan; times are epoch ms (None: not known)."""

    balance: int
    overdraft: int
    created: int | None
    updated: int | None

    @property
    def used_up(self) -> bool:
        """Whether there is nothing left to spend."""
        return self.balance + self.overdraft <= 0
