"""A carrier's server, as bad as a test wants it: real sockets, and every request is kept."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chalicelib.egress.client import Client
from simulator.local_addresses import LocalAddresses


@cache
def egress() -> Client:
    """What carriers are asked by; they listen on this machine."""
    return Client(LocalAddresses())


HTML = b"<html><body>It works!</body></html>"


@dataclass
class Told:
    """What the log was told, line by line."""

    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, operation: str, facts: Mapping[str, str | int]) -> None:
        self.lines.append((operation, dict(facts)))


@dataclass
class Seen:
    """One request that came whole."""

    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Vendor:
    """Answers `status` and `content`, unless `fault` says what goes wrong; before that each of
    `answers` once."""

    url: str
    status: int = 200
    content: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    fault: str | None = None
    seen: list[Seen] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    connections: int = 0
    released: threading.Event = field(default_factory=threading.Event)


FAULTS: dict[str, Callable[[Vendor], tuple[int, bytes]]] = {
    "502": lambda _: (502, b'{"code":200}'),
    "html": lambda _: (200, HTML),
    "half JSON": lambda vendor: (200, vendor.content[: len(vendor.content) // 2]),
    "code 500": lambda _: (200, b'{"code":500,"msg":"internal"}'),
    "no code": lambda _: (200, b'{"msg":"hello"}'),
    "code is text": lambda _: (200, b'{"code":"200"}'),
    "a list": lambda _: (200, b"[200]"),
    "deep": lambda _: (200, b"[" * 50_000),
    "redirect": lambda _: (302, b""),
    "too long": lambda _: (200, b'{"code":200,"x":"' + b"x" * 2_000_000 + b'"}'),
}
"""What is answered instead, after the effect."""
SILENT = ("hangs before it reads", "hangs after the effect", "breaks off", "cut in the body")
PATIENT_S, IMPATIENT_S = 10, 0.8
"""How long an answer is waited for: the short time only where none comes."""


def patience(fault: str) -> float:
    """How many seconds to wait for a vendor with this fault."""
    return IMPATIENT_S if fault.startswith("hangs") else PATIENT_S


@contextmanager
def vendor() -> Iterator[Vendor]:
    """Listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            told.connections += 1

        def do_POST(self) -> None:
            if told.fault == "hangs before it reads":
                told.released.wait(10)
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            told.seen.append(Seen(self.command, self.path, dict(self.headers), body))
            if told.fault == "hangs after the effect":
                told.released.wait(10)
            if told.fault in ("hangs after the effect", "breaks off"):
                self.close_connection = True
                return
            make = FAULTS.get(told.fault or "")
            usual = make(told) if make else (told.status, told.content)
            status, content = told.answers.pop(0) if told.answers else usual
            self.send_response(status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            cut = told.fault == "cut in the body"
            self.send_header("Content-Length", str(len(content) + cut * 10))
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = cut

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            # The client does not read a too long answer to its end.
            pass

    server = Server(("127.0.0.1", 0), Handler)
    told = Vendor(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        told.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def closed_port() -> Iterator[str]:
    """An address at which nobody listens, and that nobody else gets meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def full_port() -> Iterator[str]:
    """An address whose connections are never taken: its queue is full."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"
        for each in waiting:
            each.close()
