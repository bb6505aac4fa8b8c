"""NetEase's dedicated line, as apps call it."""

from chalicelib.carriers.netease.ecp import EcpFacade
from chalicelib.services.outbound_calls import OutboundCalls
from chalicelib.store.calls.placed_calls import PlacedCallStore
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.store.tenants.messaging_users import MessagingUserStore
from chalicelib.wiring.api import Api


def facade(api: Api) -> EcpFacade:
    ours = api.gateway
    calls = OutboundCalls(
        PlacedCallStore(ours.table, ours.encryption),
        MessagingUserStore(ours.table, ours.encryption),
        ours.carriers,
        BalanceStore(ours.table),
        ours.digest,
    )
    return EcpFacade(api.access, calls)
