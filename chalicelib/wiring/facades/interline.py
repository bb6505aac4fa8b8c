"""interline's API, as apps call it."""

from chalicelib.carriers.interline.facade import InterlineFacade
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.wiring.api import Api


def facade(api: Api) -> InterlineFacade:
    return InterlineFacade(api.access, api.binding_service, BalanceStore(api.gateway.table))
