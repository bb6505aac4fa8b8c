"""What a tenant does with its own: API keys, account and numbers."""

from chalicelib.services.tenants.account import AccountService
from chalicelib.services.tenants.keys import KeyService
from chalicelib.store.tenants.api_keys import ApiKeyStore
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.wiring.gateway import Gateway


class Tenants:
    """Use cases of tenants; `api_keys` knows who signs in."""

    def __init__(self, gateway: Gateway) -> None:
        self.api_keys = ApiKeyStore(gateway.table, gateway.encryption, gateway.settings.cache_s)
        self.keys = KeyService(self.api_keys, gateway.runtime)
        self.account = AccountService(gateway.bindings, BalanceStore(gateway.table))
