"""Posting a callback: what counts as taken, how long it may take, and that it goes where it was
meant to."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Event
from typing import Any

import pytest

from chalicelib.egress.adapter import IDLE_S, MOST_IDLE
from chalicelib.egress.client import Client
from chalicelib.egress.connecting import MOST_TRIED
from chalicelib.egress.guard import AddressGuard
from chalicelib.egress.webhooks import NotAnswered, NotDelivered, WebhookSender
from simulator.local_addresses import LocalAddresses
from tests.egress.servers import OK, Listening, answering, listening, request

BODY = b'{"to":"8610010000001"}'


def local_sender(*, timeout_s: float) -> WebhookSender:
    return WebhookSender(Client(LocalAddresses()), timeout_s=timeout_s)


@pytest.fixture
def sender() -> WebhookSender:
    return local_sender(timeout_s=5)


def answer(status: int, *fields: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def headers_of(sent: bytes) -> dict[str, str]:
    lines = sent.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    assert len({line.partition(":")[0].lower() for line in lines}) == len(lines)
    return {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}


def taking(sent: list[bytes], *answers: bytes) -> Any:
    """Answers as told, over one connection, and keeps the requests."""

    def script(connection: socket.socket, number: int) -> None:
        for each in answers:
            sent.append(request(connection))
            connection.sendall(each)

    return script


def test_what_is_posted_is_what_was_signed(sender: WebhookSender) -> None:
    sent: list[bytes] = []
    with listening(taking(sent, OK)) as receiver:
        sender.post(receiver.url + "?a=%20b#c", {"CheckSum": "x", "Content-Type": "a/b"}, BODY)
    head, _, body = sent[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /x?a=%20b HTTP/1.1\r\n")
    assert body == BODY
    assert headers_of(sent[0]) == {
        "host": f"127.0.0.1:{receiver.port}",
        "accept-encoding": "identity",
        "user-agent": "masking-gateway",
        "accept": "*/*",
        "checksum": "x",
        "content-type": "a/b",
        "content-length": str(len(BODY)),
    }


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_dialect_may_take_any_2xx(sender: WebhookSender, status: int) -> None:
    with listening(answering(answer(status))) as receiver:
        sender.post(receiver.url, {}, BODY, any_2xx=True)


@pytest.mark.parametrize("status", [201, 202, 204, 206, 304, 400, 404, 410, 429, 500, 503])
def test_only_200_counts_otherwise(sender: WebhookSender, status: int) -> None:
    with (
        listening(answering(answer(status))) as receiver,
        pytest.raises(NotDelivered, match=f"HTTP {status}") as failed,
    ):
        sender.post(receiver.url, {}, BODY)
    assert type(failed.value) is NotDelivered


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(sender: WebhookSender, status: int) -> None:
    with listening() as elsewhere:
        moved = answer(status, f"Location: {elsewhere.url}")
        with (
            listening(answering(moved)) as receiver,
            pytest.raises(NotDelivered, match=f"HTTP {status}"),
        ):
            sender.post(receiver.url, {}, BODY, any_2xx=True)
        assert (receiver.connections, elsewhere.connections) == (1, 0)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\r\n\r\n",
        b"HTTP/1.1",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_answer(sender: WebhookSender, garbage: bytes) -> None:
    with listening(answering(garbage)) as receiver, pytest.raises(NotAnswered) as failed:
        sender.post(receiver.url, {}, BODY)
    assert str(receiver.port) not in str(failed.value)
    assert "8610010000001" not in str(failed.value)


@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_what_is_said_before_the_answer_is_none(sender: WebhookSender, status: int) -> None:
    """Else the answer would count as the one to what is posted next."""
    early = f"HTTP/1.1 {status} Soon\r\nLink: </x>\r\n\r\n".encode()

    def script(connection: socket.socket, number: int) -> None:
        for late in (answer(500), OK):
            request(connection)
            connection.sendall(early)
            connection.sendall(early + late)

    with listening(script) as receiver:
        with pytest.raises(NotDelivered, match="500"):
            sender.post(receiver.url, {}, BODY)
        sender.post(receiver.url, {}, BODY)


def test_an_answer_that_ends_http(sender: WebhookSender) -> None:
    switched = b"HTTP/1.1 101 Other\r\nUpgrade: other\r\n\r\n"
    with listening(answering(switched, OK)) as receiver:
        for _ in range(2):
            with pytest.raises(NotDelivered, match="101"):
                sender.post(receiver.url, {}, BODY)
        assert receiver.connections == 2


def test_nobody_there(sender: WebhookSender) -> None:
    with listening() as gone:
        pass
    with pytest.raises(NotAnswered, match="ConnectionRefusedError"):
        sender.post(gone.url, {}, BODY)


def test_a_header_that_can_not_be_sent_says_nothing_of_itself(sender: WebhookSender) -> None:
    with listening() as receiver, pytest.raises(NotAnswered) as failed:
        sender.post(receiver.url, {"X": "8610010000001\r\nY: 1"}, BODY)
    assert "8610010000001" not in str(failed.value)
    assert failed.value.__suppress_context__


def drip(connection: socket.socket, number: int) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"y")
        time.sleep(0.02)


def silence(connection: socket.socket, number: int) -> None:
    request(connection)
    connection.recv(1)


def many_continues(connection: socket.socket, number: int) -> None:
    request(connection)
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def reads_nothing(connection: socket.socket, number: int) -> None:
    Event().wait(6)


@pytest.mark.parametrize("script", [drip, silence, many_continues, reads_nothing])
def test_an_answer_has_its_time_and_no_more(script: Any) -> None:
    started = time.monotonic()
    with listening(script) as receiver, pytest.raises(NotAnswered, match="TimeoutError"):
        local_sender(timeout_s=0.3).post(receiver.url, {}, b"x" * 20_000_000)
    assert 0.3 <= time.monotonic() - started < 5


def test_a_name_that_is_never_resolved_has_no_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    never = Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: never.wait(30) and [])
    started = time.monotonic()
    try:
        with pytest.raises(NotAnswered, match="TimeoutError"):
            local_sender(timeout_s=0.2).post("http://receiver.example/", {}, BODY)
    finally:
        never.set()
    assert 0.2 <= time.monotonic() - started < 5


@pytest.mark.parametrize("found", [[], socket.gaierror("no such name"), UnicodeError("label")])
def test_a_name_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch, found: Any) -> None:
    def resolve(*_: Any, **__: Any) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with pytest.raises(NotAnswered, match="NotResolved"):
        local_sender(timeout_s=1).post("http://receiver.example/", {}, BODY)


def entries(*ports: int) -> list[Any]:
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    return [(*kind, ("127.0.0.1", port)) for port in ports]


def test_the_next_address_of_a_name_is_tried_but_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as gone:
        pass
    with listening(answering(OK)) as receiver:
        down = [gone.port] * (MOST_TRIED - 1)
        found = entries(*down, receiver.port)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        local_sender(timeout_s=1).post("http://receiver.example/", {}, BODY)
        found = entries(gone.port, *down, receiver.port)
        with pytest.raises(NotAnswered, match="ConnectionRefusedError"):
            local_sender(timeout_s=1).post("http://receiver.example/", {}, BODY)
    assert receiver.connections == 1


def test_an_endless_reply_is_left_alone() -> None:
    sent, gone = [0], Event()

    def script(connection: socket.socket, number: int) -> None:
        request(connection)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
            while True:
                sent[0] += connection.send(b"x" * 64 * 1024)
        finally:
            gone.set()

    started = time.monotonic()
    with listening(script) as receiver:
        local_sender(timeout_s=5).post(receiver.url, {}, BODY)
        assert time.monotonic() - started < 4
        assert gone.wait(5)
    # What fits into the buffers of two sockets on one machine.
    assert sent[0] < 32 * 1024 * 1024


def test_no_proxy_of_the_environment_has_a_say(
    sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as proxy, listening(answering(OK)) as receiver:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
            monkeypatch.setenv(name.upper(), proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        sender.post(receiver.url, {}, BODY)
    assert (proxy.connections, receiver.connections) == (0, 1)


def test_a_cookie_stays_with_who_set_it(sender: WebhookSender) -> None:
    sent: list[bytes] = []
    taken = answer(200, "Set-Cookie: visit=1; Path=/")
    with listening(taking(sent, taken, taken)) as receiver:
        sender.post(receiver.url, {}, BODY)
        sender.post(receiver.url, {}, BODY)
    assert [headers_of(each).get("cookie") for each in sent] == [None, None]


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"


@pytest.mark.parametrize("taken", [OK, CHUNKED, answer(204), answer(200, body=b"x" * 4000)])
def test_a_connection_serves_again(sender: WebhookSender, taken: bytes) -> None:
    with listening(answering(*[taken] * 3)) as receiver:
        for _ in range(3):
            sender.post(receiver.url, {}, BODY, any_2xx=True)
    assert receiver.connections == 1


def late(connection: socket.socket, number: int) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    request(connection)


@pytest.mark.parametrize(
    "script",
    [
        answering(*[answer(200, "Connection: close")] * 2),
        answering(*[b"HTTP/1.0 200 OK\r\n\r\n"] * 2),
        answering(*[answer(200, body=b"x" * 5000)] * 2),
        late,
    ],
)
def test_a_connection_that_is_not_clean_does_not(sender: WebhookSender, script: Any) -> None:
    with listening(script) as receiver:
        sender.post(receiver.url, {}, BODY)
        sender.post(receiver.url, {}, BODY)
    assert receiver.connections == 2


def closes_at_the_second(connection: socket.socket, number: int) -> None:
    request(connection)
    connection.sendall(OK)
    # Only when the second is under way: nobody could have seen it before.
    if number == 1:
        connection.recv(1)


def test_what_met_a_closing_connection_is_sent_again(sender: WebhookSender) -> None:
    with listening(closes_at_the_second) as receiver:
        sender.post(receiver.url, {}, BODY)
        sender.post(receiver.url, {}, BODY)
    assert receiver.connections == 2


def test_what_met_a_new_connection_is_not_sent_again(sender: WebhookSender) -> None:
    with listening(answering(b"")) as receiver, pytest.raises(NotAnswered):
        sender.post(receiver.url, {}, BODY)
    assert receiver.connections == 1


def test_a_connection_is_too_old_after_a_while(
    sender: WebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    with listening(answering(OK, OK)) as receiver:
        sender.post(receiver.url, {}, BODY)
        monkeypatch.setattr(time, "monotonic", lambda: now + IDLE_S + 5)
        sender.post(receiver.url, {}, BODY)
    assert receiver.connections == 2


@pytest.fixture
def many() -> Iterator[list[Listening]]:
    with ExitStack() as stack:
        yield [stack.enter_context(listening(answering(OK, OK))) for _ in range(MOST_IDLE + 1)]


def test_the_oldest_connection_makes_room(sender: WebhookSender, many: list[Listening]) -> None:
    for receiver in many:
        sender.post(receiver.url, {}, BODY)
    for receiver in reversed(many):
        sender.post(receiver.url, {}, BODY)
    assert [receiver.connections for receiver in many] == [2] + [1] * MOST_IDLE


def test_threads_never_share_a_connection(sender: WebhookSender) -> None:
    """Each is answered what it sent."""

    def script(connection: socket.socket, number: int) -> None:
        while sent := request(connection):
            status = json.loads(sent.partition(b"\r\n\r\n")[2])
            connection.sendall(answer(status))

    def post(status: int) -> str:
        try:
            sender.post(receiver.url, {}, b"%d" % status)
        except NotDelivered as error:
            return str(error)
        return "taken"

    statuses = list(range(400, 600))
    with listening(script) as receiver, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(post, statuses)) == [f"HTTP {status}" for status in statuses]
    assert receiver.connections <= 8


def test_what_is_guarded_never_uses_an_unguarded_connection() -> None:
    with listening(answering(OK, OK)) as receiver:
        local_sender(timeout_s=1).post(receiver.url, {}, BODY)
        with pytest.raises(NotAnswered, match="refused"):
            WebhookSender(Client(AddressGuard()), timeout_s=1).post(receiver.url, {}, BODY)
    assert receiver.connections == 1


def test_an_error_in_the_block_is_the_blocks_own() -> None:
    until = time.monotonic() + 5
    client = Client(LocalAddresses())
    with listening(answering(OK, OK)) as receiver:
        with (
            pytest.raises(KeyError),
            client.ask("GET", receiver.url, headers={}, until=until, silence_s=1) as got,
        ):
            raise KeyError(got.status)
        with client.ask("GET", receiver.url, headers={}, until=until, silence_s=1) as got:
            assert got.read(9) == b"ok"
    assert receiver.connections == 2
