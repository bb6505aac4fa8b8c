"""A vendor's API on a socket of its own, which fails as it is told to."""

import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

from simulator import http_server
from simulator.child import describe, say
from simulator.faults import Faults

MAX_BODY_BYTES = 1024 * 1024
HTML = b"<html><body><h1>nginx</h1></body></html>"
RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST

Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Manners:
    """How a vendor says what has nothing to do with its service: a request that is wrong as HTTP,
    a mistake of its own, the code that it is told to fail with. `code` is where a code stands."""

    code: str
    bad_http: Answer
    mistake: Answer
    failing: Callable[[int], dict[str, Any]]


class Vendor(Protocol):
    """What the server needs of a vendor. `requests` counts by `operation`."""

    faults: Faults
    requests: Counter[str]
    manners: Manners

    def operation(self, method: str, path: str) -> str:
        """What this request is, in words that hold none of its parameters."""
        ...

    def answer(
        self, method: str, path: str, *, query: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """HTTP status and JSON."""
        ...


class Handler(http_server.Handler):
    """Answers as the vendor's server, and logs one line without any parameter in it."""

    vendor: Vendor

    def _serve(self) -> None:
        url, manners = urlsplit(self.path), self.vendor.manners
        body = self._read_body()
        if body is None:
            status, answer = manners.bad_http
            self._send(status, _json(answer))
            return
        operation = self.vendor.operation(self.command, url.path)
        self.vendor.requests[operation] += 1
        fault = self.vendor.faults.take(operation)
        if fault:
            say(f"the vendor is told to fail: {fault}")
        if fault and not fault.endswith("_after"):
            self._fail(fault, b"{}")
            return
        try:
            status, answer = self.vendor.answer(
                self.command, url.path, query=url.query, headers=dict(self.headers), body=body
            )
        except Exception as error:  # noqa: BLE001 - every request is answered
            say(f"the vendor failed: {describe(error)}")
            status, answer = manners.mistake
        say(f"vendor {operation} code {answer[manners.code]}")
        if fault:
            self._fail(fault.removesuffix("_after"), _json(answer))
        else:
            self._send(status, _json(answer))

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _serve  # noqa: N815

    def _read_body(self) -> bytes | None:
        declared = self.headers.get("Content-Length", "0").strip()
        if not (declared.isascii() and declared.isdigit() and int(declared) <= MAX_BODY_BYTES):
            self.close_connection = True
            return None
        return self.rfile.read(int(declared))

    def _fail(self, kind: str, answer: bytes) -> None:
        if kind.startswith("hang"):
            self.vendor.faults.hang()
            self.close_connection = True
        elif kind == "refuse":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self.close_connection = True
        elif kind == "502":
            self._send(HTTPStatus.BAD_GATEWAY, HTML, "text/html")
        elif kind == "html":
            self._send(200, HTML, "text/html")
        elif kind == "half_json":
            self._send(200, answer[: len(answer) // 2])
        else:
            code = int(kind.removeprefix("code_"))
            self._send(200, _json(self.vendor.manners.failing(code)))

    def _send(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)


class Server(http_server.Server):
    """Serves a vendor's API on a socket that listens already."""

    def __init__(self, listening: socket.socket, vendor: Vendor) -> None:
        # The standard library's own errors, of a request line that can't be read, look the same.
        bad_http = _json(vendor.manners.bad_http[1]).decode().replace("%", "%%")
        named = {"vendor": vendor, "error_message_format": bad_http}
        handler = type("VendorHandler", (Handler,), named)
        super().__init__(listening.getsockname(), handler, bind_and_activate=False)
        self.adopt(listening)

    def shutdown_request(self, request: Any) -> None:
        # The base class says goodbye first (FIN), which a connection that is to be reset must not.
        lingers = struct.unpack("ii", request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
        if lingers[0]:
            request.close()
        else:
            super().shutdown_request(request)


def _json(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
