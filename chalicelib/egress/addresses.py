"""Reads an address (URL) that somebody else chose. Whether it may be called, egress.guard says."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

from chalicelib.core.errors import RefusedAddress

MAX_ADDRESS = 2048
"""The longest address, in characters, except for one that an operator set."""

_PORTS = {"https": 443, "http": 80}

_TEXT = re.compile(r"[!-\[\]-~]+", re.ASCII)
"""Printable ASCII without the backslash, which some clients read as a slash and others do not."""

_NETLOC = re.compile(
    r"(?P<host>\[[0-9a-f:.]+\]|[0-9a-z.-]+)(:(?P<port>[1-9][0-9]{0,4}))?", re.ASCII
)

_LABEL = re.compile(r"[0-9a-z]([0-9a-z-]{0,61}[0-9a-z])?", re.ASCII)

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
"""With such a last label resolvers read the whole name as an IPv4 address (WHATWG URL, "ends in a
number"): 127.1, 0x7f.1, 2130706433."""


@dataclass(frozen=True, slots=True)
class Address:
    """A well-formed address. `host` is a name in lower-case ASCII, or an IP address without
    brackets, which `ip` is too then; `target` is the path and query of the request line.
    `by_operator`: an operator set the address, not an app or a carrier."""

    scheme: str
    host: str
    ip: IPv4Address | IPv6Address | None
    port: int
    target: str
    by_operator: bool = False

    @property
    def place(self) -> str:
        """The host, and the port unless it is the scheme's own, as lists of hosts name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read_address(url: str, *, by_operator: bool = False) -> Address:
    """Raises RefusedAddress for anything but http or https to a host in its usual form, without
    credentials."""
    if len(url) > MAX_ADDRESS and not by_operator:
        raise RefusedAddress("too long")
    if not _TEXT.fullmatch(url):
        raise RefusedAddress("a character that no address has")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise RefusedAddress("no address") from None
    if parts.scheme not in _PORTS:
        raise RefusedAddress("not https")
    if not parts.netloc:
        raise RefusedAddress("no host")
    if "@" in parts.netloc:
        raise RefusedAddress("credentials in it")
    found = _NETLOC.fullmatch(parts.netloc.lower())
    if found is None:
        raise RefusedAddress("no such host")
    port = int(found["port"] or _PORTS[parts.scheme])
    if port > 65535:
        raise RefusedAddress("no such port")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    ip = _ip(found["host"])
    host = found["host"] if ip is None else str(ip)
    return Address(parts.scheme, host, ip, port, target, by_operator)


def _ip(host: str) -> IPv4Address | IPv6Address | None:
    labels = host.split(".")
    try:
        if host.startswith("["):
            return IPv6Address(host[1:-1])
        if _NUMBER.fullmatch(labels[-1]):
            return IPv4Address(host)
    except ValueError:
        raise RefusedAddress("an unusual form of an IP address") from None
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise RefusedAddress("no such host")
    return None
