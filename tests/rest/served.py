"""The bundle behind a socket of this process, for HTTP clients that are not ours."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.attacks.lambda_events import answer, event

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet: apart, each answer waits for the client's delayed ACK (40 ms).
    wbufsize = -1
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        given = answer(
            event(
                self.command,
                parts.path,
                headers=dict(self.headers),
                query=parse_qsl(parts.query, keep_blank_values=True),
                body=self.rfile.read(length),
            )
        )
        content = given["body"].encode()
        self.send_response(given["statusCode"])
        for name, value in given["headers"].items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


for _method in METHODS:
    setattr(_Handler, f"do_{_method}", _Handler._answer)


@contextmanager
def served() -> Iterator[str]:
    """Its address, as long as the block lasts."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
