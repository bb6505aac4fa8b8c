"""Users of a messaging API: for whom each was registered, once per carrier."""

from collections.abc import Callable

from chalicelib.store.table import Item, Table, key, s
from chalicelib.store.vault import Vault


class DynamoAccounts:
    """Fulfils the port Accounts. A user stands at `U#<digest>`; its name and token are sealed."""

    def __init__(self, table: Table, vault: Callable[[], Vault]) -> None:
        self._table = table
        self._vault = vault

    def add(self, user: str, *, carrier: str, app: str, name: str, token: str) -> bool:
        """See the port. One conditional write."""
        vault = self._vault()
        label = vault.label("user", carrier, user)
        sealed = vault.seal(f"{user}\n{token}\n{name}", label)
        item = _user_key(label) | {"app": s(app), "sealed": {"B": sealed}}
        return self._table.put_new(item) is None

    def owner(self, user: str, *, carrier: str) -> str | None:
        """See the port. One read."""
        item = self._table.get(_user_key(self._vault().label("user", carrier, user)))
        return item["app"]["S"] if item else None


def _user_key(label: str) -> Item:
    return key(f"U#{label}", "U")
