"""Whoever asks anybody outside is free again in time, whatever the other side does."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import pytest

from chalicelib.carriers.registry import carrier
from chalicelib.clock import SYSTEM
from chalicelib.core.bindings.lease import Operation
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import GatewayError, NotReached, RecordingFailed
from chalicelib.core.errors import Unavailable as Unknown
from chalicelib.core.ports import Carrier
from chalicelib.core.subscribers import Subscriber
from chalicelib.egress.recordings import RecordingSource
from chalicelib.egress.webhooks import NotAnswered, WebhookSender
from tests.carriers.vendor import Told, egress, full_port
from tests.core.samples import binding
from tests.egress.servers import listening, request

T = 0.4
SLACK_S = 1.5
"""For a machine that does other things too; without a deadline, each would hang for a minute."""
NOW = 1_768_464_000_123
A, B = Subscriber("8610010000001"), Subscriber("8610010000002")
SECRET = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
BOUND = binding(id="1", number="8610000000001", a=A, b=B, created=NOW, expires=NOW + 60_000)
ASKED = Operation("1", "bind", NOW, NOW, 60_000, "1")
ASK = CallAsk("caller", A, (B,), conference=False, max_s=60, record=False)


def made(kind: str, urls: tuple[str, ...]) -> Carrier:
    account = CarrierAccount("our-account", kind, "key", (SECRET,), urls, app_id="app")
    return carrier(account, timeout_s=T, log_call=Told(), egress=egress, runtime=SYSTEM)


def of_carriers(*urls: str) -> dict[str, Callable[[], Any]]:
    """Everything that carriers are asked."""
    vendor: Any = made("netease", urls)
    line: Any = made("interline", urls)
    ours: Any = made("switch", urls)
    return {
        "bind": lambda: vendor.bindings.bind(BOUND, ASKED, now=NOW),
        "unbind": lambda: vendor.bindings.release("9", now=NOW),
        "renew": lambda: vendor.bindings.renew(BOUND, ASKED, until=NOW + 1, last=False, now=NOW),
        "place": lambda: vendor.dialler.place(ASK, session="s", now=NOW),
        "login": lambda: vendor.phone_login.number("token", certificate=None, now=NOW),
        "relay": lambda: vendor.messenger.relay(
            "user/update", body=b"a=b", query="", headers={}, now=NOW
        ),
        "interline bind": lambda: line.bindings.bind(BOUND, ASKED, now=NOW),
        "interline release": lambda: line.bindings.release("9", now=NOW),
        "originate": lambda: ours.dialler.place(ASK, session="s", now=NOW),
        "originate status": lambda: ours.dialler.status("s", conference=False, now=NOW),
    }


def of_others(url: str) -> dict[str, Callable[[], Any]]:
    """The webhook sender, and the recording source."""
    source = RecordingSource(egress(), limit_bytes=10_000_000, timeout_s=T)

    def fetch() -> None:
        place = url.partition("//")[2].partition("/")[0]
        with source.open(url, hosts=[place], within_s=2 * T) as recording:
            recording.read()

    sender = WebhookSender(egress(), timeout_s=2 * T)
    return {"webhook": lambda: sender.post(url, {}, b"{}"), "recording": fetch}


def ended(ask: Callable[[], Any]) -> tuple[type[Exception] | None, float]:
    started = time.monotonic()
    try:
        ask()
    except (GatewayError, NotAnswered) as error:
        return type(error), time.monotonic() - started
    return None, time.monotonic() - started


def all_at_once(asks: dict[str, Callable[[], Any]]) -> dict[str, type[Exception] | None]:
    """How each ends; each of them within twice the time-out."""
    with ThreadPoolExecutor(len(asks)) as pool:
        found = dict(zip(asks, pool.map(ended, asks.values()), strict=True))
    assert not {name: s for name, (_, s) in found.items() if s > 2 * T + SLACK_S}
    return {name: error for name, (error, _) in found.items()}


def drips(before: bytes, drop: bytes) -> Callable[[socket.socket, int], None]:
    """Answers this much at once, and then a drop again and again, a byte at a time."""

    def script(connection: socket.socket, number: int) -> None:
        request(connection)
        connection.sendall(before)
        for part in repeat(drop):
            for byte in part:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)

    return script


def never_answers(connection: socket.socket, number: int) -> None:
    while connection.recv(64 * 1024):
        pass


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SCRIPTS = {
    "never answers": never_answers,
    "status line": drips(b"HTTP/1.1 200 ", b"O"),
    "headers": drips(HEAD, b"X: y\r\n"),
    "one header": drips(HEAD + b"X: ", b"y"),
    "100 Continue": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers of 100 Continue": drips(b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n"),
    "103 Early Hints": drips(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
    "body": drips(HEAD + b"Content-Length: 1000000\r\n\r\n", b" "),
    "body without end": drips(HEAD + b"\r\n", b" "),
    "chunks": drips(CHUNKED, b"1\r\n \r\n"),
    "length of a chunk": drips(CHUNKED + b"1;x=", b"y"),
    "one chunk": drips(CHUNKED + b"FFFFF\r\n", b" "),
    "trailers": drips(CHUNKED + b"1\r\n \r\n0\r\n", b"X: y\r\n"),
}


@pytest.mark.parametrize("addresses", [1, 3])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_a_carrier_that_drips_holds_nobody(script: Any, addresses: int) -> None:
    with listening(script) as server:
        found = all_at_once(of_carriers(*[server.url] * addresses))
    # On a machine that is very busy even a connection may take too long.
    assert Unknown in found.values()
    assert set(found.values()) <= {Unknown, NotReached}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_an_endpoint_that_drips_holds_nobody(script: Any) -> None:
    with listening(script) as server:
        found = all_at_once(of_others(server.url))
    # Of a webhook only the status is wanted: that it came is enough.
    answers = script in [SCRIPTS[each] for each in ANSWERING]
    assert found == {"webhook": None if answers else NotAnswered, "recording": RecordingFailed}


ANSWERING = [
    *("body", "body without end", "chunks", "length of a chunk", "one chunk", "trailers"),
]


@contextmanager
def stalls_in_tls(first: bytes = b"") -> Iterator[str]:
    """Takes the connection, and never ends the handshake; what it says, it says byte by byte."""

    def script(connection: socket.socket, number: int) -> None:
        connection.recv(64 * 1024)
        for byte in first:
            connection.sendall(bytes([byte]))
            time.sleep(0.02)
        never_answers(connection, number)

    with listening(script) as server:
        yield f"https://127.0.0.1:{server.port}/x"


@contextmanager
def drips_in_tls() -> Iterator[str]:
    """The same in a record of the handshake that is longer than anybody waits for."""
    with stalls_in_tls(b"\x16\x03\x03\x3f\xff\x02\x00\x3f\xfb" + b"\x03" * 10_000) as url:
        yield url


@pytest.mark.parametrize("addresses", [1, 3])
@pytest.mark.parametrize("place", [full_port, stalls_in_tls, drips_in_tls])
def test_what_is_never_sent_holds_nobody_and_did_not_happen(place: Any, addresses: int) -> None:
    with place() as url:
        found = all_at_once(of_carriers(*[url] * addresses))
        others = all_at_once(of_others(url))
    assert set(found.values()) == {NotReached}
    assert others == {"webhook": NotAnswered, "recording": RecordingFailed}


def test_a_name_that_is_never_resolved_holds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(5) or [])
    found = all_at_once(of_carriers("http://carrier.example", "http://other.example"))
    assert set(found.values()) == {NotReached}


def test_a_redirect_without_end_is_not_read() -> None:
    head = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 1000000\r\n\r\n"
    with listening(drips(head, b" ")) as server:
        found = all_at_once(of_carriers(server.url))
        started = time.monotonic()
        with pytest.raises(RecordingFailed):
            of_others(server.url)["recording"]()
    assert time.monotonic() - started < 2 * T + SLACK_S
    assert set(found.values()) == {Unknown}


def test_what_met_a_closing_connection_is_not_sent_twice_to_a_carrier() -> None:
    """It may have been done: whoever asked finds out."""
    asked: list[bytes] = []
    reply = b'{"code":200}'

    def script(connection: socket.socket, number: int) -> None:
        asked.append(request(connection))
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(reply), reply))
        asked.append(request(connection))

    with listening(script) as server:
        unbind = of_carriers(server.url)["unbind"]
        unbind()
        with pytest.raises(Unknown):
            unbind()
        assert server.connections == 1
    assert len(asked) == 2


def test_what_was_answered_in_part_is_not_sent_again() -> None:
    """Only a connection that was closed before a byte of an answer came had not been heard."""
    asked: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        asked.append(request(connection))
        connection.sendall(HEAD + b"Content-Length: 0\r\n\r\n")
        asked.append(request(connection))
        connection.sendall(b"HTTP/1.1 2")
        time.sleep(0.1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with listening(script) as server:
        webhook = of_others(server.url)["webhook"]
        webhook()
        with pytest.raises(NotAnswered):
            webhook()
        assert (server.connections, len(asked)) == (1, 2)
