"""What a carrier's folder says of itself in its `profile.py`, before any of its code is loaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Credential = Literal["AppSecret", "developer", "callback secret"]
"""What of an app an event format signs or addresses with."""


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What an operator has to give for an account with a carrier of this kind, besides its secret
    and an address.

    `key`: the key that the carrier gave us; `app_id`: the id of our app there. `data_centres` are
    addresses by name, the preferred one first, for operators who don't know them.
    `max_lease_minutes` is how long the carrier keeps a binding at most; None: as long as it is
    asked to. `check_secret` raises ValueError, which says what is wanted, for a secret that this
    kind can't sign with.
    """

    key: bool = True
    app_id: bool = False
    data_centres: Mapping[str, Sequence[str]] = field(default_factory=dict)
    max_lease_minutes: int | None = None
    check_secret: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """`title` is what people call it. It is a carrier if it has rules for accounts, and an event
    format if it has something of an app's to sign or address with (`signs_with`).

    `callbacks` says where a carrier reports what (`callbacks`, `records of calls`): paths with
    `{account}`, the account's name, and `{token}`, for which each account gets a secret.
    """

    title: str
    account: AccountRules | None = None
    callbacks: Mapping[str, str] = field(default_factory=dict)
    signs_with: Credential | None = None

    @property
    def has_token(self) -> bool:
        """Whether the addresses of its callbacks are secret."""
        return any("{token}" in path for path in self.callbacks.values())

    def callback_paths(self, account: str, token: str) -> dict[str, str]:
        """`callbacks` of one account."""
        return {
            what: path.format(account=account, token=token) for what, path in self.callbacks.items()
        }
