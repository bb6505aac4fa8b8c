"""The entry `api`: who answers the routes of each table."""

from importlib import import_module
from typing import Any

from chalicelib.carriers.facade import Access, Answering
from chalicelib.clock import making, once
from chalicelib.services.bindings.service import BindingService
from chalicelib.services.rate_limit import RateLimiter
from chalicelib.store.requests import NonceStore
from chalicelib.wiring.gateway import Gateway, gateway


class Api:
    """What facades share, and the facades themselves: each is loaded with its first request."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.runtime = gateway, gateway.runtime
        self.access = Access(
            gateway.credentials,
            gateway.apps,
            NonceStore(gateway.table, gateway.encryption),
            RateLimiter(),
            gateway.digest,
        )
        self.binding_service = BindingService(
            gateway.bindings, gateway.cleaner, gateway.leases, gateway.digest
        )
        self._facades: dict[str, Answering] = {}

    def facade(self, name: str) -> Answering:
        """Who answers the routes of a table that names this facade: the module of this name in
        wiring.facades makes it; `<carrier>.callbacks_in` is that carrier's receiver."""
        with making:
            if name not in self._facades:
                self._facades[name] = self._make(name)
            return self._facades[name]

    def _make(self, name: str) -> Answering:
        carrier, _, callbacks = name.partition(".")
        module: Any = import_module(f"{__package__}.facades.{'callbacks' if callbacks else name}")
        made: Answering = module.facade(self, carrier) if callbacks else module.facade(self)
        return made


@once
def api() -> Api:
    """The API of this process."""
    return gateway().shared(Api)
