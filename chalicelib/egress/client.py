"""The HTTP client for everything that goes out. A guard judges where each request goes, one
deadline covers all that it takes, and its connection is kept for the next one."""

import select
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import SWITCHING_PROTOCOLS
from threading import Lock

import certifi
from urllib3 import HTTPHeaderDict
from urllib3.response import BaseHTTPResponse

from chalicelib.core.errors import RefusedAddress
from chalicelib.egress.addresses import Address
from chalicelib.egress.connecting import ExchangeFailed, NotSent, TimedTlsSocket, connect, wrap
from chalicelib.egress.exchange import BROKEN, Connection, Request, reason
from chalicelib.egress.guard import AddressGuard

IDLE_S = 60
"""A connection that was idle for this many seconds is not used again."""

MOST_IDLE = 32
"""How many idle connections are kept."""

DRAINED = 4 * 1024
"""How many bytes of an unread answer are read away, so that its connection can be used again."""

DRAIN_S = 0.05
"""How many seconds that may take."""

_Origin = tuple[str, str, int]
"""Scheme, host and port."""

_HEADERS = {"User-Agent": "masking-gateway", "Accept": "*/*"}

_CLOSED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What an exchange raises over a kept connection that the other side has closed meanwhile."""


class Reply:
    """An answer: its status, its headers and, unread as yet, its body."""

    def __init__(self, response: BaseHTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self.length: int | None = getattr(response, "length_remaining", None)
        """Bytes of the body, if they are stated."""
        self.ends_itself = self.length is not None or bool(getattr(response, "chunked", False))
        """Otherwise it ends when the connection does, and a part of it looks like the whole."""

    def read(self, size: int) -> bytes:
        """The next `size` bytes as they came, fewer only at the end. Raises ExchangeFailed."""
        try:
            got = self._response.read(size)
        except BROKEN as error:
            raise ExchangeFailed(reason(error)) from None
        if len(got) < size and getattr(self._response, "length_remaining", None):
            raise ExchangeFailed("too short")
        return got


class Client:
    """Makes requests to addresses that others chose, over connections that all threads share.
    `cafile` holds the certificate authorities to trust, if not the usual ones. No proxy, no cookie
    and no setting of the environment has a say in a request."""

    def __init__(self, guard: AddressGuard, *, cafile: str | None = None) -> None:
        self.guard = guard
        self._idle = _IdleConnections()
        self._context = ssl.create_default_context(cafile=cafile or certifi.where())
        self._context.sslsocket_class = TimedTlsSocket
        # RFC 9525: only the alternative names of a certificate count.
        self._context.hostname_checks_common_name = False

    @contextmanager
    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str | bytes],
        until: float,
        silence_s: float,
        body: bytes | None = None,
        connect_s: float | None = None,
        by_operator: bool = False,
        resend: bool = True,
    ) -> Iterator[Reply]:
        """Sends one request. The block gets the answer as soon as its headers are there, whatever
        its status. Redirects are not followed.

        All of it, reading in the block included, ends at `until` (monotonic seconds), or when no
        byte comes for `silence_s` seconds; resolving, connecting and TLS together may take
        `connect_s` seconds. `by_operator` says that an operator set the address, which may be http
        and on any port then. With `resend` a request is sent again over a new connection if the
        kept one turns out to be closed. Raises NotSent if nothing was sent, else ExchangeFailed.
        """
        sent_headers = HTTPHeaderDict(_HEADERS)
        for name, value in headers.items():
            sent_headers[name] = value  # type: ignore[assignment]
        connected_by = until if connect_s is None else min(until, time.monotonic() + connect_s)
        try:
            address = self.guard.read(url, by_operator=by_operator)
            connection, response = self._send(
                address,
                Request(method, address.target, sent_headers, body),
                until=until,
                connected_by=connected_by,
                silence_s=silence_s,
                resend=resend,
            )
        except RefusedAddress as error:
            raise NotSent(f"refused: {error.why}") from None
        except BROKEN as error:
            raise ExchangeFailed(reason(error)) from None
        reusable = False
        try:
            yield Reply(response)
            reusable = _drained(connection, response)
        finally:
            if reusable:
                self._idle.keep(address, connection)
            else:
                connection.close()
                response.close()

    def _send(
        self,
        address: Address,
        request: Request,
        *,
        until: float,
        connected_by: float,
        silence_s: float,
        resend: bool,
    ) -> tuple[Connection, BaseHTTPResponse]:
        kept = self._idle.take(address)
        if kept is not None:
            sock = kept.sock
            try:
                return kept, kept.exchange(request, until=until, silence_s=silence_s)
            except _CLOSED:
                if sock.heard or not resend:
                    raise
        connection = self._connect(address, until=connected_by, silence_s=silence_s)
        return connection, connection.exchange(request, until=until, silence_s=silence_s)

    def _connect(self, address: Address, *, until: float, silence_s: float) -> Connection:
        connection = Connection(address.host, address.port)
        try:
            sock = connect(address, self.guard, until=until, silence_s=silence_s)
            connection.sock = sock
            if address.scheme == "https":
                connection.default_port = 443  # type: ignore[misc]
                connection.sock = wrap(sock, self._context, address.host)
        except OSError as error:
            raise NotSent(type(error).__name__) from None
        return connection


def _drained(connection: Connection, response: BaseHTTPResponse) -> bool:
    """Whether the connection can be used again: little of the answer was left, and it was there."""
    if connection.sock is None or response.status == SWITCHING_PROTOCOLS:
        return False
    connection.set_deadline(until=time.monotonic() + DRAIN_S, silence_s=DRAIN_S)
    try:
        response.read(DRAINED)
    except BROKEN:
        return False
    return response.closed


class _IdleConnections:
    """Connections that wait for another request to the same place. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: list[tuple[_Origin, float, Connection]] = []

    def take(self, address: Address) -> Connection | None:
        """The newest one that is still open."""
        while (found := self._pop((address.scheme, address.host, address.port))) is not None:
            kept, connection = found
            if time.monotonic() < kept + IDLE_S and _quiet(connection):
                return connection
            connection.close()
        return None

    def _pop(self, origin: _Origin) -> tuple[float, Connection] | None:
        with self._lock:
            for place in range(len(self._kept) - 1, -1, -1):
                if self._kept[place][0] == origin:
                    return self._kept.pop(place)[1:]
        return None

    def keep(self, address: Address, connection: Connection) -> None:
        """Keeps it; the oldest makes room."""
        origin = address.scheme, address.host, address.port
        with self._lock:
            self._kept.append((origin, time.monotonic(), connection))
            oldest = self._kept.pop(0)[2] if len(self._kept) > MOST_IDLE else None
        if oldest is not None:
            oldest.close()


def _quiet(connection: Connection) -> bool:
    """Whether nothing came unasked, not even the end of the connection."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)
