"""How `requests` sends: a guard judges where each request goes, one deadline covers all that it
takes, and its connection is kept for the next one."""

import select
import ssl
import time
from dataclasses import dataclass
from functools import cache
from http.client import SWITCHING_PROTOCOLS
from threading import Lock
from typing import Any

import certifi
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.response import BaseHTTPResponse

from chalicelib.egress.addresses import Address
from chalicelib.egress.connecting import NotSent, TimedTlsSocket, connect, wrap
from chalicelib.egress.exchange import BROKEN, Connection
from chalicelib.egress.guard import AddressGuard

IDLE_S = 60
"""A connection that was idle for this many seconds is not used again."""

MOST_IDLE = 32
"""How many idle connections are kept."""

DRAINED = 4 * 1024
"""How many bytes of an unread answer are read away, so that its connection can be used again."""

DRAIN_S = 0.05
"""How many seconds that may take."""

_reading = Lock()

_Origin = tuple[str, str, int]
"""Scheme, host and port."""

_CLOSED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What an exchange raises over a kept connection that the other side has closed meanwhile."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may do. All of it ends at `until`, resolving, connecting and TLS at
    `connected_by` (monotonic seconds), or when no byte comes for `silence_s` seconds.
    `by_operator` and `resend` are as in Client.ask."""

    until: float
    connected_by: float
    silence_s: float
    by_operator: bool
    resend: bool


class GuardedResponse(Response):
    """An answer, and the connection that it comes over."""

    raw: BaseHTTPResponse
    address: Address
    over: Connection


class GuardedAdapter(BaseAdapter):
    """Judges the address of every request and connects by itself: the time-outs of `requests` begin
    again with each byte, and its pools never forget a connection. Thread-safe. `cafile` holds the
    certificate authorities to trust, if not the usual ones."""

    def __init__(self, guard: AddressGuard, *, cafile: str | None) -> None:
        super().__init__()
        self._guard = guard
        self._idle = _IdleConnections()
        self._cafile = cafile or certifi.where()

    def send(self, request: PreparedRequest, *_: Any, **more: Any) -> GuardedResponse:
        """Sends a request; the answer as soon as its headers are there. `limits` is a Limits; what
        else a session hands on has no say. Raises RefusedAddress, NotSent or one of BROKEN."""
        limits: Limits = more["limits"]
        address = self._guard.read(request.url or "", by_operator=limits.by_operator)
        connection, raw = self._exchange(address, request, limits)
        response = GuardedResponse()
        response.request, response.url = request, request.url or ""
        response.status_code, response.reason = raw.status, raw.reason or ""
        response.headers = CaseInsensitiveDict(raw.headers)
        response.raw, response.address, response.over = raw, address, connection
        return response

    def close(self) -> None:
        """Closes the idle connections."""
        self._idle.close()

    def release(self, response: GuardedResponse, *, reuse: bool) -> None:
        """Takes the connection of an answer back: to be used again, if little of the answer is
        unread and that is there, else to be closed."""
        if reuse and _drained(response.over, response.raw):
            self._idle.keep(response.address, response.over)
        else:
            response.over.close()
            response.raw.close()

    def _exchange(
        self, address: Address, request: PreparedRequest, limits: Limits
    ) -> tuple[Connection, BaseHTTPResponse]:
        times = {"until": limits.until, "silence_s": limits.silence_s}
        kept = self._idle.take(address)
        if kept is not None:
            sock = kept.sock
            try:
                return kept, kept.exchange(request, address.target, **times)
            except _CLOSED:
                if sock.heard or not limits.resend:
                    raise
        connection = self._connect(address, limits)
        return connection, connection.exchange(request, address.target, **times)

    def _connect(self, address: Address, limits: Limits) -> Connection:
        connection = Connection(address.host, address.port)
        try:
            sock = connect(
                address, self._guard, until=limits.connected_by, silence_s=limits.silence_s
            )
            connection.sock = sock
            if address.scheme == "https":
                connection.default_port = 443  # type: ignore[misc]
                connection.sock = wrap(sock, _trusting(self._cafile), address.host)
        except OSError as error:
            raise NotSent(type(error).__name__) from None
        return connection


def _trusting(cafile: str) -> ssl.SSLContext:
    """What a server's certificate is judged by. Reading the authorities takes some 20 ms: a process
    does it once, and only if it calls an https address."""
    with _reading:
        return _read(cafile)


@cache
def _read(cafile: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=cafile)
    context.sslsocket_class = TimedTlsSocket
    # RFC 9525: only the alternative names of a certificate count.
    context.hostname_checks_common_name = False
    return context


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

    def close(self) -> None:
        """Closes all of them."""
        with self._lock:
            kept, self._kept = self._kept, []
        for _, _, connection in kept:
            connection.close()


def _quiet(connection: Connection) -> bool:
    """Whether nothing came unasked, not even the end of the connection."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)
