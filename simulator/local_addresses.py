"""The guard of the local stack: on one machine, everything that is called is on that machine."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_network

from chalicelib.egress.addresses import Address
from chalicelib.egress.guard import AddressGuard
from chalicelib.wiring import egress

_LOCAL = [
    ip_network(each)
    for each in (
        "10.0.0.0/8",
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
    )
]
_METADATA = ip_network("fd00:ec2::/32")
"""AWS's services beside an instance: local by their number, and never meant."""


class LocalAddresses(AddressGuard):
    """Lets http, other ports, and names and IP addresses of this machine and its network through as
    well, and nothing else."""

    def check(self, address: Address) -> None:
        """Raises RefusedAddress. A name is judged by the IP address that it leads to."""
        if address.ip is not None and not _is_local(address.ip):
            super().check(replace(address, by_operator=True))


def _is_local(ip: IPv4Address | IPv6Address) -> bool:
    return any(ip in network for network in _LOCAL) and ip not in _METADATA


def allow_local_addresses() -> None:
    """Gives this guard to the client of this process. No setting does that: what is deployed has
    no code that would let a local address through."""
    egress.guard = LocalAddresses()
