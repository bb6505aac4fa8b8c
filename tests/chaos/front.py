"""A vendor's front end: a process that hands requests on to the vendor's book and can be killed.

The book itself is in the simulator's memory, as a vendor's is in a database: SIGKILL of the front
breaks what is on its way and forgets nothing, SIGSTOP lets requests take effect long after whoever
sent them gave up.
"""

import http.client
import json
import sys
import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import click

from simulator import http_server
from simulator.child import adopt, end_with_parent, say

ABOUT = ("userData", "bindId", "subid", "expiration", "delta", "ttl")
"""The parameters that a line of the log holds; numbers of people are none of them."""
ANSWERED = ("code", "error", "bindId", "subid", "phoneX")
TIMEOUT_S = 120.0
_NAMED_BY_US = ("connection", "content-length", "date", "server", "transfer-encoding")


class Handler(http_server.Handler):
    """Hands one request on, and says in one line when it came, when it was answered and with
    what."""

    port = 0

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        came = _now()
        try:
            status, headers, content = self._asked(body)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        url = urlsplit(self.path)
        given = dict(parse_qsl(url.query) + parse_qsl(body.decode(errors="replace")))
        line = {
            "came": came,
            "answered": _now(),
            "request": f"{self.command} {url.path}",
            "about": {name: given[name] for name in ABOUT if name in given},
            "answer": _answered(content),
        }
        # In one piece: other threads write too.
        sys.stdout.write(f"{json.dumps(line)}\n")
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _NAMED_BY_US:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        book = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            headers = dict(self.headers.items())
            book.request(self.command, self.path, body=body, headers=headers)
            answer = book.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            book.close()


class Server(http_server.Server):
    """Serves on a socket that listens already."""

    def __init__(self, fd: int, port: int) -> None:
        listening = adopt(fd)
        handler = type("FrontHandler", (Handler,), {"port": port})
        super().__init__(listening.getsockname(), handler, bind_and_activate=False)
        self.adopt(listening)


def _answered(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except ValueError:
        return {}
    return {name: answer[name] for name in ANSWERED if name in answer}


def _now() -> int:
    return time.time_ns() // 1_000_000


@click.command()
@click.option("--fd", type=int, required=True, help="Listening socket, inherited.")
@click.option("--to", type=int, required=True, help="The port of the vendor's book.")
def main(fd: int, to: int) -> None:
    """Serves until the parent ends."""
    end_with_parent()
    server = Server(fd, to)
    say("handing on")
    server.serve_forever()


if __name__ == "__main__":
    main()
