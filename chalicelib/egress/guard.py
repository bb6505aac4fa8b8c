"""Judges which addresses may be called: public ones."""

from ipaddress import IPv4Address, IPv6Address, ip_network

from chalicelib.core.errors import RefusedAddress
from chalicelib.egress.addresses import Address, read_address

_NOT_PUBLIC = ("localhost", "local", "localdomain", "internal", "lan", "home.arpa")
"""Top-level names that are no public ones."""

# IANA's special-purpose registries, read 2026-01: what is not globally reachable, and what leads on
# to another address. Python's `is_global` differs between the patch releases of 3.11 to 3.13.
_REFUSED = [
    ip_network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared; some clouds keep their metadata there
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform
        "169.254.0.0/16",  # link-local, and with it metadata
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",  # documentation, as the next two
        "198.51.100.0/24",
        "203.0.113.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "198.18.0.0/15",  # benchmarks
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation, as the next
        "3fff::/20",
        "2002::/16",  # 6to4
    )
]
_ASSIGNED_V6 = ip_network("2000::/3")
"""Loopback, mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96 and 64:ff9b:1::/48), unique local,
link-local, site-local and multicast addresses lie outside."""


class AddressGuard:
    """The guard that ships. It is asked twice about each request: about the address as it is
    written, and about the IP address that the name led to, before anything is sent there."""

    def read(self, url: str, *, by_operator: bool = False) -> Address:
        """Reads an address and checks it. Raises RefusedAddress."""
        address = read_address(url, by_operator=by_operator)
        self.check(address)
        return address

    def check(self, address: Address) -> None:
        """Raises RefusedAddress unless the host is a public name or IP address and, but for what an
        operator set, the address is https on port 443."""
        if not address.by_operator:
            if address.scheme != "https":
                raise RefusedAddress("not https")
            if address.port != 443:
                raise RefusedAddress("another port than 443")
        if address.ip is not None:
            if not is_public(address.ip):
                raise RefusedAddress("not a public IP address")
        elif "." not in address.host or f".{address.host}".endswith(
            tuple(f".{name}" for name in _NOT_PUBLIC)
        ):
            raise RefusedAddress("not a public name")


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Whether an IP address is one of a public machine."""
    # An address with a zone is one of this machine's own links.
    if isinstance(ip, IPv6Address) and (ip not in _ASSIGNED_V6 or ip.scope_id is not None):
        return False
    return not any(ip in network for network in _REFUSED)
