"""The certificate has to be the name's, wherever the name led to."""

import datetime
import socket
import ssl
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chalicelib.core.errors import RecordingFailed
from chalicelib.egress.client import Client
from chalicelib.egress.connecting import ExchangeFailed, NotSent
from chalicelib.egress.recordings import RecordingSource
from chalicelib.egress.webhooks import NotAnswered, WebhookSender
from simulator.local_addresses import LocalAddresses
from tests.egress.servers import OK, answering, listening, request

NAME = "receiver.example"


def certificate(folder: Path, *names: str) -> Path:
    """Signed by itself for these names, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{len(names)}-{names[0]}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def _alternative(name: str) -> x509.GeneralName:
    if name[0].isdigit():
        return x509.IPAddress(ip_address(name))
    return x509.DNSName(name)


def server(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name leads to this machine."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda _, port, **more: resolve("127.0.0.1", port, **more)
    )


def ask(client: Client, url: str, *, within_s: float = 5) -> bytes:
    until = time.monotonic() + within_s
    with client.ask("GET", url, headers={}, until=until, silence_s=within_s) as answer:
        return answer.read(100)


@pytest.mark.usefixtures("here")
def test_the_name_is_asked_for_and_proved(tmp_path: Path) -> None:
    path = certificate(tmp_path, NAME)
    context, asked = server(path), []
    context.sni_callback = lambda _, name, __: asked.append(name)
    client = Client(LocalAddresses(), cafile=str(path))
    with listening(answering(OK, OK), tls=context) as receiver:
        url = f"https://{NAME}:{receiver.port}/"
        assert [ask(client, url), ask(client, url)] == [b"ok", b"ok"]
    assert asked == [NAME]
    assert receiver.connections == 1


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("names", [("other.example",), ("127.0.0.1",), ("*.receiver.example",)])
def test_a_certificate_of_another_name_is_refused(tmp_path: Path, names: tuple[str]) -> None:
    path = certificate(tmp_path, *names)
    client = Client(LocalAddresses(), cafile=str(path))
    sent: list[bytes] = []
    with listening(lambda c, _: sent.append(request(c)), tls=server(path)) as receiver:
        with pytest.raises(NotSent, match="SSLCertVerificationError"):
            ask(client, f"https://{NAME}:{receiver.port}/")
        assert receiver.connections == 1
    assert sent in ([], [b""])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_self_signed_certificate_is_refused(tmp_path: Path, host: str) -> None:
    sent: list[bytes] = []
    tls = server(certificate(tmp_path, "localhost", "127.0.0.1"))
    source = RecordingSource(Client(LocalAddresses()), limit_bytes=9, timeout_s=5)
    with listening(lambda c, _: sent.append(request(c)), tls=tls) as receiver:
        url = f"https://{host}:{receiver.port}/"
        with pytest.raises(NotAnswered, match="SSLCertVerificationError"):
            WebhookSender(Client(LocalAddresses()), timeout_s=5).post(url, {}, b"{}")
        hosts = [f"{host}:{receiver.port}"]
        with (
            pytest.raises(RecordingFailed, match="SSLCertVerificationError") as failed,
            source.open(url, hosts=hosts, within_s=5),
        ):
            raise AssertionError
    assert not failed.value.final
    assert sent in ([], [b""], [b""] * 2)


def never(connection: socket.socket, number: int) -> None:
    connection.recv(100_000)
    connection.recv(1)


def test_a_handshake_without_end_has_its_time_and_no_more() -> None:
    started = time.monotonic()
    with listening(never) as receiver, pytest.raises(NotAnswered, match="TimeoutError"):
        url = f"https://127.0.0.1:{receiver.port}/"
        WebhookSender(Client(LocalAddresses()), timeout_s=0.3).post(url, {}, b"{}")
    assert 0.3 <= time.monotonic() - started < 5


def drip(connection: socket.socket, number: int) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        connection.sendall(b"y")
        time.sleep(0.02)


def reads_nothing(connection: socket.socket, number: int) -> None:
    time.sleep(6)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("script", [drip, reads_nothing])
def test_an_answer_over_tls_has_its_time_and_no_more(tmp_path: Path, script: Any) -> None:
    path = certificate(tmp_path, NAME)
    client = Client(LocalAddresses(), cafile=str(path))
    started = time.monotonic()
    with (
        listening(script, tls=server(path)) as receiver,
        pytest.raises(ExchangeFailed, match="TimeoutError"),
    ):
        until = time.monotonic() + 0.5
        with client.ask(
            "POST",
            f"https://{NAME}:{receiver.port}/",
            headers={},
            body=b"x" * 20_000_000,
            until=until,
            silence_s=9,
        ):
            raise AssertionError
    assert 0.5 <= time.monotonic() - started < 5


@pytest.mark.usefixtures("here")
def test_a_kept_connection_that_was_closed_is_replaced(tmp_path: Path) -> None:
    path = certificate(tmp_path, NAME)
    client = Client(LocalAddresses(), cafile=str(path))

    def script(connection: socket.socket, number: int) -> None:
        request(connection)
        connection.sendall(OK)
        if number == 1:
            connection.recv(1)

    with listening(script, tls=server(path)) as receiver:
        url = f"https://{NAME}:{receiver.port}/"
        assert [ask(client, url), ask(client, url)] == [b"ok", b"ok"]
    assert receiver.connections == 2
