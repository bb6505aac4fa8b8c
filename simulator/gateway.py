"""`chalice local` as a process that stands many clients and writes no number to its log."""

import json
import logging
import os
import socket
import string
import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import click
from chalice import local
from chalice.app import Chalice
from chalice.cli import run_local_server
from chalice.cli.factory import CLIFactory
from chalice.config import Config

from infra.gateway_responses import RESPONSES
from simulator import http_server
from simulator.child import adopt, end_with_parent, say
from simulator.local_addresses import allow_local_addresses

PROJECT = Path(__file__).resolve().parent.parent
UNKNOWN_PATH = RESPONSES["MISSING_AUTHENTICATION_TOKEN"].templates["application/json"]
MAX_BODY_BYTES = 10 * 1024 * 1024  # API Gateway's own limit


class BadRequest(Exception):
    """A request that a real API Gateway refuses before any function sees it."""

    def __init__(self, status: int, code: int, desc: str) -> None:
        super().__init__(desc)
        self.status = status
        self.body = json.dumps({"code": code, "desc": desc}).encode()


class Server(http_server.Server):
    """Made by Chalice, so the socket that it is to serve on waits at the class."""

    listening: socket.socket

    def server_bind(self) -> None:
        self.adopt(self.listening)


class Handler(http_server.Handler, local.ChaliceRequestHandler):
    """Chalice's handler as far as it goes, and API Gateway's behaviour where it goes less far.

    Requests that are wrong as HTTP get the JSON that the deployed API's gateway responses have.
    """

    error_message_format = '{"code": 414, "desc": "bad http request"}'
    named_paths: frozenset[str] = frozenset()
    started = 0.0

    def parse_request(self) -> bool:
        self.started = time.monotonic()
        return super().parse_request()

    def _generic_handle(self) -> None:
        try:
            super()._generic_handle()
        except BadRequest as refused:
            self._send_http_response(refused.status, {"Connection": "close"}, refused.body)
            self.hang_up()

    # Chalice binds these names to its own function, not to whatever a subclass makes of it.
    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _generic_handle  # noqa: N815
    do_PATCH = do_OPTIONS = _generic_handle  # noqa: N815

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
            if not size or size.strip(string.hexdigits.encode()):
                raise BadRequest(400, 414, "bad chunk of the body")
            length = int(size, 16)
            if length == 0:
                break
            body += self._read(length, already=len(body))
            self.rfile.readline(8)
        while self.rfile.readline(65536).strip():
            pass
        return body

    def _read(self, length: int, already: int = 0) -> bytes:
        if already + length > MAX_BODY_BYTES:
            raise BadRequest(400, 414, "body too large")
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client went away in the middle of its body")
        return body

    def _send_error_response(self, error: local.LocalGatewayException) -> None:
        # Only unknown paths come here, as the application has no authorizers.
        self._send_http_response(400, {}, UNKNOWN_PATH)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A method that no route has is an unknown path to API Gateway, not a fault of its own."""
        if code != HTTPStatus.NOT_IMPLEMENTED:
            super().send_error(code, message, explain)
            return
        self._send_http_response(400, {"Connection": "close"}, UNKNOWN_PATH)
        self.close_connection = True

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
        # Any part of a request line may be a number: only what we know is named.
        method, path = getattr(self, "command", ""), getattr(self, "path", "").split("?")[0]
        known = hasattr(self, f"do_{method}") and path in self.named_paths
        named = f"{method} {path}" if known else "(another path)"
        took_ms = (time.monotonic() - self.started) * 1000
        say(f"{named} {int(code)} {took_ms:.0f} ms")


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
    allow_local_addresses()
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(message)s")
    Server.listening = adopt(fd)
    host, port = Server.listening.getsockname()
    # A copy: the stack has set what the configuration says of the stage, some of it to its own.
    factory = Factory(str(PROJECT), environ=dict(os.environ))
    run_local_server(factory, host, port, stage)


if __name__ == "__main__":
    main()
