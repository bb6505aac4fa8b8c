"""The one HTTP client for everything that goes out: `requests`, over connections whose far end is
judged, and with one deadline for everything that an exchange takes."""

import logging
import re
import select
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import CONTINUE, SWITCHING_PROTOCOLS, HTTPException, HTTPResponse, InvalidURL
from http.cookiejar import DefaultCookiePolicy
from threading import Lock
from typing import Any, cast

import certifi
import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from chalicelib.core.errors import RefusedAddress
from chalicelib.egress.addresses import Address, read_address
from chalicelib.egress.connecting import (
    ExchangeFailed,
    NotSent,
    TimedSocket,
    TimedTlsSocket,
    connect,
    wrap,
)

IDLE_S = 60
"""A connection that served nobody for so long is not used again."""

MOST_IDLE = 32

DRAINED = 4 * 1024
"""Bytes of an answer that nobody wants, read away so that its connection can serve again."""

DRAIN_S = 0.05

_HEADERS = {"User-Agent": "masking-gateway", "Accept": "*/*"}

_INTERIM = range(102, 200)

_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)

_GONE = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""What a kept connection ends with when the other side has given it up meanwhile."""

_WORDS = {"IncompleteRead": "too short", "Misframed": "contradictory lengths"}
"""Reasons that their errors' names don't tell."""

# The library's log lines name addresses, and the query string of a relayed call may hold a number.
logging.getLogger("urllib3").propagate = False


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an exchange may take: all of it until `until`, its connection until
    `connected_by` (both monotonic seconds), and never more than `silence_s` without a byte.

    `resend` says that a request whose kept connection turned out to be closed, before a byte of an
    answer came, is sent again over a new one.
    """

    until: float
    connected_by: float
    silence_s: float
    resend: bool


class Misframed(HTTPException):
    """Nobody can tell where this answer ends."""


class _Message(HTTPResponse):
    """An answer as the standard library reads it, and by the rules that it leaves out."""

    misframed = False

    def _read_status(self) -> tuple[str, int, str]:
        # The library waits for the real answer after 100 only. RFC 9110, 15.2: so it is with all of
        # them. Taken for the answer, one would leave the real one to whoever asks next.
        version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, CONTINUE if status in _INTERIM else status, reason

    def begin(self) -> None:
        super().begin()
        try:
            length = _length(self.headers)
        except Misframed:
            # The status is beyond doubt. Whoever reads the body is told, nobody gets the rest.
            self.misframed, self.chunked, self.length, self.will_close = True, False, None, True
            length = None
        else:
            if length is not None and self.length is None:
                # The library gives up at one field with the same value twice.
                self.length = int(length)
                self.will_close = self._check_close()  # type: ignore[attr-defined]
        del self.headers["Content-Length"]
        if length is not None:
            self.headers["Content-Length"] = length

    def read(self, amt: int | None = None) -> bytes:
        if self.misframed:
            raise Misframed
        return super().read(amt)


def _length(headers: Message) -> str | None:
    """The body's length, if it is told. Raises Misframed (RFC 9112, 6.3) for two different lengths,
    for what is none, for a length beside a transfer encoding, and for an encoding that nobody asked
    for."""
    fields = headers.get_all("Content-Length", [])
    lengths = {each.strip() for field in fields for each in field.split(",")}
    encodings = [each.strip().lower() for each in headers.get_all("Transfer-Encoding", [])]
    if encodings and (lengths or encodings != ["chunked"]):
        raise Misframed
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise Misframed
    return lengths.pop() if lengths else None


