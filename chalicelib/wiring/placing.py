"""Calls that the platform places."""

from chalicelib.services.outbound_calls import OutboundCalls
from chalicelib.store.calls.placed_calls import PlacedCallStore
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.store.tenants.messaging_users import MessagingUserStore
from chalicelib.wiring.gateway import Gateway


def outbound_calls(gateway: Gateway) -> OutboundCalls:
    """The use cases over placed calls."""
    return OutboundCalls(
        PlacedCallStore(gateway.table, gateway.encryption),
        MessagingUserStore(gateway.table, gateway.encryption),
        gateway.carriers,
        BalanceStore(gateway.table),
        gateway.digest,
    )
