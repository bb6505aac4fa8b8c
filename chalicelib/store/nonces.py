"""Signatures that strict apps have used."""

from collections.abc import Callable

from chalicelib.store.table import Table, key, n, s
from chalicelib.store.vault import Vault

KEPT_MS = 15 * 60_000
"""A signature is valid five minutes either side of its time; kept longer than that."""


class DynamoNonces:
    """Fulfils the port Nonces: one conditional write."""

    def __init__(self, table: Table, vault: Callable[[], Vault]) -> None:
        self._table = table
        self._vault = vault

    def claim(self, *, app: str, nonce: str, content: str, now: int) -> bool:
        """See the port."""
        name = self._vault().label("nonce", app, nonce)
        taken = self._table.put_new(
            key(f"S#{name}", "S") | {"content": s(content), "ttl": n((now + KEPT_MS) // 1000)}
        )
        if taken is None:
            return True
        return taken.item is not None and taken.item["content"]["S"] == content
