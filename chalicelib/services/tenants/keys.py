"""API keys: a tenant makes, lists and deletes further credentials for our own API."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.clock import Runtime
from chalicelib.core.api_keys import REPEATED_MS, ApiKey
from chalicelib.core.errors import RequestMismatch, Suspended
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.store.tenants.api_keys import ApiKeyStore, StoredKey

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeyService:
    """The use cases over API keys. `now` is epoch ms."""

    keys: ApiKeyStore
    runtime: Runtime

    def create(
        self, app: App, *, name: str, read_only: bool, request: RequestId | None, now: int
    ) -> tuple[ApiKey, str | None]:
        """Makes a key; the key and its secret, which is kept nowhere.

        A repeat of the `request` gets the same key, and within REPEATED_MS the same secret, which
        is derived from the request (docs/decisions/083-api-keys.md); later None. Raises Suspended,
        LimitReached, RequestMismatch, RequestOver (the key was deleted), Unavailable.
        """
        if not app.enabled:
            raise Suspended
        salt = self.runtime.random_bytes(SALT_BYTES)
        if request is None:
            key_id, secret = self.keys.fresh()
        else:
            key_id = self.keys.derived_id(app.name, request.key)
            secret = self.keys.derived_secret(app.name, request.key, salt)
        made = ApiKey(key_id, app.name, name, read_only, created=now)
        there = self.keys.add(made, secret=secret, salt=salt)
        if there is None:
            return made, secret
        return self._repeated(there, made, request.key if request is not None else "")

    def _repeated(self, there: StoredKey, made: ApiKey, request: str) -> tuple[ApiKey, str | None]:
        """What the request that made this key was answered. Raises RequestMismatch."""
        if (there.key.app, there.key.name, there.key.read_only) != (
            made.app,
            made.name,
            made.read_only,
        ):
            raise RequestMismatch("this Idempotency-Key came with other parameters")
        secret = self.keys.derived_secret(made.app, request, there.salt)
        shown = made.created < there.key.created + REPEATED_MS
        return there.key, secret if shown and self.keys.is_secret(there, secret) else None

    def of_app(self, app: App) -> Sequence[ApiKey]:
        """All keys of an app, the oldest first. Raises Unavailable."""
        return self.keys.of_app(app.name)

    def delete(self, app: App, key_id: str, *, now: int) -> None:
        """Ends a key, also that of an app that is suspended. Raises UnknownKey, Unavailable."""
        self.keys.delete(key_id, app=app.name, now=now)