class _Connection(HTTPConnection):
    response_class = _Message
    # It never connects by itself: that would be unguarded.
    auto_open = 0
    sock: TimedSocket | TimedTlsSocket | Any

    def give_time(self, *, until: float, silence_s: float) -> None:
        self.sock.until, self.sock.silence_s, self.sock.heard = until, silence_s, False

    def exchange(
        self, request: requests.PreparedRequest, target: str, limits: Limits
    ) -> BaseHTTPResponse:
        """Closed when it fails. Raises NotSent for a request that can't be put together."""
        self.give_time(until=limits.until, silence_s=limits.silence_s)
        try:
            self._put(request, target)
            return self.getresponse()
        except BaseException:
            self.close()
            raise

    def _put(self, request: requests.PreparedRequest, target: str) -> None:
        try:
            self.request(
                request.method or "GET",
                target,
                request.body,
                request.headers,
                preload_content=False,
                decode_content=False,
            )
        except (ValueError, InvalidURL) as error:
            # Raised while the head is put together, before its first byte goes.
            raise NotSent(type(error).__name__) from None


class _Response(requests.Response):
    """An answer whose connection can serve again once it was read."""

    raw: BaseHTTPResponse
    over: _Connection
    place: Address

    def drained(self) -> bool:
        """Whether the connection can serve again: little of the answer was left, and that was
        there."""
        if self.over.sock is None or self.status_code == SWITCHING_PROTOCOLS:
            return False
        self.over.give_time(until=time.monotonic() + DRAIN_S, silence_s=DRAIN_S)
        try:
            self.raw.read(DRAINED)
        except (OSError, HTTPException, HTTPError, ValueError):
            return False
        return self.raw.closed


class _Adapter(BaseAdapter):
    """Sends over connections of its own: each goes to an IP address that may be reached, and ends
    when its time is up. The library's time-outs begin again with each byte."""

    def __init__(self, *, private: bool, cafile: str | None) -> None:
        super().__init__()
        self._private = private
        self._idle = _Idle()
        self._context = ssl.create_default_context(cafile=cafile or certifi.where())
        self._context.sslsocket_class = TimedTlsSocket
        # RFC 9525: only the alternative names of a certificate count.
        self._context.hostname_checks_common_name = False

    def send(self, request: requests.PreparedRequest, *_: Any, **more: Any) -> _Response:
        """The answer as soon as its headers are there. `timeout` is the address that was judged,
        and the Limits; what else the library hands on has no say."""
        address, limits = more["timeout"]
        connection = self._idle.take(address)
        raw = self._over_kept(connection, request, address, limits) if connection else None
        if connection is None or raw is None:
            connection = self._connect(address, limits)
            raw = connection.exchange(request, address.target, limits)
        response = _Response()
        response.status_code, response.reason = raw.status, raw.reason or ""
        response.headers = CaseInsensitiveDict(raw.headers)
        response.raw, response.over, response.place = raw, connection, address
        response.url, response.request = request.url or "", request
        return response

    def close(self) -> None:
        """Kept connections are closed; those that serve somebody are not."""
        self._idle.clear()

    def done(self, response: _Response, *, keep: bool) -> None:
        """Takes the connection of an answer back, to serve again or to be closed."""
        if keep:
            self._idle.keep(response.place, response.over)
        else:
            response.over.close()
            response.raw.close()

    def _over_kept(
        self,
        connection: _Connection,
        request: requests.PreparedRequest,
        address: Address,
        limits: Limits,
    ) -> BaseHTTPResponse | None:
        """None if it is to be sent again."""
        sock = connection.sock
        try:
            return connection.exchange(request, address.target, limits)
        except _GONE:
            if sock.heard or not limits.resend:
                raise
            return None

    def _connect(self, address: Address, limits: Limits) -> _Connection:
        until = min(limits.until, limits.connected_by)
        connection = _Connection(address.host, address.port)
        try:
            connection.sock = sock = connect(
                address.host,
                address.port,
                private=self._private,
                until=until,
                silence_s=limits.silence_s,
            )
            if address.scheme == "https":
                connection.default_port = 443  # type: ignore[misc]
                connection.sock = wrap(sock, self._context, address.host)
        except OSError as error:
            raise NotSent(type(error).__name__) from None
        return connection


