"""Connections: to an IP address that the guard let pass, and with a deadline for all that goes over
them."""

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from ssl import SSLContext, SSLSocket
from threading import Thread
from typing import TYPE_CHECKING, cast

from chalicelib.core.errors import RefusedAddress
from chalicelib.egress.addresses import Address
from chalicelib.egress.guard import AddressGuard

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MOST_TRIED = 3
"""How many IP addresses of a name are tried. A name may have hundreds."""


class ExchangeFailed(Exception):
    """No answer came, or not all of it; whether the other side did what was asked is not known. The
    text is a reason of a few words, without address and content."""


class NotSent(ExchangeFailed):
    """Nothing of the request was sent: its address is refused, there is no connection, or the
    request can't be written."""


class NotResolved(OSError):
    """The name leads nowhere."""


_Place = tuple[str, int] | tuple[str, int, int, int]
_Found = tuple[socket.AddressFamily, _Place]


class TimedSocket(socket.socket):
    """A socket that raises TimeoutError at `until` (monotonic seconds), however many bytes arrive
    before, and when none arrives for `silence_s` seconds."""

    until: float
    silence_s: float
    heard = False
    """Whether a byte has arrived since this was last set to False."""

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0, /) -> int:
        _set_timeout(self)
        got = super().recv_into(buffer, nbytes, flags)
        self.heard = self.heard or got > 0
        return got

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        # The time-out of a plain socket's sendall is for all of the data.
        _set_timeout(self)
        super().sendall(data, flags)


class TimedTlsSocket(SSLSocket):
    """The same over TLS."""

    until: float
    silence_s: float
    heard = False

    def recv_into(
        self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0
    ) -> int:
        _set_timeout(self)
        got = super().recv_into(buffer, nbytes, flags)
        self.heard = self.heard or got > 0
        return got

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        # A TLS socket's sendall calls this for each part.
        _set_timeout(self)
        return super().send(data, flags)


def _set_timeout(sock: TimedSocket | TimedTlsSocket) -> None:
    sock.settimeout(min(_seconds_until(sock.until), sock.silence_s))


def _seconds_until(until: float) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def connect(
    address: Address, guard: AddressGuard, *, until: float, silence_s: float
) -> TimedSocket:
    """Resolves the name and connects. The guard judges the very IP addresses that are connected to,
    so a name that leads elsewhere a moment later changes nothing. It has to let all IP addresses of
    a name pass.

    Raises RefusedAddress before anything is sent, OSError if there is no connection.
    """
    found = _resolve(address, until)
    for _, place in found:
        _check(address, place, guard)
    found = found[:MOST_TRIED]
    failure: OSError = NotResolved("no address")
    for tried, (family, place) in enumerate(found):
        sock = TimedSocket(family, socket.SOCK_STREAM)
        sock.until, sock.silence_s = until, silence_s
        try:
            # One that does not answer leaves time for the next.
            sock.settimeout(_seconds_until(until) / (len(found) - tried))
            sock.connect(place)
            _check(address, sock.getpeername(), guard)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def wrap(sock: TimedSocket, context: SSLContext, host: str) -> TimedTlsSocket:
    """Begins TLS; the certificate has to be that of this name. Raises OSError, and closes the
    socket."""
    try:
        _set_timeout(sock)
        wrapped = cast("TimedTlsSocket", context.wrap_socket(sock, server_hostname=host))
    except BaseException:
        sock.close()
        raise
    wrapped.until, wrapped.silence_s = sock.until, sock.silence_s
    return wrapped


def _check(address: Address, place: _Place, guard: AddressGuard) -> None:
    # A zone (the fourth member) makes an IPv6 address one of this machine's own links.
    if len(place) == 4 and place[3]:
        raise RefusedAddress("not a public IP address")
    try:
        ip = ip_address(place[0])
    except ValueError:
        raise RefusedAddress("not a public IP address") from None
    guard.check(replace(address, host=str(ip), ip=ip))


def _resolve(address: Address, until: float) -> list[_Found]:
    """All places that a name leads to. The look-up has a thread of its own, because the system's
    resolver takes no time-out and the owner of the name decides how long it takes."""
    found: list[_Found] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(_places(address))
        except (OSError, UnicodeError) as error:
            failed.append(NotResolved(type(error).__name__))

    thread = Thread(target=look_up, daemon=True, name="resolve")
    thread.start()
    thread.join(_seconds_until(until))
    if thread.is_alive():
        raise TimeoutError
    if failed:
        raise failed[0]
    return found


def _places(address: Address) -> Iterator[_Found]:
    answers = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    for family, _, _, _, place in answers:
        if family in {socket.AF_INET, socket.AF_INET6}:
            yield family, cast("_Place", place)
