"""Fetching a recording: whole and right, or not at all."""

import hashlib
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.carriers.outside.calls import Outside
from chalicelib.carriers.outside.recordings import Recording, RecordingSource
from chalicelib.core.errors import RecordingFailed
from tests.carriers.outside.servers import Listening, answering, listening, request

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()  # noqa: S324
LIMIT = 2_000_000


def fetch(
    server: Listening, *, md5: str | None = None, limit: int = LIMIT, size: int = -1, **more: Any
) -> bytes:
    """Read as S3 would: until nothing comes."""
    source = RecordingSource(Outside(private=True), limit_bytes=limit, timeout_s=5)
    settings = {"hosts": [f"127.0.0.1:{server.port}"], "within_s": 10} | more
    got = b""
    with source.open(server.url, md5=md5, **settings) as recording:
        while part := recording.read(size):
            got += part
            assert recording.size == len(got)
    return got


def whole(content: bytes = CONTENT, *fields: str, status: int = 200) -> bytes:
    lines = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(content)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + content


def chunked(content: bytes = CONTENT, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%s\r\n" % (len(content), content) + end


def until_closed(content: bytes = CONTENT) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + content


@pytest.mark.parametrize("size", [-1, 1000, 256 * 1024, len(CONTENT), len(CONTENT) + 1])
@pytest.mark.parametrize("sent", [whole, chunked, until_closed])
def test_all_of_it_comes_through_as_it_is(sent: Callable[[], bytes], size: int) -> None:
    with listening(answering(sent())) as server:
        assert fetch(server, md5=MD5.upper(), size=size) == CONTENT


@pytest.mark.parametrize("md5", [f" {MD5}\n", MD5.upper(), "", " "])
def test_an_md5_as_people_write_it(md5: str) -> None:
    with listening(answering(whole())) as server:
        assert fetch(server, md5=md5) == CONTENT


def test_what_is_asked_and_told() -> None:
    asked: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        asked.append(request(connection))
        connection.sendall(whole())

    source = RecordingSource(Outside(private=True), limit_bytes=LIMIT, timeout_s=5)
    with listening(script) as server:
        hosts = [f"127.0.0.1:{server.port}"]
        with source.open(server.url, hosts=hosts, within_s=5) as recording:
            assert recording.length == len(CONTENT)
            assert len(recording.read(300_000)) == 300_000
            assert recording.md5 == hashlib.md5(CONTENT[:300_000]).hexdigest()  # noqa: S324
            recording.read(LIMIT)
            assert (recording.md5, recording.size) == (MD5, len(CONTENT))
    assert asked[0].startswith(b"GET /x HTTP/1.1\r\n")
    assert b"\r\nAccept-Encoding: identity\r\n" in asked[0]
    assert b"Content-Length" not in asked[0]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("audio/x-wav", "audio/x-wav"),
        ("Audio/MPEG; charset=x", "audio/mpeg"),
        ("video/mp4", "video/mp4"),
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("audio/", "application/octet-stream"),
        ("audio/x<script>", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_it_is_sound_or_nothing_in_particular(said: str, expected: str) -> None:
    source = RecordingSource(Outside(private=True), limit_bytes=LIMIT, timeout_s=5)
    with listening(answering(whole(b"x", f"Content-Type: {said}"))) as server:
        hosts = [f"127.0.0.1:{server.port}"]
        with source.open(server.url, hosts=hosts, within_s=5) as recording:
            assert recording.content_type == expected


def test_an_encoding_is_not_undone() -> None:
    with listening(answering(whole(b"\x1f\x8bnot gzip", "Content-Encoding: gzip"))) as server:
        assert fetch(server) == b"\x1f\x8bnot gzip"


def test_an_empty_one_is_whole() -> None:
    with listening(answering(whole(b""), chunked(b"", end=b"")[:-2] + b"\r\n")) as server:
        assert fetch(server) == b""


def broken(server: Listening, **more: Any) -> RecordingFailed:
    """How it fails; the end of the file is never given."""
    with pytest.raises(RecordingFailed) as failed:
        fetch(server, **more)
    for told in (str(server.port), "127.0.0.1", "/x"):
        assert told not in str(failed.value)
    return failed.value


def reset(connection: socket.socket, number: int) -> None:
    request(connection)
    connection.sendall(whole()[:-1000])
    # Closing becomes a reset.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("size", [-1, 1000, len(CONTENT)])
@pytest.mark.parametrize(
    "script",
    [
        answering(whole()[:-1]),
        answering(whole()[: -len(CONTENT)]),
        answering(chunked(end=b"")),
        answering(chunked()[:-1000]),
        answering(chunked(end=b"zz\r\n")),
        reset,
    ],
)
def test_one_that_is_broken_off_never_ends(script: Any, size: int) -> None:
    with listening(script) as server:
        error = broken(server, size=size)
    assert str(error).startswith("broken off")
    assert not error.final


@pytest.mark.parametrize("size", [-1, 1000, len(CONTENT)])
@pytest.mark.parametrize("sent", [whole, chunked, until_closed])
def test_a_wrong_md5_is_told_before_the_end(sent: Callable[..., bytes], size: int) -> None:
    with listening(answering(sent(CONTENT[:-1] + b"?"))) as server:
        error = broken(server, md5=MD5, size=size)
    assert (str(error), error.final) == ("wrong md5", False)


@pytest.mark.parametrize("size", [-1, 1000])
def test_half_of_one_without_a_length_has_the_wrong_md5(size: int) -> None:
    with listening(answering(until_closed(CONTENT[:-1]))) as server:
        assert str(broken(server, md5=MD5, size=size)) == "wrong md5"


def test_one_whose_end_nobody_can_tell_is_not_taken() -> None:
    with listening(answering(until_closed())) as server:
        error = broken(server)
    assert str(error) == "neither its length nor its md5 is known"


def test_one_that_says_that_it_is_too_long_is_not_read() -> None:
    def script(connection: socket.socket, number: int) -> None:
        request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000001\r\n\r\n")
        # Nothing else comes: who waited for it would hear of a time-out.
        connection.recv(1)

    with listening(script) as server:
        error = broken(server)
    assert (str(error), error.final) == ("over the limit", True)


@pytest.mark.parametrize("size", [-1, 1000])
@pytest.mark.parametrize("sent", [chunked, until_closed])
def test_one_that_is_too_long_without_saying_so(sent: Callable[[], bytes], size: int) -> None:
    with listening(answering(sent())) as server:
        assert fetch(server, md5=MD5, limit=len(CONTENT)) == CONTENT
    with listening(answering(sent())) as server:
        error = broken(server, md5=MD5, limit=len(CONTENT) - 1, size=size)
    assert (str(error), error.final) == ("over the limit", True)


@pytest.mark.parametrize("status", [204, 206, 301, 302, 401, 403, 404, 410, 500, 503])
def test_another_status_is_for_another_time(status: int) -> None:
    fields = ["Location: http://127.0.0.1:1/"] if status in {301, 302} else []
    with listening(answering(whole(b"", *fields, status=status))) as server:
        error = broken(server)
    assert (str(error), error.final) == (f"HTTP {status}", False)


def test_nobody_there() -> None:
    with listening() as gone:
        pass
    assert not broken(gone).final


def drip(connection: socket.socket, number: int) -> None:
    request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"y")
        time.sleep(0.02)


def test_a_drip_ends_with_the_time_there_is() -> None:
    started = time.monotonic()
    with listening(drip) as server:
        error = broken(server, within_s=0.4)
    assert (str(error), error.final) == ("broken off: TimeoutError", False)
    assert 0.4 <= time.monotonic() - started < 5


def silence(connection: socket.socket, number: int) -> None:
    request(connection)
    connection.sendall(whole()[:-1000])
    connection.recv(1)


def test_silence_ends_sooner() -> None:
    source = RecordingSource(Outside(private=True), limit_bytes=LIMIT, timeout_s=0.2)
    started = time.monotonic()
    with listening(silence) as server:
        hosts = [f"127.0.0.1:{server.port}"]
        with (
            source.open(server.url, hosts=hosts, within_s=60) as recording,
            pytest.raises(RecordingFailed, match="broken off: TimeoutError"),
        ):
            recording.read()
    assert time.monotonic() - started < 5


NOT_ASKED = "not a host that recordings are fetched from"
NOT_LISTED = [
    [],
    ["127.0.0.1"],
    ["127.0.0.1:1"],
    ["27.0.0.1:{port}"],
    ["*.0.0.1"],
    ["localhost:{port}"],
    ["*"],
    ["http://127.0.0.1:{port}"],
]


@pytest.mark.parametrize("hosts", NOT_LISTED)
def test_a_host_that_is_not_listed_is_not_asked(hosts: list[str]) -> None:
    with listening() as server:
        listed = [each.format(port=server.port) for each in hosts]
        error = broken(server, hosts=listed)
    # An operator may list it before it is tried again.
    assert (str(error), error.final) == (NOT_ASKED, False)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        ("https://files.example/", True),
        ("https://FILES.example:443/x", True),
        ("https://a.b.example/", True),
        ("https://c.a.b.example/", True),
        ("https://b.example/", False),
        ("https://ab.example/", False),
        ("https://xb.example/", False),
        ("https://a.files.example/", False),
        ("https://files.example.evil.example/", False),
        ("https://notfiles.example/", False),
    ],
)
def test_names_are_listed_one_by_one_or_below_another(
    url: str, listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    source = RecordingSource(Outside(private=False), limit_bytes=LIMIT, timeout_s=1)
    with (
        pytest.raises(RecordingFailed) as failed,
        source.open(url, hosts=["Files.example", "*.b.example"], within_s=1),
    ):
        raise AssertionError
    assert (str(failed.value) != NOT_ASKED) is listed


def test_an_error_in_the_block_is_the_blocks_own() -> None:
    source = RecordingSource(Outside(private=True), limit_bytes=LIMIT, timeout_s=5)
    with listening(answering(whole())) as server:
        hosts = [f"127.0.0.1:{server.port}"]
        with (
            pytest.raises(OSError, match="no space"),
            source.open(server.url, hosts=hosts, within_s=5) as recording,
        ):
            assert isinstance(recording, Recording)
            raise OSError("no space")
