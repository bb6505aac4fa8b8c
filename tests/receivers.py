"""An app's receiver: a real HTTP server that keeps what it is told."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Receiver:
    """Answers `status` to everything, or what `judge` says of headers and body; `received` are
    those, newest last, and `paths` where they went."""

    url: str
    status: int = 200
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    judge: Callable[[dict[str, str], bytes], int] | None = None

    def bodies(self) -> list[dict[str, Any]]:
        """What it was told, parsed."""
        return [json.loads(body) for _, body in self.received]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listens until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            inbox.paths.append(self.path)
            headers, body = dict(self.headers), self.rfile.read(length)
            inbox.received.append((headers, body))
            self.send_response(inbox.judge(headers, body) if inbox.judge else inbox.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    inbox = Receiver(f"http://127.0.0.1:{server.server_port}/callbacks")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield inbox
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
