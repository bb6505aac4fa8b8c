"""What an app has to spend."""

from dataclasses import dataclass


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
