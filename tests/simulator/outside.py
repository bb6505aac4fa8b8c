"""What the simulator's tests share: a gateway to talk to, free ports, patience."""

import json
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

from simulator.clock import MovableClock

PROJECT = Path(__file__).resolve().parents[2]
NOON_MS = 1_790_000_000_000
ON_SWITCH = "10060000001"
"""A number of the switch that its app writes as in China."""
SWITCH_SECRET = "b25seSBmb3IgdGVzdHMsIHRoaXJ0eS10d28gYnl0ZXM="


class StoppedClock(MovableClock):
    """Noon until it is moved on."""

    @property
    def now_ms(self) -> int:
        return NOON_MS + self._ahead_ms


def listening() -> socket.socket:
    """A socket that listens on a free port."""
    return socket.create_server(("127.0.0.1", 0), backlog=128)


class StubGateway:
    """A gateway that answers what a test says, and keeps what it was asked.

    `routes` are the answers to come, the last for ever; `failures` are the statuses with which the
    next reports are refused.
    """

    def __init__(self) -> None:
        self.routes: list[dict[str, Any]] = []
        self.failures: list[int] = []
        self.asked: list[dict[str, Any]] = []
        self.reports: list[list[dict[str, Any]]] = []
        self.authorization: set[str | None] = set()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                stub.authorization.add(self.headers["Authorization"])
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = stub.answer(self.path, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        """Status and JSON for a request."""
        if path == "/switch/route":
            self.asked.append(body)
            return 200, self.routes.pop(0) if len(self.routes) > 1 else self.routes[0]
        self.reports.append(body)
        if self.failures:
            return self.failures.pop(0), {"error": "told to fail"}
        return 200, {"accepted": len(body)}

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events of all reports."""
        return [event for report in self.reports for event in report]

    def close(self) -> None:
        """Nothing listens at its address from now on."""
        self._server.shutdown()
        self._server.server_close()


def wait_until(holds: Callable[[], bool], *, timeout_s: float = 10) -> bool:
    """Whether it holds within the time."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def post(url: str, body: Any) -> requests.Response:
    """Posts JSON."""
    return requests.post(url, json=body, timeout=30)
