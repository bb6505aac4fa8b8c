"""Connections whose far end is judged by its IP address, and that end when their time is up."""

import socket
import time
from ssl import SSLContext, SSLSocket
from threading import Thread
from typing import TYPE_CHECKING, cast

from chalicelib.core.errors import RefusedAddress
from chalicelib.egress.addresses import may_reach

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MOST_TRIED = 3
"""A name may have hundreds of IP addresses: nobody makes us call at all of them."""


class ExchangeFailed(Exception):
    """No answer came, or not all of it; whether the other side did what was asked is not known. The
    text is a reason of one or a few words, without address and content."""


class NotSent(ExchangeFailed):
    """Certainly nothing of the request was sent: its address is refused, no connection came about,
    or the request can't be written."""


_Found = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]


class TimedSocket(socket.socket):
    """Raises TimeoutError once `until` (monotonic seconds) has come, however often a little arrives
    before it, and when nothing at all comes for `silence_s`."""

    until: float
    silence_s: float
    heard = False
    """Whether anything has come since this was last set to False."""

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0, /) -> int:
        _allow(self)
        got = super().recv_into(buffer, nbytes, flags)
        self.heard = self.heard or got > 0
        return got

    def sendall(self, data: "ReadableBuffer", flags: int = 0, /) -> None:
        # Its time-out counts for all of it.
        _allow(self)
        super().sendall(data, flags)


class TimedTlsSocket(SSLSocket):
    """The same over TLS."""

    until: float
    silence_s: float
    heard = False

    def recv_into(
        self, buffer: "WriteableBuffer", nbytes: int | None = None, flags: int = 0
    ) -> int:
        _allow(self)
        got = super().recv_into(buffer, nbytes, flags)
        self.heard = self.heard or got > 0
        return got

    def send(self, data: "ReadableBuffer", flags: int = 0) -> int:
        # What `sendall` does again and again.
        _allow(self)
        return super().send(data, flags)


def _allow(sock: TimedSocket | TimedTlsSocket) -> None:
    sock.settimeout(min(left(sock.until), sock.silence_s))


def left(until: float) -> float:
    """Seconds until then (monotonic). Raises TimeoutError when there are none."""
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def connect(host: str, port: int, *, private: bool, until: float, silence_s: float) -> TimedSocket:
    """Resolves the name and connects. What is judged are the very addresses that are connected to,
    so that a name which leads elsewhere a moment later changes nothing. A name that has one refused
    address among others is refused as a whole.

    Raises RefusedAddress before anything is sent anywhere, OSError if no connection comes about.
    """
    found = _resolve(host, port, until)
    for _, where in found:
        _check(where, private=private)
    found = found[:MOST_TRIED]
    failure = OSError("no address")
    for tried, (family, where) in enumerate(found):
        sock = TimedSocket(family, socket.SOCK_STREAM)
        sock.until, sock.silence_s = until, silence_s
        try:
            # One that does not answer leaves time for the next.
            sock.settimeout(left(until) / (len(found) - tried))
            sock.connect(where)
            _check(sock.getpeername(), private=private)
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
    """TLS with the certificate of this name, whatever IP address it led to. Raises OSError; the
    socket is closed then."""
    try:
        _allow(sock)
        wrapped = cast("TimedTlsSocket", context.wrap_socket(sock, server_hostname=host))
    except BaseException:
        sock.close()
        raise
    wrapped.until, wrapped.silence_s = sock.until, sock.silence_s
    return wrapped


def _check(where: tuple[str, int] | tuple[str, int, int, int], *, private: bool) -> None:
    if (len(where) == 4 and where[3]) or not may_reach(where[0], private=private):
        raise RefusedAddress("not a public IP address")


def _resolve(host: str, port: int, until: float) -> list[_Found]:
    """All that a name leads to. In a thread of its own, as the system's resolver takes no time-out
    and whoever owns the name decides how long it takes."""
    found: list[_Found] = []
    failed: list[OSError] = []

    def look_up() -> None:
        try:
            for family, _, _, _, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
                if family in {socket.AF_INET, socket.AF_INET6}:
                    found.append((family, cast("tuple[str, int]", where)))
        except (OSError, UnicodeError) as error:
            failed.append(OSError(type(error).__name__))

    thread = Thread(target=look_up, daemon=True, name="resolve")
    thread.start()
    thread.join(left(until))
    if thread.is_alive():
        raise TimeoutError
    if failed:
        raise failed[0]
    return found
