"""Usage: counted by the entry `follow_up`, and reported by the API."""

from chalicelib.services.calls.usage import UsageService
from chalicelib.store.bindings.search import BindingSearch
from chalicelib.store.calls.usage import UsageStore
from chalicelib.telemetry import log_trouble
from chalicelib.wiring.calls import Calls
from chalicelib.wiring.gateway import Gateway


def usage_service(gateway: Gateway) -> UsageService:
    """What counts what apps used."""
    return UsageService(
        usage=UsageStore(gateway.table),
        calls=gateway.shared(Calls).store,
        bindings=BindingSearch(gateway.table, gateway.encryption),
        names=gateway.apps.at_carriers,
        monotonic=gateway.runtime.monotonic,
        trouble=log_trouble,
    )
