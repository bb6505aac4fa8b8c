"""API keys: whose a key is, and what proves that somebody has its secret."""

import base64
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from chalicelib.core.api_keys import MOST_KEYS, ApiKey, is_key_id
from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import (
    Contended,
    LimitReached,
    RequestOver,
    StoreUnavailable,
    UnknownKey,
)
from chalicelib.store import conditions
from chalicelib.store.cache import Cache
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Item, Table, check, key, n, put, s, update
from chalicelib.store.tenants.apps import app_pk, profile_key, public_key

KIND = "key"
"""The kind of the public ids of API keys."""
DELETED_MS = 2 * DAY_MS
"""How long it is remembered that there was a key: longer than its request may be repeated."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it stands in the table. `salt` is what its secret was derived with, if it was;
    `digest` is a keyed digest of the secret."""

    key: ApiKey
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)


class ApiKeyStore:
    """Keys stand under their public id, as AppKeys do, and each app lists the ids of its own.

    Of a secret nothing is kept but a keyed digest. A key is read once in `max_age_s` seconds; that
    there is none of an id is remembered for half a minute. Every method may raise Unavailable.
    """

    def __init__(
        self, table: Table, encryption: Callable[[], FieldEncryption], max_age_s: float
    ) -> None:
        self._table = table
        self._encryption = encryption
        self._known = Cache(self._read, table.runtime.monotonic, max_age_s)

    def authenticate(self, key_id: str, secret: bytes) -> ApiKey | None:
        """The key of this id, if this is its secret. An unknown id takes as long as a wrong
        secret."""
        stored = self._known.get(key_id) if is_key_id(key_id) else None
        digest = self._digest(key_id, secret)
        right = hmac.compare_digest(digest, stored.digest if stored is not None else b"")
        return stored.key if stored is not None and right else None

    def is_secret(self, stored: StoredKey, secret: str) -> bool:
        """Whether this is the key's secret."""
        return hmac.compare_digest(self._digest(stored.key.id, secret.encode()), stored.digest)

    def derived_secret(self, app: str, request: str, salt: bytes) -> str:
        """The secret that the request with this Idempotency-Key makes with this salt: 256 bits that
        nobody can tell who has not the data key."""
        return _text(self._encryption().tag("api key secret", app, request, salt.hex()))

    def derived_id(self, app: str, request: str) -> str:
        """The id of the key that the request with this Idempotency-Key makes."""
        return f"key_{self._encryption().label('api key', app, request)}"

    def fresh(self) -> tuple[str, str]:
        """The id and the secret of a key that no request can make again."""
        random_bytes = self._table.runtime.random_bytes
        return f"key_{_text(random_bytes(16))}", _text(random_bytes(32))

    def add(self, made: ApiKey, *, secret: str, salt: bytes) -> StoredKey | None:
        """Adds a key, unless there is one of its id: that one then. One transaction, 6 write units.

        Raises LimitReached, RequestOver if there was a key of its id, and Unavailable for an app
        that is gone.
        """
        encryption = self._encryption()
        item = _key_item(made.id) | {
            "app": s(made.app),
            "sealed": {"B": encryption.seal(made.name, _context(made.id))},
            "read_only": {"BOOL": made.read_only},
            "created": n(made.created),
            "salt": {"B": salt},
            "digest": {"B": self._digest(made.id, secret.encode())},
        }
        listed = update(
            _list_key(made.app),
            {},
            "attribute_not_exists(held) OR held < :most",
            {":most": n(MOST_KEYS)},
            added={"held": n(1), "ids": {"SS": [made.id]}},
        )
        living = check(profile_key(made.app), "attribute_exists(pk)", {})
        failed = self._table.transact([put(item, conditions.NEW), listed, living])
        if failed is None:
            return None
        if failed[0] is not None:
            return self._met(failed[0].item)
        if failed[1] is not None:
            raise LimitReached(f"the app has {MOST_KEYS} keys: delete one that nobody uses")
        raise StoreUnavailable("the app is gone")

    def of_app(self, app: str) -> list[ApiKey]:
        """All keys of an app, the oldest first. Two reads."""
        listed = self._table.get(_list_key(app)) or {}
        ids = listed.get("ids", {}).get("SS", [])
        items = self._table.get_many([_key_item(each) for each in ids]) if ids else []
        found = [self._stored(item).key for item in items if "digest" in item]
        return sorted(found, key=lambda each: (each.created, each.id))

    def delete(self, key_id: str, *, app: str, now: int) -> None:
        """Ends a key of an app: here at once, in every other process within `max_age_s`. That there
        was one is remembered for DELETED_MS. One transaction. Raises UnknownKey, also for another
        app's."""
        if not is_key_id(key_id):
            raise UnknownKey("no such key")
        unlisted = {
            "Update": {
                "Key": _list_key(app),
                "UpdateExpression": "ADD held :less DELETE ids :ids",
                "ConditionExpression": "attribute_exists(ids)",
                "ExpressionAttributeValues": {":less": n(-1), ":ids": {"SS": [key_id]}},
            }
        }
        gone = update(
            _key_item(key_id),
            {"ttl": n((now + DELETED_MS) // 1000)},
            "app = :app AND attribute_exists(digest)",
            {":app": s(app)},
            removed=("digest", "salt", "sealed", "read_only"),
        )
        failed = self._table.transact([gone, unlisted])
        self._known.forget(key_id)
        if failed is not None and failed[0] is not None:
            raise UnknownKey("no such key")
        if failed is not None:
            raise Contended("the keys of this app are being changed")

    def _read(self, key_id: str) -> StoredKey | None:
        item = self._table.get(_key_item(key_id))
        return self._stored(item) if item is not None and "digest" in item else None

    def _met(self, item: Item | None) -> StoredKey:
        if item is None:
            raise StoreUnavailable("the key that stands there was not returned")
        if "digest" not in item:
            raise RequestOver("the key that this request made was deleted; send a new request")
        return self._stored(item)

    def _stored(self, item: Item) -> StoredKey:
        key_id = item["pk"]["S"].removeprefix(_key_item("")["pk"]["S"])
        name = self._encryption().open(bytes(item["sealed"]["B"]), _context(key_id))
        made = ApiKey(
            id=key_id,
            app=item["app"]["S"],
            name=name,
            read_only=item["read_only"]["BOOL"],
            created=int(item["created"]["N"]),
        )
        return StoredKey(made, salt=bytes(item["salt"]["B"]), digest=bytes(item["digest"]["B"]))

    def _digest(self, key_id: str, secret: bytes) -> bytes:
        # Whatever bytes somebody sends are a text in this encoding; secrets are ASCII.
        return self._encryption().tag("api key", key_id, secret.decode("latin-1"))


def _key_item(key_id: str) -> Item:
    return public_key(KIND, key_id)


def _list_key(app: str) -> Item:
    return key(app_pk(app), "KEYS")


def _context(key_id: str) -> str:
    return f"name of {key_id}"


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
