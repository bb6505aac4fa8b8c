"""HTTP over guarded connections: no proxy, cookie, redirect or encoding, and a limit to its time.

On the standard library: what `requests` would add had to be switched off again, and its time-outs
count from each byte to the next.
"""

import select
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from http.client import (
    CONTINUE,
    SWITCHING_PROTOCOLS,
    HTTPConnection,
    HTTPException,
    HTTPResponse,
)
from threading import Lock
from typing import Any

import certifi

from chalicelib.carriers.outside.addresses import Address, read_address
from chalicelib.carriers.outside.connecting import TimedSocket, TimedTlsSocket, connect, wrap

IDLE_S = 60
"""A connection that served nobody for so long is not used again."""

MOST_IDLE = 32

DRAINED = 4 * 1024
"""Bytes of an answer that nobody wants, read away so that its connection can serve again."""

DRAIN_S = 0.05

_HEADERS = {"User-Agent": "masking-gateway", "Accept": "*/*"}

_INTERIM = range(102, 200)

_GONE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What a kept connection ends with when the other side has given it up meanwhile."""


class _Answer(HTTPResponse):
    def _read_status(self) -> tuple[str, int, str]:
        # The library waits for the real answer after 100 only. RFC 9110, 15.2: so it is with all of
        # them. Taken for the answer, one would leave the real one to whoever asks next.
        version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, CONTINUE if status in _INTERIM else status, reason


class _Connection(HTTPConnection):
    response_class = _Answer
    # It never connects by itself: that would be unguarded.
    auto_open = 0
    sock: TimedSocket | TimedTlsSocket | Any

    def give_time(self, *, until: float, silence_s: float) -> None:
        self.sock.until, self.sock.silence_s = until, silence_s

    def exchange(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> HTTPResponse:
        """Closed when it fails."""
        try:
            self.request(method, target, body, _HEADERS | dict(headers))
            return self.getresponse()
        except BaseException:
            self.close()
            raise


class Outside:
    """All calls to addresses that others chose. Thread-safe. `private` as `check_address` has it;
    `cafile` holds the authorities to trust if not the usual ones."""

    def __init__(self, *, private: bool, cafile: str | None = None) -> None:
        self.private = private
        self._cafile = cafile
        self._idle = _Idle()

    @contextmanager
    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        until: float,
        silence_s: float,
        body: bytes | None = None,
    ) -> Iterator[HTTPResponse]:
        """One request, and its answer as soon as the headers are there, whatever its status.

        All of it, reading in the block included, ends with TimeoutError at `until` (monotonic
        seconds), and before that when nothing comes for `silence_s`. What goes over a kept
        connection is sent again over a new one if the other side had closed it.
        Raises RefusedAddress before anything is sent, else OSError, HTTPException or ValueError.
        """
        address = read_address(url, private=self.private)

        def exchange(connection: _Connection) -> HTTPResponse:
            connection.give_time(until=until, silence_s=silence_s)
            return connection.exchange(method, address.target, body, headers)

        connection, answer = self._idle.take(address), None
        if connection is not None:
            with suppress(*_GONE):
                answer = exchange(connection)
        if connection is None or answer is None:
            connection = self._connect(address, until=until, silence_s=silence_s)
            answer = exchange(connection)
        kept = False
        try:
            yield answer
            kept = _drained(connection, answer)
        finally:
            answer.close()
            if kept:
                self._idle.keep(address, connection)
            else:
                connection.close()

    def _connect(self, address: Address, *, until: float, silence_s: float) -> _Connection:
        sock = connect(
            address.host, address.port, private=self.private, until=until, silence_s=silence_s
        )
        connection = _Connection(address.host, address.port)
        connection.sock = sock
        if address.scheme == "https":
            connection.default_port = 443
            connection.sock = wrap(sock, self._context, address.host)
        return connection

    @cached_property
    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._cafile or certifi.where())
        context.sslsocket_class = TimedTlsSocket
        # RFC 9525: only the alternative names of a certificate count.
        context.hostname_checks_common_name = False
        return context


def _drained(connection: _Connection, answer: HTTPResponse) -> bool:
    """Whether the connection can serve again: little of the answer was left, and that was there."""
    if connection.sock is None or answer.status == SWITCHING_PROTOCOLS:
        return False
    connection.give_time(until=time.monotonic() + DRAIN_S, silence_s=DRAIN_S)
    try:
        answer.read(DRAINED)
    except (OSError, HTTPException, ValueError):
        return False
    return answer.isclosed()


class _Idle:
    """Connections that wait for another request to the same place."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: list[tuple[str, float, _Connection]] = []

    def take(self, address: Address) -> _Connection | None:
        """The newest one that is still open."""
        while (found := self._pop(_origin(address))) is not None:
            kept, connection = found
            if time.monotonic() < kept + IDLE_S and _quiet(connection):
                return connection
            connection.close()
        return None

    def _pop(self, origin: str) -> tuple[float, _Connection] | None:
        with self._lock:
            for place in range(len(self._kept) - 1, -1, -1):
                if self._kept[place][0] == origin:
                    return self._kept.pop(place)[1:]
        return None

    def keep(self, address: Address, connection: _Connection) -> None:
        """Keeps it; the oldest makes room."""
        with self._lock:
            self._kept.append((_origin(address), time.monotonic(), connection))
            oldest = self._kept.pop(0)[2] if len(self._kept) > MOST_IDLE else None
        if oldest is not None:
            oldest.close()


def _origin(address: Address) -> str:
    return f"{address.scheme}://{address.place}"


def _quiet(connection: _Connection) -> bool:
    """Nothing came unasked, not even its end."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)
