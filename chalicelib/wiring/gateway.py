"""The building blocks of one process that every entry of the bundle needs."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.carriers.registry import CarrierRegistry, carrier
from chalicelib.clock import SYSTEM, Runtime, making, once
from chalicelib.services.bindings.clean_expired import Cleaner
from chalicelib.services.leases.service import LeaseService
from chalicelib.stage_settings import Settings, settings
from chalicelib.store import clients, secrets
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.table import Table
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.telemetry import log_call

if TYPE_CHECKING:
    from chalicelib.egress.client import Client

_T = TypeVar("_T")


class Gateway:
    """What all entries share. What only some need is built over it and kept by `shared`.

    `encryption` gives what numbers are hashed and sealed with, `egress` the client for addresses
    that others chose.
    """

    def __init__(
        self,
        settings: Settings,
        runtime: Runtime,
        *,
        table: Table,
        data_keys: secrets.DataKeys,
        apps: AppStore,
        credentials: CredentialStore,
        egress: "Callable[[], Client]",
    ) -> None:
        self.settings, self.runtime = settings, runtime
        self.table = table
        self.data_keys, self.encryption = data_keys, data_keys.encryption
        self.apps, self.credentials, self.egress = apps, credentials, egress
        self.bindings = BindingStore(table, self.encryption)
        self.carriers = CarrierRegistry(
            credentials,
            partial(
                carrier,
                timeout_s=settings.carrier_timeout_s,
                log_call=log_call,
                egress=egress,
                runtime=runtime,
            ),
        )
        self.leases = LeaseService(
            self.bindings,
            self.carriers,
            new_id=lambda: runtime.random_bytes(5).hex(),
            monotonic=runtime.monotonic,
        )
        self.cleaner = Cleaner(self.bindings)
        self._shared: dict[Callable[[Gateway], Any], Any] = {}

    def shared(self, make: "Callable[[Gateway], _T]") -> _T:
        """What `make` (a class or a function) makes of this gateway; made once, whichever thread
        asks first."""
        with making:
            if make not in self._shared:
                self._shared[make] = make(self)
            made: _T = self._shared[make]
            return made

    def digest(self, *parts: str) -> str:
        """The keyed digest of these. Raises Unavailable."""
        return self.encryption().label(*parts)


def build(settings: Settings, runtime: Runtime) -> Gateway:
    """A gateway over AWS as these settings name it. Calls nobody yet."""
    cache_s = settings.cache_s
    data_keys = secrets.DataKeys(
        secrets.Secret(secrets.provider, settings.data_keys_secret, cache_s, runtime)
    )
    table = Table(clients.dynamodb, settings.table_name, runtime)
    apps = AppStore(table, data_keys.encryption, cache_s)
    owners = secrets.OwnersSecrets(secrets.provider, settings.secrets_prefix)
    return Gateway(
        settings,
        runtime,
        table=table,
        data_keys=data_keys,
        apps=apps,
        credentials=CredentialStore(table, apps, owners, cache_s),
        egress=_egress,
    )


def _egress() -> "Client":
    # Loads `requests`: tens of milliseconds, which a bind on our own switch does without.
    from chalicelib.wiring import egress  # noqa: PLC0415

    return egress.client()


@once
def gateway() -> Gateway:
    """The gateway of this process."""
    return build(settings(), SYSTEM)
