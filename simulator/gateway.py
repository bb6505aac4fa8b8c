"""`chalice local` as a process that stands many clients and writes no number to its log."""

import json
import logging
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import click
from chalice import local
from chalice.app import Chalice
from chalice.cli import run_local_server
from chalice.cli.factory import CLIFactory
from chalice.config import Config

from simulator.child import adopt, describe, end_with_parent, say

PROJECT = Path(__file__).resolve().parent.parent
BACKLOG = 256
MAX_BODY_BYTES = 10 * 1024 * 1024  # API Gateway's own limit


class BadRequest(Exception):
    """A request that a real API Gateway refuses before any function sees it."""

    def __init__(self, status: int, code: int, desc: str) -> None:
        super().__init__(desc)
        self.status = status
        self.body = json.dumps({"code": code, "desc": desc}).encode()


class Server(local.ThreadedHTTPServer):
    """Takes over the socket of the parent; its own class attributes would allow 5 in the queue."""

    request_queue_size = BACKLOG
    listening: socket.socket

    def server_bind(self) -> None:
        self.socket.close()
        self.socket = self.listening
        # Not HTTPServer's: it looks its own host name up, which can take seconds without DNS.
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request: Any, client_address: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError | TimeoutError):
            say(f"a request failed outside the application: {describe(error)}")


class Handler(local.ChaliceRequestHandler):
    """Chalice's handler as far as it goes, and API Gateway's behaviour where it goes less far.

    One write per answer without Nagle's algorithm: Chalice writes head and body apart, which with
    keep-alive costs the client's delayed acknowledgement, 40 ms. Requests that are wrong as HTTP
    get the JSON that the deployed API's gateway responses have.
    """

    disable_nagle_algorithm = True
    wbufsize = -1
    error_content_type = "application/json"
    error_message_format = '{"code": 414, "desc": "bad http request"}'
    named_paths: frozenset[str] = frozenset()
    started = 0.0

    def parse_request(self) -> bool:
        self.started = time.monotonic()
        return super().parse_request()

    def handle_expect_100(self) -> bool:
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def _generic_handle(self) -> None:
        try:
            super()._generic_handle()
        except BadRequest as refused:
            # What is left of the body would be read as the next request.
            self.close_connection = True
            self._send_http_response(refused.status, {"Connection": "close"}, refused.body)

    def _parse_payload(self) -> tuple[dict[str, Any], bytes | None]:
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return dict(self.headers), self._read_chunks()
        declared = self.headers.get("content-length", "0").strip()
        if not (declared.isascii() and declared.isdigit()):
            raise BadRequest(400, 414, "bad Content-Length")
        return dict(self.headers), self._read(int(declared)) or None

    def _read_chunks(self) -> bytes:
        body = b""
        while True:
            size = self.rfile.readline(1024).split(b";")[0].strip()
            try:
                length = int(size, 16)
            except ValueError:
                raise BadRequest(400, 414, "bad chunk of the body") from None
            if length <= 0:
                break
            body += self._read(length, already=len(body))
            self.rfile.readline(8)
        while self.rfile.readline(65536).strip():
            pass
        return body

    def _read(self, length: int, already: int = 0) -> bytes:
        if already + length > MAX_BODY_BYTES:
            raise BadRequest(413, 414, "body too large")
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client went away in the middle of its body")
        return body

    def _send_error_response(self, error: local.LocalGatewayException) -> None:
        # Only unknown paths come here, as the application has no authorizers.
        body = json.dumps({"code": 404, "desc": "unknown path"})
        self._send_http_response(404, {}, body)

    def _send_http_response_with_body(
        self, code: int, headers: dict[str, Any], body: str | bytes
    ) -> None:
        if self.command != "HEAD":
            super()._send_http_response_with_body(code, headers, body)
            return
        content = body if isinstance(body, bytes) else body.encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self._send_headers(headers)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        # A path or a query string may hold numbers: only paths without variables are named.
        path = getattr(self, "path", "").split("?")[0]
        named = path if path in self.named_paths else "(another path)"
        took_ms = (time.monotonic() - self.started) * 1000
        say(f"{getattr(self, 'command', None) or '-'} {named} {int(code)} {took_ms:.0f} ms")

    def log_message(self, *_: Any) -> None:
        # The standard library's messages quote the request line.
        pass


class Factory(CLIFactory):
    """Chalice's own factory, with the server and handler above."""

    def create_local_server(
        self, app_obj: Chalice, config: Config, host: str, port: int
    ) -> local.LocalDevServer:
        local.CustomLocalChalice.__bases__ = (local.LocalChalice, app_obj.__class__)
        app_obj.__class__ = local.CustomLocalChalice
        Handler.named_paths = frozenset(path for path in app_obj.routes if "{" not in path)
        return local.LocalDevServer(
            app_obj, config, host, port, handler_cls=Handler, server_cls=Server
        )


@click.command()
@click.option("--fd", type=int, required=True, help="Listening socket, inherited.")
@click.option("--stage", default="local", show_default=True)
def main(fd: int, stage: str) -> None:
    """Serves until the parent ends."""
    end_with_parent()
    os.chdir(PROJECT)
    os.environ["AWS_CHALICE_CLI_MODE"] = "true"
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    Server.listening = adopt(fd)
    host, port = Server.listening.getsockname()
    factory = Factory(str(PROJECT), environ=os.environ)
    run_local_server(factory, host, port, stage)


if __name__ == "__main__":
    main()
