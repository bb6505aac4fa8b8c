"""Signatures that strict apps have used."""

from collections.abc import Callable

from chalicelib.store import conditions
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Table, key, n, s

KEPT_MS = 15 * 60_000
"""A signature is valid five minutes either side of its time; kept longer than that."""


class NonceStore:
    """Fulfils the port Nonces: one conditional write."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption

    def claim(self, *, app: str, signature: str, content: str | None, now: int) -> bool:
        """False if this signature came before with another content; without a `content`, if
        it came before at all."""
        name = self._encryption().label("signature", app, signature)
        item = key(f"S#{name}", "S") | {
            "content": s(content or ""),
            "ttl": n((now + KEPT_MS) // 1000),
        }
        taken = self._table.claim(conditions.put(item, conditions.NEW))
        if taken is None:
            return True
        first = taken.item
        return content is not None and first is not None and first["content"]["S"] == content
