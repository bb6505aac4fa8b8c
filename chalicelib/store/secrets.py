"""Secrets Manager through Powertools, cached: the data keys, and what each owner signs with."""

from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import (
    GetParameterError,
    TransformParameterError,
)

from chalicelib.clock import Runtime, making, new_lock, once
from chalicelib.core.errors import StoreUnavailable
from chalicelib.store import clients
from chalicelib.store.field_encryption import FieldEncryption

LOOK_AGAIN_S = 30
"""How long the last value of a secret is used when Secrets Manager has not answered."""


class Secret:
    """One JSON secret. It is fetched again after `max_age_s`; when Secrets Manager fails, the last
    value is used on."""

    def __init__(
        self,
        provider: Callable[[], SecretsProvider],
        name: str,
        max_age_s: int,
        runtime: Runtime,
    ) -> None:
        self._provider = provider
        self._name = name
        self._max_age_s = max_age_s
        self.runtime = runtime
        self._last: Mapping[str, Any] | None = None
        self._fetch_at = float("-inf")

    def value(self) -> Mapping[str, Any]:
        """The parsed secret; the same object until it is fetched again. Raises Unavailable."""
        now = self.runtime.monotonic()
        if self._last is not None and now < self._fetch_at:
            return self._last
        try:
            value: Any = self._provider().get(
                self._name, max_age=0, transform="json", VersionStage="AWSCURRENT"
            )
        except (GetParameterError, TransformParameterError):
            if self._last is None:
                raise StoreUnavailable("a secret can't be read") from None
            self._fetch_at = now + LOOK_AGAIN_S
            return self._last
        self._last, self._fetch_at = value, now + self._max_age_s
        return self._last


class DataKeys:
    """The encryption with the newest data keys."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        self._source: Mapping[str, Any] | None = None
        self._encryption: FieldEncryption | None = None

    def encryption(self) -> FieldEncryption:
        """Raises Unavailable while there are no usable keys."""
        source = self._secret.value()
        if self._encryption is not None and source is self._source:
            return self._encryption
        with making:
            if self._encryption is None or source != self._source:
                try:
                    self._encryption = FieldEncryption(source, self._secret.runtime.random_bytes)
                except ValueError as error:
                    raise StoreUnavailable(f"the data keys can't be used: {error}") from None
                self._source = source
            return self._encryption


class OwnersSecrets:
    """The secrets of apps, carrier accounts and switches, one JSON object of texts for each.

    A version is fetched once a process, and never changes. One that is broken is empty, and hurts
    nobody but its owner.
    """

    def __init__(self, provider: Callable[[], SecretsProvider], prefix: str) -> None:
        self._provider = provider
        self._prefix = prefix
        self._known: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._fetching: dict[str, Any] = {}

    def get(self, owner: str, version: str) -> Mapping[str, Any]:
        """What an owner (`app/<name>`, `carrier/<name>`, `switch/<user>`) signs with as of this
        version; nothing without a version, or if it is broken. Raises Unavailable while Secrets
        Manager does not answer."""
        if not version:
            return {}
        known = self._known.get(owner)
        if known is None or known[0] != version:
            # Threads that need the same one wait for the first of them; those of others don't.
            with self._fetching.setdefault(owner, new_lock()):
                known = self._known.get(owner)
                if known is None or known[0] != version:
                    known = self._known[owner] = version, self._fetched(owner, version)
        return known[1]

    def _fetched(self, owner: str, version: str) -> Mapping[str, Any]:
        name = f"{self._prefix}/{owner}"
        try:
            value: Any = self._provider().get(name, max_age=0, transform="json", VersionId=version)
        except GetParameterError:
            raise StoreUnavailable(f"the secret {owner} can't be read") from None
        except TransformParameterError:
            value = None
        # A version never changes: what is broken once is not fetched again.
        return value if isinstance(value, dict) else {}


@once
def provider() -> SecretsProvider:
    """Powertools' cache over our client."""
    return SecretsProvider(boto3_client=clients.secretsmanager())