class _Session(requests.Session):
    def get_redirect_target(self, *_: Any, **__: Any) -> None:
        # Whoever follows one judges it first. The library would read all of its body before.
        return None


class Reply:
    """An answer: its status, its headers and, unread as yet, its body."""

    def __init__(self, response: _Response) -> None:
        self._raw = response.raw
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.length: int | None = getattr(response.raw, "length_remaining", None)
        """Bytes of the body, if they were told."""
        self.ends_itself = self.length is not None or bool(getattr(response.raw, "chunked", False))
        """Otherwise it ends when the connection does, and a part of it looks like the whole."""

    def read(self, size: int) -> bytes:
        """The next `size` bytes as they came, fewer only at the end. Raises ExchangeFailed."""
        try:
            got = self._raw.read(size)
        except (OSError, HTTPException, HTTPError, ValueError) as error:
            raise ExchangeFailed(_why(error)) from None
        if len(got) < size and getattr(self._raw, "length_remaining", None):
            raise ExchangeFailed("too short")
        return got


class Client:
    """Makes all requests to addresses that others chose. Thread-safe. `private` (development) lets
    it reach this machine and its network; `cafile` holds the authorities to trust if not the usual
    ones."""

    def __init__(self, *, private: bool, cafile: str | None = None) -> None:
        self.private = private
        self._adapter = _Adapter(private=private, cafile=cafile)
        self._session = _Session()
        self._session.mount("https://", self._adapter)
        self._session.mount("http://", self._adapter)
        # One session for all accounts and apps: no cookie of one goes with a call of another.
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Neither a proxy nor a .netrc of the environment has a say in where a message goes.
        self._session.trust_env = False

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
        operators: bool = False,
        resend: bool = True,
    ) -> Iterator[Reply]:
        """One request, and its answer as soon as the headers are there, whatever its status.
        Redirects are not followed.

        All of it, reading in the block included, ends at `until` (monotonic seconds), and before
        that when nothing comes for `silence_s`; resolving, connecting and TLS together may take
        `connect_s`. `operators` says that an operator set the address: http and other ports will
        do. `resend` lets it go over a new connection if a kept one turns out to be closed.
        Raises NotSent if certainly nothing was sent, else ExchangeFailed.
        """
        connected_by = until if connect_s is None else time.monotonic() + connect_s
        limits = Limits(until, connected_by, silence_s, resend)
        response = self._send(method, url, headers, body, limits, operators=operators)
        kept = False
        try:
            yield Reply(response)
            kept = response.drained()
        finally:
            self._adapter.done(response, keep=kept)

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str | bytes],
        body: bytes | None,
        limits: Limits,
        *,
        operators: bool,
    ) -> _Response:
        # Put together by hand: the library would write the address anew, after it was judged.
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method, url, body
        request.headers = CaseInsensitiveDict(_HEADERS | dict(headers))  # type: ignore[arg-type]
        try:
            address = read_address(url, private=self.private, operators=operators)
            judged: Any = (address, limits)
            response = self._session.send(
                request,
                timeout=judged,
                stream=True,
                allow_redirects=False,
                proxies={},
            )
            return cast("_Response", response)
        except RefusedAddress as error:
            raise NotSent(f"refused: {error.why}") from None
        except (OSError, HTTPException, HTTPError, ValueError) as error:
            raise ExchangeFailed(_why(error)) from None


def _why(error: Exception) -> str:
    """What went wrong, in a word that tells nothing of address and content."""
    cause = error.__cause__ if isinstance(error, HTTPError) else None
    name = type(cause or error).__name__
    return _WORDS.get(name, name)


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

    def clear(self) -> None:
        """Closes them all."""
        with self._lock:
            kept, self._kept = self._kept, []
        for _, _, connection in kept:
            connection.close()


def _origin(address: Address) -> str:
    return f"{address.scheme}://{address.place}"


def _quiet(connection: _Connection) -> bool:
    """Nothing came unasked, not even its end."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)
