"""Which addresses are refused: by their text, and by the IP address that they lead to."""

import random
import socket
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from chalicelib.core.errors import BadParameter, RecordingFailed, RefusedAddress
from chalicelib.egress.client import Client
from chalicelib.egress.guard import AddressGuard, is_public
from chalicelib.egress.recordings import RecordingSource
from chalicelib.egress.webhooks import NotAnswered, WebhookSender
from simulator.local_addresses import LocalAddresses
from tests.egress import evil
from tests.egress.servers import listening

UNROUTED = "2d00::1"
"""Public by its number, in a block that nobody has: connecting fails, and harms nobody."""


PUBLIC, LOCAL = AddressGuard(), LocalAddresses()


def fetch(url: str, *, guard: AddressGuard = PUBLIC, timeout_s: float = 1) -> None:
    source = RecordingSource(Client(guard), limit_bytes=10, timeout_s=timeout_s)
    with source.open(url, hosts=[evil.NAME], within_s=timeout_s) as recording:
        recording.read()


def send(url: str, *, guard: AddressGuard = PUBLIC, timeout_s: float = 1) -> None:
    WebhookSender(Client(guard), timeout_s=timeout_s).post(url, {}, b"{}")


class Resolver:
    """The system's, as the owner of a name would have it: each look-up has the next answer, the
    last one for ever."""

    def __init__(self, port: int, *answers: list[str]) -> None:
        self._port = port
        self._answers = list(answers)
        self.asked = 0

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        self.asked += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [self._entry(address) for address in answer]

    def _entry(self, address: str) -> Any:
        if ":" in address:
            return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, self._port, 0, 0))
        return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, self._port))


def test_the_tables_are_as_long_as_they_should_be() -> None:
    assert len(set(evil.WRITTEN)) == len(evil.WRITTEN) >= 60
    assert len(set(evil.IP_ADDRESSES)) == len(evil.IP_ADDRESSES) >= 40


@pytest.mark.parametrize("url", evil.WRITTEN)
def test_an_evil_address_is_refused_before_anything_is_looked_up(url: str) -> None:
    with evil.watch() as seen:
        with pytest.raises(RefusedAddress) as refused:
            PUBLIC.read(url)
        with pytest.raises(NotAnswered, match="refused"):
            send(url)
        with pytest.raises(RecordingFailed, match="refused") as failed:
            fetch(url)
    assert seen == []
    assert failed.value.final
    assert isinstance(refused.value, BadParameter)
    for error in (refused.value, failed.value):
        assert not url or url not in str(error)


@pytest.mark.parametrize("address", evil.IP_ADDRESSES)
@pytest.mark.parametrize("call", [send, fetch])
def test_a_name_that_leads_to_an_evil_address_is_not_connected_to(
    call: Any, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as nobody, evil.watch() as seen:
        # First comes one that would be fine: the name is refused as a whole.
        monkeypatch.setattr(socket, "getaddrinfo", Resolver(nobody.port, [UNROUTED, address]))
        with pytest.raises((NotAnswered, RecordingFailed), match="refused"):
            call(f"https://{evil.NAME}/")
        monkeypatch.setattr(socket, "getaddrinfo", Resolver(nobody.port, [address]))
        with pytest.raises((NotAnswered, RecordingFailed), match="refused") as failed:
            call(f"https://{evil.NAME}/")
    assert seen == []
    assert nobody.connections == 0
    assert not getattr(failed.value, "final", False)


@pytest.mark.parametrize("call", [send, fetch])
def test_a_second_look_up_changes_nothing(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is checked and this machine a moment later."""
    with listening() as nobody, evil.watch() as seen:
        resolver = Resolver(nobody.port, [UNROUTED], ["127.0.0.1"])
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        PUBLIC.read(f"https://{evil.NAME}/")
        assert resolver.asked == 0
        with pytest.raises((NotAnswered, RecordingFailed)) as failed:
            call(f"https://{evil.NAME}/")
        assert "refused" not in str(failed.value)
        assert resolver.asked == 1
        assert seen == ["socket.connect"]
        with pytest.raises((NotAnswered, RecordingFailed), match="refused"):
            call(f"https://{evil.NAME}/")
    assert seen == ["socket.connect"]
    assert nobody.connections == 0


def test_a_zone_is_refused_wherever_the_system_puts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2600::1", 443, 0, 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry])
    with evil.watch() as seen, pytest.raises(NotAnswered, match="refused"):
        send(f"https://{evil.NAME}/")
    assert seen == []


@pytest.mark.parametrize("url", evil.NEVER)
def test_development_lets_no_more_through_than_this_machine_and_its_network(url: str) -> None:
    with evil.watch() as seen:
        with pytest.raises(RefusedAddress):
            LOCAL.read(url)
        with pytest.raises(NotAnswered, match="refused"):
            send(url, guard=LOCAL)
        with pytest.raises(RecordingFailed, match="refused"):
            fetch(url, guard=LOCAL)
    assert seen == []


@pytest.mark.parametrize("url", evil.GOOD)
def test_a_good_address_passes(url: str) -> None:
    assert PUBLIC.read(url).port == 443


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:8000/x", "http://localhost:8001", "https://localhost:8443/"),
        *("http://[::1]:9/", "http://10.0.0.7/", "http://receiver:8080/", "http://a.internal/"),
        *("http://[fd00::1]/", "http://192.168.0.1:1/", "http://172.17.0.1/", *evil.GOOD),
    ],
)
def test_development_lets_this_machine_and_its_network_through(url: str) -> None:
    LOCAL.read(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Receiver.Example", ("https", "receiver.example", 443, "/")),
        ("https://a.example?x=1#y", ("https", "a.example", 443, "/?x=1")),
        ("https://a.example:443/%2e%2e/x//y?", ("https", "a.example", 443, "/%2e%2e/x//y")),
        ("https://[2606:4700:0::1111]/", ("https", "2606:4700::1111", 443, "/")),
    ],
)
def test_an_address_is_taken_apart(url: str, expected: tuple[str, str, int, str]) -> None:
    address = PUBLIC.read(url)
    assert (address.scheme, address.host, address.port, address.target) == expected


def test_no_address_passes_that_python_does_not_call_global() -> None:
    """Our table against Python's, whose releases differ: ours refuses at least as much."""
    chance = random.Random(5)
    edges = [n for e in evil.IP_ADDRESSES if "%" not in e and ":" not in e for n in around(e)]
    four = [IPv4Address(n) for n in edges + [chance.getrandbits(32) for _ in range(20_000)]]
    # Only what 2000::/3 holds can pass at all.
    six = [IPv6Address(1 << 125 | chance.getrandbits(125)) for _ in range(10_000)]
    six += [IPv6Address(0x2001 << 112 | chance.getrandbits(112)) for _ in range(10_000)]
    passed = [each for each in (*four, *six) if is_public(each)]
    assert len(passed) > 30_000
    assert [each for each in passed if not each.is_global or each.is_multicast] == []


def around(text: str) -> list[int]:
    number = int(IPv4Address(text))
    return [min(max(number + by, 0), 2**32 - 1) for by in (-256, -1, 0, 1, 256)]


def test_a_look_up_that_finds_no_ip_address_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("receiver.example", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry])
    with evil.watch() as seen, pytest.raises(NotAnswered, match="refused"):
        send(f"https://{evil.NAME}/")
    assert seen == []
