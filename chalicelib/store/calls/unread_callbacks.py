"""Callbacks that can't be read yet: sealed, each once, until the gateway can."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chalicelib.core.calls.events import UnreadCallback
from chalicelib.core.durations import DAY_MS
from chalicelib.store import codec
from chalicelib.store.calls.index import place
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Item, Table, key, n, s, update

RETENTION_MS = 30 * DAY_MS
"""As long as a mend may take."""
_LISTED = "#unread"
"""The partition of the index of dead-lettered events that lists them; no app has such a name."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A callback as it is kept: its id, what came, and whether it was not read yet."""

    id: str
    callback: UnreadCallback
    waiting: bool


class UnreadCallbackStore:
    """`V#<digest of account, kind and body>`/`V` holds a callback. Every method may raise
    Unavailable."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption

    def add(self, callback: UnreadCallback) -> bool:
        """Keeps it once, however often it comes; whether it was new. One write."""
        encryption = self._encryption()
        # Any bytes are a text in Latin-1.
        body = callback.body.decode("latin-1")
        name = encryption.label("unread", callback.carrier, callback.kind, body)
        item = _key(name) | codec.write(callback, without={"body"})
        item |= {
            "sealed": {"B": encryption.seal_bytes(callback.body, name)},
            "dead_shard": s(_LISTED),
            "dead_at": s(place(callback.received, name)),
            "ttl": n((callback.received + RETENTION_MS) // 1000),
        }
        return self._table.put_new(item) is None

    def waiting(self) -> Iterator[Kept]:
        """All that was not read yet, the oldest first. A query, and a read each."""
        for entry in self._table.query(
            IndexName="dead",
            KeyConditionExpression="dead_shard = :shard",
            ExpressionAttributeValues={":shard": s(_LISTED)},
        ):
            kept = self.get(entry["pk"]["S"].removeprefix("V#"))
            if kept is not None:
                yield kept

    def get(self, name: str) -> Kept | None:
        """One of them; also one that was read meanwhile."""
        item = self._table.get(_key(name))
        if item is None:
            return None
        body = self._encryption().open_bytes(item["sealed"]["B"], name)
        callback = codec.read(UnreadCallback, item, body=body)
        return Kept(name, callback, "dead_shard" in item)

    def done(self, name: str) -> None:
        """Lists one no more: it was read. It is kept as long as it would be anyway, so that its
        repeat is not taken for a new one."""
        gone = ("dead_shard", "dead_at")
        self._table.update_if(update(_key(name), {}, "attribute_exists(pk)", removed=gone))


def _key(name: str) -> Item:
    return key(f"V#{name}", "V")
