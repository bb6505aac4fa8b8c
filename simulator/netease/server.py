"""The vendor's API on a socket of its own, which fails as it is told to."""

import json
import socket
import struct
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from simulator import http_server
from simulator.child import describe, say
from simulator.netease.vendor import Vendor

MAX_BODY_BYTES = 1024 * 1024
HTML = b"<html><body><h1>nginx</h1></body></html>"
RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST


class Handler(http_server.Handler):
    """Answers as the vendor's server, and logs one line without any parameter in it."""

    vendor: Vendor
    error_message_format = '{"desc": "bad http request", "code": 400}'

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self._read_body()
        if body is None:
            self._send(400, _json({"desc": "bad http request", "code": 400}))
            return
        self.vendor.requests[url.path] += 1
        fault = self.vendor.faults.take(url.path)
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
            status, answer = 200, {"desc": "internal error", "code": 500}
        # A path that is not known may hold a number.
        say(f"vendor {'(unknown path)' if status == 404 else url.path} code {answer['code']}")
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
            self._send(200, _json({"msg": "told to fail", "code": code}))

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
        handler = type("VendorHandler", (Handler,), {"vendor": vendor})
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
