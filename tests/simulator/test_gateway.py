"""`chalice local` as the stack starts it: many clients, wrong HTTP, and a log without numbers."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from chalice.app import Chalice
from chalice.config import Config

from simulator.gateway import MAX_BODY_BYTES, Factory, Server
from tests.simulator.outside import listening

NUMBER = "447700900001"
CLIENTS = 64


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """Serves a small application: POST /echo tells what it got, POST /broken raises."""
    app = Chalice(app_name="echo", configure_logs=False)
    # Chalice's own stack trace of a view that raises would go to our output.
    app.log.disabled = True

    @app.route("/echo", methods=["POST", "HEAD"], content_types=["*/*"])
    def echo() -> dict[str, Any]:
        request = app.current_request
        return {"body": request.raw_body.decode(), "query": dict(request.query_params or {})}

    @app.route("/broken", methods=["POST"])
    def broken() -> None:
        raise RuntimeError(NUMBER)

    Server.listening = listening()
    host, port = Server.listening.getsockname()
    config = Config(chalice_stage="local", config_from_disk={"app_name": "echo"})
    server = Factory(".", environ={}).create_local_server(app, config, host, port)
    threading.Thread(target=server.server.serve_forever, args=(0.02,), daemon=True).start()
    yield host, port
    server.shutdown()
    server.server.server_close()


def send(address: tuple[str, int], request: bytes) -> list[bytes]:
    """Sends raw bytes; returns what each read brings until the server closes or falls silent."""
    parts = []
    with socket.create_connection(address, timeout=0.5) as raw:
        raw.sendall(request)
        while True:
            try:
                part = raw.recv(65536)
            except TimeoutError:
                return parts
            if not part:
                return parts
            parts.append(part)


def status_and_json(answer: bytes) -> tuple[int, Any]:
    """Of a raw HTTP answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/json" in head
    return int(head.split()[1]), json.loads(body)


def post_head(length: str, *more: str) -> bytes:
    """The head of a POST with any Content-Length."""
    lines = ["POST /echo HTTP/1.1", "Host: x", f"Content-Length: {length}", *more, "", ""]
    return "\r\n".join(lines).encode()


def test_one_write_for_each_answer(address: tuple[str, int]) -> None:
    # Two writes meet the client's delayed acknowledgement on a kept connection: 40 ms an answer.
    request = post_head("2") + b"{}"
    parts = send(address, request)
    assert len(parts) == 1
    assert status_and_json(parts[0])[0] == 200


@pytest.mark.parametrize("length", ["many", "-1", "1.5", "0x10", "²"])
def test_a_content_length_that_is_none(
    address: tuple[str, int], length: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (answer,) = send(address, post_head(length) + b"{}")
    assert status_and_json(answer) == (400, {"code": 414, "desc": "bad Content-Length"})
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_body_that_api_gateway_would_not_take(address: tuple[str, int]) -> None:
    (answer,) = send(address, post_head(str(MAX_BODY_BYTES + 1)))
    assert status_and_json(answer) == (400, {"code": 414, "desc": "body too large"})
    # Also a client that goes on sending gets to see the answer.
    refused = requests.post(url(address, "/echo"), data=b"x" * (MAX_BODY_BYTES + 1), timeout=10)
    assert refused.status_code == 400
    accepted = requests.post(url(address, "/echo"), data=b"x" * 1024 * 1024, timeout=10)
    assert len(accepted.json()["body"]) == 1024 * 1024


def test_a_client_that_goes_away(
    address: tuple[str, int], capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(address, timeout=2) as raw:
        raw.sendall(post_head("100") + b"{}")
    assert requests.post(url(address, "/echo"), data="still here", timeout=10).ok
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_body_in_chunks(address: tuple[str, int]) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"phoneA=1"
        yield b"&phoneB=2"

    with requests.Session() as session:
        for _ in range(2):
            answer = session.post(url(address, "/echo"), data=chunks(), timeout=10)
            assert answer.json()["body"] == "phoneA=1&phoneB=2"


@pytest.mark.parametrize("size", [b"zz", b"-5", b""])
def test_chunks_that_are_none(address: tuple[str, int], size: bytes) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    (answer,) = send(address, head + size + b"\r\n{}\r\n0\r\n\r\n")
    assert status_and_json(answer) == (400, {"code": 414, "desc": "bad chunk of the body"})


def test_an_expected_continue(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=2)
    connection.connect()
    connection.sock.sendall(post_head("2", "Expect: 100-continue"))
    # Without it curl waits for a second before it sends a large body.
    assert connection.sock.recv(1024).startswith(b"HTTP/1.1 100")
    connection.sock.sendall(b"{}")
    assert connection.sock.recv(65536).startswith(b"HTTP/1.1 200")
    connection.close()


def test_a_head_has_no_body(address: tuple[str, int]) -> None:
    # A body would be taken for the next answer on the same connection.
    with requests.Session() as session:
        assert session.head(url(address, "/echo"), timeout=10).status_code == 200
        assert session.post(url(address, "/echo"), data="next", timeout=10).json()["body"] == "next"


@pytest.mark.parametrize("path", ["/a/b/c", "/echo/more", "//", "/%00"])
def test_an_unknown_path(address: tuple[str, int], path: str) -> None:
    (answer,) = send(address, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    netease = {"code": 404, "desc": "unknown path"}
    interline = {"error": 1001, "reason": "unknown path"}
    assert status_and_json(answer) == (400, netease | interline)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("BREW /echo HTTP/1.1", 404),
        ("GET /echo HTTP/9.9", 414),
        ("GET", 414),
        ("GET / / / HTTP/1.1", 414),
    ],
)
def test_what_is_no_http(address: tuple[str, int], line: str, code: int) -> None:
    (answer,) = send(address, f"{line}\r\nHost: x\r\n\r\n".encode())
    assert b"Traceback" not in answer
    assert not answer.startswith(b"HTTP/1.1 5")
    assert json.loads(answer.partition(b"\r\n\r\n")[2] or answer)["code"] == code


def test_the_log_has_no_number(address: tuple[str, int], capfd: pytest.CaptureFixture[str]) -> None:
    requests.post(url(address, f"/echo?phoneA={NUMBER}"), data=NUMBER, timeout=10)
    requests.post(url(address, f"/{NUMBER}"), timeout=10)
    requests.post(url(address, "/broken"), json={}, timeout=10)
    send(address, f"{NUMBER} /echo HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    send(address, f"GET /{NUMBER} {NUMBER} HTTP/9.9\r\n\r\n".encode())
    logged = "".join(capfd.readouterr())
    assert "POST /echo 200" in logged
    assert "(another path) 400" in logged
    assert NUMBER not in logged


def test_many_clients_at_once(address: tuple[str, int]) -> None:
    barrier = threading.Barrier(CLIENTS)

    def ask(n: int) -> str:
        barrier.wait()
        answer = requests.post(url(address, "/echo"), data=f"client {n}", timeout=30)
        body: str = answer.json()["body"]
        return body

    with ThreadPoolExecutor(CLIENTS) as pool:
        bodies = list(pool.map(ask, range(CLIENTS)))
    assert bodies == [f"client {n}" for n in range(CLIENTS)]


def url(address: tuple[str, int], path: str) -> str:
    """The address of a path."""
    host, port = address
    return f"http://{host}:{port}{path}"
