"""Where a request may come from: lists of networks that an operator set."""

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address, ip_network


def is_from(source: str, networks: Sequence[str]) -> bool:
    """Whether the address `source` lies in one of these networks (CIDR); any does if there are
    none, and none if it is not known or the list can't be read."""
    if not networks:
        return True
    try:
        address = ip_address(source)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            # As a server that listens to both writes the old kind.
            address = address.ipv4_mapped
        return any(address in ip_network(network, strict=False) for network in networks)
    except ValueError:
        return False
