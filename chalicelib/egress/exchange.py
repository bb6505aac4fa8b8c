"""One HTTP/1.1 exchange over a connection: the standard library's, and the rules of RFC 9110 and
9112 that it leaves out."""

import logging
import re
from email.message import Message
from http.client import CONTINUE, HTTPException, HTTPResponse, InvalidURL
from typing import Any

from requests import PreparedRequest
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from chalicelib.egress.connecting import NotSent, TimedSocket, TimedTlsSocket

_INTERIM = range(102, 200)

_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)

_REASONS = {"IncompleteRead": "too short", "Misframed": "contradictory lengths"}
"""Reasons that the names of their errors do not tell."""

BROKEN = (OSError, HTTPException, HTTPError, ValueError)
"""What sending a request and reading its answer raise."""

# The library's log lines name addresses, and the query string of a relayed call may hold a number.
logging.getLogger("urllib3").propagate = False


class Misframed(HTTPException):
    """An answer of which nobody can tell where it ends."""


class _Response(HTTPResponse):
    misframed = False

    def _read_status(self) -> tuple[str, int, str]:
        # The library waits for the final answer after 100 only, RFC 9110 (15.2) after every interim
        # one. Taken for the answer, an interim one would leave the final one to the next request.
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
                # The library does not read one field with the same value twice.
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
    """The length of the body, if it is stated. Raises Misframed (RFC 9112, 6.3) for two different
    lengths, something that is none, a length beside a transfer encoding, and an encoding that
    nobody asked for."""
    fields = headers.get_all("Content-Length", [])
    lengths = {each.strip() for field in fields for each in field.split(",")}
    encodings = [each.strip().lower() for each in headers.get_all("Transfer-Encoding", [])]
    if encodings and (lengths or encodings != ["chunked"]):
        raise Misframed
    if len(lengths) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise Misframed
    return lengths.pop() if lengths else None


class Connection(HTTPConnection):
    """A connection over a socket that was made elsewhere."""

    response_class = _Response
    # It never connects by itself: no guard would be asked.
    auto_open = 0
    sock: TimedSocket | TimedTlsSocket | Any

    def set_deadline(self, *, until: float, silence_s: float) -> None:
        """As TimedSocket has them; `heard` begins anew."""
        self.sock.until, self.sock.silence_s, self.sock.heard = until, silence_s, False

    def exchange(
        self, request: PreparedRequest, target: str, *, until: float, silence_s: float
    ) -> BaseHTTPResponse:
        """Sends a request with `target` in its request line; the answer as soon as its headers are
        there. Raises NotSent for a request that can't be written, else one of BROKEN; the
        connection is closed then."""
        self.set_deadline(until=until, silence_s=silence_s)
        try:
            self._write(request, target)
            return self.getresponse()
        except BaseException:
            self.close()
            raise

    def _write(self, request: PreparedRequest, target: str) -> None:
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


def reason(error: Exception) -> str:
    """What went wrong, in a few words without address and content."""
    cause = error.__cause__ if isinstance(error, HTTPError) else None
    name = type(cause or error).__name__
    return _REASONS.get(name, name)
