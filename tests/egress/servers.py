"""Servers as bad as a test wants them: raw sockets, a script for each connection."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ssl import SSLContext
from threading import Thread
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Listening:
    """What listens on `port` of 127.0.0.1; `connections` counts who came, `requests` holds the
    requests that were read."""

    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/x"


def request(connection: socket.socket) -> bytes:
    """The next request, with its body; empty if the other side closed."""
    got = b""
    while b"\r\n\r\n" not in got:
        part = connection.recv(64 * 1024)
        if not part:
            return b""
        got += part
    head, _, body = got.partition(b"\r\n\r\n")
    fields = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    length = next((int(v) for name, _, v in fields if name.lower() == b"content-length"), 0)
    while len(body) < length:
        body += connection.recv(64 * 1024)
    return head + b"\r\n\r\n" + body


def _hears(connection: socket.socket, number: int) -> None:
    while connection.recv(64 * 1024):
        pass


@contextmanager
def listening(
    script: Callable[[socket.socket, int], None] = _hears, *, tls: SSLContext | None = None
) -> Iterator[Listening]:
    """Runs `script` with each connection and its number (from 1), each in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = Listening(server.getsockname()[1])
        threads = [Thread(target=_accept, args=(server, told, script, tls), daemon=True)]
        threads[0].start()
        try:
            yield told
        finally:
            server.shutdown(socket.SHUT_RDWR)
            threads[0].join()


def _accept(server: socket.socket, told: Listening, script: Any, tls: SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            told.connections += 1
            arguments = (connection, told.connections, script, tls)
            Thread(target=_serve, args=arguments, daemon=True).start()


def _serve(connection: socket.socket, number: int, script: Any, tls: SSLContext | None) -> None:
    with suppress(OSError), connection:
        if tls is None:
            script(connection, number)
        else:
            with tls.wrap_socket(connection, server_side=True) as wrapped:
                script(wrapped, number)


def answering(*answers: bytes) -> Callable[[socket.socket, int], None]:
    """Answers the requests of a connection in turn, then closes it."""

    def script(connection: socket.socket, number: int) -> None:
        for answer in answers:
            if not request(connection):
                return
            connection.sendall(answer)

    return script
