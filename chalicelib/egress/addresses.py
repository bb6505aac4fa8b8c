"""Which addresses may be called: judged by their text, and by the IP address
that a name leads to."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from chalicelib.core.errors import RefusedAddress

MAX_ADDRESS = 2048
"""Characters of an address; a longer one is refused."""

_PORTS = {"https": 443, "http": 80}

_TEXT = re.compile(r"[!-\[\]-~]+", re.ASCII)
"""Printable ASCII without the backslash, which some read as a slash and others do not."""

_NETLOC = re.compile(
    r"(?P<host>\[[0-9a-f:.]+\]|[0-9a-z.-]+)(:(?P<port>[1-9][0-9]{0,4}))?", re.ASCII
)

_LABEL = re.compile(r"[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?", re.ASCII)

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""A last label that makes resolvers read the whole name as an IPv4 address (WHATWG URL, "ends in
a number"): 127.1, 0x7f.1, 2130706433."""

_OF_NO_PUBLIC_NAME = ("localhost", "local", "localdomain", "internal", "lan", "home.arpa")

# IANA's special-purpose registries, read 2026-01: what is not globally reachable, and beyond that
# what leads on to another address. A table of our own, as `is_global` differs between the patch
# releases of Python 3.11 to 3.13.
_REFUSED_V4 = [
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
    )
]
_PUBLIC_V6 = ip_network("2000::/3")
"""All that is assigned; loopback, mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96 and 64:ff9b:1::/48),
unique local, link-local, site-local and multicast addresses lie outside."""
_REFUSED_V6 = [
    ip_network(each)
    for each in (
        "2001::/23",  # protocols: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation, as the next
        "3fff::/20",
        "2002::/16",  # 6to4
    )
]
_PRIVATE = [
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
_METADATA_V6 = ip_network("fd00:ec2::/32")
"""AWS's services beside an instance; private by its number, and never meant."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that may be called as far as its text says; `host` is lower-case ASCII and an IPv6
    address without brackets, `target` is what the request line asks for."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def place(self) -> str:
        """The host, with the port where it is not the scheme's own, as lists of hosts name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def check_address(url: str, *, private: bool) -> None:
    """Raises RefusedAddress for what is refused by its text already: anything but https on port 443
    to a public name or IP address, without credentials. `private` (development) lets http, other
    ports and names and addresses of this machine and its network through, and nothing else.
    """
    read_address(url, private=private)


def read_address(url: str, *, private: bool, operators: bool = False) -> Address:
    """Takes an address apart. Raises RefusedAddress as `check_address` does. `operators` says that
    an operator set it, and not an app or a carrier: http, other ports and any length will do.
    """
    if len(url) > MAX_ADDRESS and not operators:
        raise RefusedAddress("too long")
    if not _TEXT.fullmatch(url):
        raise RefusedAddress("a character that no address has")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise RefusedAddress("no address") from None
    any_port = private or operators
    if parts.scheme not in (_PORTS if any_port else {"https"}):
        raise RefusedAddress("not https")
    host, port = _place(parts.netloc, private=private)
    port = port or _PORTS[parts.scheme]
    if port > 65535 or (port != 443 and not any_port):
        raise RefusedAddress("another port than 443")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, host, port, target)


def _place(netloc: str, *, private: bool) -> tuple[str, int | None]:
    if not netloc:
        raise RefusedAddress("no host")
    if "@" in netloc:
        raise RefusedAddress("credentials in it")
    found = _NETLOC.fullmatch(netloc.lower())
    if found is None:
        raise RefusedAddress("no such host")
    return _host(found["host"], private=private), int(found["port"]) if found["port"] else None


def _host(text: str, *, private: bool) -> str:
    try:
        if text.startswith("["):
            address: IPv4Address | IPv6Address = IPv6Address(text[1:-1])
        elif _NUMBER.fullmatch(text.rpartition(".")[2]):
            address = IPv4Address(text)
        else:
            return _name(text, private=private)
    except ValueError:
        raise RefusedAddress("an unusual form of an IP address") from None
    if not may_reach(address, private=private):
        raise RefusedAddress("not a public IP address")
    return str(address)


def _name(text: str, *, private: bool) -> str:
    labels = text.split(".")
    if len(text) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise RefusedAddress("no such host")
    if private:
        return text
    if len(labels) == 1 or f".{text}".endswith(tuple(f".{name}" for name in _OF_NO_PUBLIC_NAME)):
        raise RefusedAddress("not a public name")
    return text


def may_reach(address: IPv4Address | IPv6Address | str, *, private: bool) -> bool:
    """Whether a connection may be made to this IP address, or was rightly made."""
    if isinstance(address, str):
        try:
            address = ip_address(address)
        except ValueError:
            return False
    if private and any(address in network for network in _PRIVATE):
        return address not in _METADATA_V6
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    # An address with a zone is one of this machine's own links.
    if address not in _PUBLIC_V6 or address.scope_id is not None:
        return False
    return not any(address in network for network in _REFUSED_V6)
