"""Fetching a recording: whole and right, or not at all."""

import hashlib
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from chalicelib.core.errors import RecordingFailed
from chalicelib.egress.client import Client
from chalicelib.egress.guard import AddressGuard
from chalicelib.egress.recordings import MAX_HOPS, Recording, RecordingSource
from simulator.local_addresses import LocalAddresses
from tests.egress.servers import Listening, answering, listening, request

CONTENT = b"RIFF" + bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()  # noqa: S324
LIMIT = 2_000_000


def fetch(
    server: Listening,
    *,
    md5: str | None = None,
    limit: int = LIMIT,
    size: int = -1,
    path: str = "/x",
    **more: Any,
) -> bytes:
    """Read as S3 would: until nothing comes."""
    source = RecordingSource(Client(LocalAddresses()), limit_bytes=limit, timeout_s=5)
    settings = {"hosts": [f"127.0.0.1:{server.port}"], "within_s": 10} | more
    got = b""
    url = server.url.removesuffix("/x") + path
    with source.open(url, md5=md5, **settings) as recording:
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

    source = RecordingSource(Client(LocalAddresses()), limit_bytes=LIMIT, timeout_s=5)
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
        ("application/x-download", "application/octet-stream"),
        ("image/png", "application/octet-stream"),
        ("audio/", "application/octet-stream"),
        ("audio/x<script>", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_it_is_sound_or_nothing_in_particular(said: str, expected: str) -> None:
    source = RecordingSource(Client(LocalAddresses()), limit_bytes=LIMIT, timeout_s=5)
    with listening(answering(whole(b"RIFF", f"Content-Type: {said}"))) as server:
        hosts = [f"127.0.0.1:{server.port}"]
        with source.open(server.url, hosts=hosts, within_s=5) as recording:
            assert recording.content_type == expected


def test_an_encoding_is_not_undone_and_taken_with_its_md5_only() -> None:
    sent = whole(b"RIFF, zipped", "Content-Encoding: gzip", "Content-Type: audio/wav")
    with listening(answering(sent, sent)) as server:
        assert str(broken(server)) == "compressed, not a recording"
        md5 = hashlib.md5(b"RIFF, zipped").hexdigest()  # noqa: S324
        assert fetch(server, md5=md5) == b"RIFF, zipped"


def test_an_empty_one_is_not_there_yet_unless_its_md5_says_so() -> None:
    nothing = chunked(b"", end=b"")[:-2] + b"\r\n"
    with listening(answering(whole(b""), nothing, whole(b""), nothing)) as server:
        for _ in range(2):
            error = broken(server)
            assert (str(error), error.final) == ("empty", False)
        for _ in range(2):
            assert fetch(server, md5=hashlib.md5(b"").hexdigest()) == b""  # noqa: S324


PAGE = b"<!DOCTYPE html><html><body>The file is being prepared</body></html>"
JSON = b'{"code":404,"msg":"not there yet"}'
NO_SOUND = "a text, not a recording"


@pytest.mark.parametrize(
    "media",
    [
        *("text/html", "Text/HTML; charset=GBK", "text/plain", "text/xml", "application/json"),
        *("application/json;charset=UTF-8", "application/xml", "application/problem+json"),
        *("application/xhtml+xml", "image/svg+xml", "application/javascript", "text/html, audio/x"),
        *("multipart/form-data; boundary=x", "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("form", [whole, chunked])
def test_what_is_called_a_text_is_taken_with_its_md5_only(form: Any, media: str) -> None:
    sent = form().replace(b"\r\n\r\n", f"\r\nContent-Type: {media}\r\n\r\n".encode(), 1)
    with listening(answering(sent, sent)) as server:
        error = broken(server)
        assert (str(error), error.final) == (NO_SOUND, False)
        assert fetch(server, md5=MD5) == CONTENT


@pytest.mark.parametrize("media", ["audio/mpeg", "application/octet-stream", "", "video/mp4"])
@pytest.mark.parametrize("page", [PAGE, JSON, b"\xef\xbb\xbf \r\n" + PAGE, b"[1]", b"\n<?xml?>"])
@pytest.mark.parametrize("charset", ["utf-8", "gb18030"])
def test_a_page_is_no_sound_whatever_it_is_called(page: bytes, media: str, charset: str) -> None:
    page += "录音尚未生成".encode(charset) * 200
    fields = [f"Content-Type: {media}"] if media else []
    md5 = hashlib.md5(page).hexdigest()  # noqa: S324
    with listening(answering(*[whole(page, *fields)] * 2)) as server:
        error = broken(server)
        assert (str(error), error.final) == (NO_SOUND, False)
        assert fetch(server, md5=md5) == page


WAVE = b"RIFF\x24\0\0\0WAVEfmt "
GONE = "文件不存在"


@pytest.mark.parametrize("media", ["audio/mpeg", "application/octet-stream", ""])
@pytest.mark.parametrize(
    "content",
    [
        *(b"404 page not found\n", b"NoSuchKey: x", b'"error"', b'cb({"code":404})', b"\n", b"x"),
        *(GONE.encode(), GONE.encode("gbk"), GONE.encode("big5"), "expiré".encode("latin-1")),
        *(GONE.encode("utf-16"), GONE.encode("utf-16-be"), PAGE.decode().encode("utf-16")),
        *(PAGE.decode().encode("utf-16-le") * 50, PAGE.decode().encode("utf-16-be") * 99),
        *(b"<!-- \x0b --><html>x</html>", b" " * 600 + PAGE, b"\0" * 9 + b"ID3 is missing"),
    ],
)
def test_an_error_that_looks_like_no_page_is_no_sound_either(content: bytes, media: str) -> None:
    md5 = hashlib.md5(content).hexdigest()  # noqa: S324
    fields = [f"Content-Type: {media}"] if media else []
    with listening(answering(*[whole(content, *fields)] * 2)) as server:
        error = broken(server)
        assert (str(error), error.final) == (NO_SOUND, False)
        assert fetch(server, md5=md5) == content


@pytest.mark.parametrize(
    "media", ["audio/wav", "application/octet-stream", "", "image/png", "application/pdf"]
)
@pytest.mark.parametrize(
    "begins",
    [
        *(b"\x1f\x8b\x08", b"PK\x03\x04", b"%PDF-1.4", b"\x89PNG\r\n", b"\xff\xd8\xff\xe0"),
        *(b"GIF89a", b"\x28\xb5\x2f\xfd"),
    ],
)
def test_another_kind_of_file_is_no_sound(begins: bytes, media: str) -> None:
    content = begins + bytes(range(256)) * 40
    fields = [f"Content-Type: {media}"] if media else []
    with listening(answering(whole(content, *fields))) as server:
        assert str(broken(server)) == "not a format of sound"


@pytest.mark.parametrize("media", ["audio/wav", "application/octet-stream", "", "x-any/thing"])
@pytest.mark.parametrize(
    "begins",
    [
        *(WAVE, b"ID3\x03\0", b"#!AMR\n\x3c\x91", b"#!AMR-WB\n", b"OggS\0\2", b"fLaC\0"),
        *(b"\xff\xfb\x90", b"\xff\xf3\x40", b"\xff\xe3\x18", b"\xff\xf1\x50", b"\xff\xf9\x50"),
        *(b"\0\0\0\x18ftypM4A ", b"\x1a\x45\xdf\xa3", b"FORM\0\0\1\0AIFF", b"caff\0\1"),
        *(b".snd\0\0", b"ADIF", b"RF64", b"\x02#!SILK_V3"),
    ],
)
def test_sound_is_taken_whatever_it_is_called(begins: bytes, media: str) -> None:
    fields = [f"Content-Type: {media}"] if media else []
    with listening(answering(whole(begins, *fields))) as server:
        assert fetch(server, size=1) == begins


@pytest.mark.parametrize("content", [bytes(range(256)) * 9, bytes(3200), b"\xff\x7f\xfe\x7e" * 800])
def test_raw_samples_are_taken_if_they_are_called_sound(content: bytes) -> None:
    with listening(answering(whole(content, "Content-Type: audio/basic"))) as server:
        assert fetch(server) == content
    with listening(answering(whole(content, "Content-Type: application/octet-stream"))) as server:
        assert str(broken(server)) == "not a format of sound"


@pytest.mark.parametrize(
    ("raw", "asked"),
    [
        ("/a b.mp3", "/a%20b.mp3"),
        ("/录音/1.mp3", "/%E5%BD%95%E9%9F%B3/1.mp3"),
        ("/a?name=张 三&x=%20%E4", "/a?name=%E5%BC%A0%20%E4%B8%89&x=%20%E4"),
        ("/é\u3000ü~(1)'!.wav", "/%C3%A9%E3%80%80%C3%BC~(1)'!.wav"),
        ("?x=é", "/?x=%C3%A9"),
        ("/a.mp3  ", "/a.mp3"),
        ("/a.mp3#片 段", "/a.mp3"),
        ("/\U0001f399.mp3", "/%F0%9F%8E%99.mp3"),
    ],
)
def test_what_a_carrier_left_raw_in_an_address_is_encoded(raw: str, asked: str) -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        seen.append(request(connection))
        connection.sendall(whole())

    with listening(script) as server:
        assert fetch(server, path=raw) == CONTENT
    assert seen[0].split(b"\r\n")[0].decode() == f"GET {asked} HTTP/1.1"


@pytest.mark.parametrize(
    "raw",
    [
        "/a\\b",
        "/a\nb",
        "/a\r\nX: y",
        "/\x00",
        "/\x7f",
        "/\x85",
        "/\ud800",
        "/\t",
        "@x/",
        " /a",
        "é/",
    ],
)
def test_what_no_address_has_is_refused(raw: str) -> None:
    with listening(answering(whole())) as server:
        error = broken(server, path=raw)
        assert server.connections == 0
    assert (str(error).partition(":")[0], error.final) == ("refused", True)


def moved(to: str, status: int = 302) -> bytes:
    return whole(PAGE, f"Location: {to}", status=status)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "to", ["/there?x=1#y", "there?x=1", "{url}/there?x=1", "//{place}/there?x=1"]
)
def test_a_redirect_is_followed(status: int, to: str) -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        place = f"127.0.0.1:{server.port}"
        for sent in (moved(to.format(url=f"http://{place}", place=place), status), whole()):
            seen.append(request(connection))
            connection.sendall(sent)

    with listening(script) as server:
        assert fetch(server) == CONTENT
    assert seen[1].startswith(b"GET /there?x=1 HTTP/1.1\r\n")


def test_a_redirect_in_utf_8_is_followed() -> None:
    seen: list[bytes] = []

    def script(connection: socket.socket, number: int) -> None:
        for sent in (whole(b"", "Location: /录 音", status=302), whole()):
            seen.append(request(connection))
            connection.sendall(sent)

    with listening(script) as server:
        assert fetch(server) == CONTENT
    assert seen[1].startswith(b"GET /%E5%BD%95%20%E9%9F%B3 HTTP/1.1\r\n")


def test_a_few_redirects_are_followed_and_no_more() -> None:
    hops = [moved(f"/{number}") for number in range(MAX_HOPS)]
    with listening(answering(*hops, whole())) as server:
        assert fetch(server) == CONTENT
    with listening(answering(*hops, moved("/x"), whole())) as server:
        error = broken(server)
        assert (str(error), error.final) == ("too many redirects", False)


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("http://169.254.169.254/latest", "redirect refused: not a public IP address"),
        ("http://u:p@127.0.0.1:{port}/", "redirect refused: credentials in it"),
        ("ftp://127.0.0.1:{port}/", "redirect refused: not https"),
        ("file:///etc/passwd", "redirect refused: not https"),
        ("http://127.0.0.1:{other}/", "not a host that recordings are fetched from"),
        ("http://localhost:{port}/", "not a host that recordings are fetched from"),
        ("http://[::1", "redirect refused: no address"),
        ("\\\\127.0.0.1:{port}/", "redirect refused: a character that no address has"),
    ],
)
def test_a_redirect_is_judged_as_the_first_address(to: str, why: str) -> None:
    with listening() as other:

        def script(connection: socket.socket, number: int) -> None:
            request(connection)
            connection.sendall(moved(to.format(port=server.port, other=other.port)))

        with listening(script) as server:
            error = broken(server)
            assert (str(error), error.final) == (why, False)
            assert server.connections == 1
        assert other.connections == 0


def test_a_redirect_never_leads_from_https_to_http() -> None:
    class Moves:
        guard = LocalAddresses()
        asked: ClassVar[list[str]] = []

        @contextmanager
        def ask(self, _: str, url: str, **__: Any) -> Iterator[Any]:
            self.asked.append(url)
            yield SimpleNamespace(status=302, headers={"Location": "http://files.example/x"})

    source = RecordingSource(Moves(), limit_bytes=9, timeout_s=1)  # type: ignore[arg-type]
    with (
        pytest.raises(RecordingFailed, match="redirect refused: not https"),
        source.open("https://files.example/", hosts=["files.example"], within_s=1),
    ):
        raise AssertionError
    assert Moves.asked == ["https://files.example/"]


N = len(CONTENT)


@pytest.mark.parametrize(
    "fields",
    [
        [f"Content-Length: {N - 1}", f"Content-Length: {N}"],
        [f"Content-Length: {N}, {N - 1}"],
        [f"Content-Length: {N}", "Transfer-Encoding: chunked"],
        [f"Content-Length: +{N}"],
        ["Content-Length: -1"],
        ["Content-Length: 0x10"],
        [f"Content-Length: {N},"],
        ["Content-Length: "],
        ["Transfer-Encoding: gzip, chunked"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    ],
)
@pytest.mark.parametrize("md5", [None, MD5])
def test_contradictory_lengths_are_refused(fields: list[str], md5: str | None) -> None:
    sent = "\r\n".join(["HTTP/1.1 200 OK", *fields, "", ""]).encode() + CONTENT
    with listening(answering(sent)) as server:
        error = broken(server, md5=md5)
    assert (str(error), error.final) == ("broken off: contradictory lengths", False)


@pytest.mark.parametrize(
    "fields",
    [[f"Content-Length: {N}"] * 2, [f"Content-Length: {N}, {N}"], [f"Content-Length: 0{N}"]],
)
def test_a_length_that_is_told_twice_is_one(fields: list[str]) -> None:
    sent = "\r\n".join(["HTTP/1.1 200 OK", *fields, "", ""]).encode() + CONTENT
    with listening(answering(sent, sent)) as server:
        assert [fetch(server), fetch(server)] == [CONTENT] * 2


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
    # A redirect without a Location leads nowhere.
    with listening(answering(whole(b"", status=status))) as server:
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
    source = RecordingSource(Client(LocalAddresses()), limit_bytes=LIMIT, timeout_s=0.2)
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
    source = RecordingSource(Client(AddressGuard()), limit_bytes=LIMIT, timeout_s=1)
    with (
        pytest.raises(RecordingFailed) as failed,
        source.open(url, hosts=["Files.example", "*.b.example"], within_s=1),
    ):
        raise AssertionError
    assert (str(failed.value) != NOT_ASKED) is listed


def test_an_error_in_the_block_is_the_blocks_own() -> None:
    source = RecordingSource(Client(LocalAddresses()), limit_bytes=LIMIT, timeout_s=5)
    with listening(answering(whole())) as server:
        hosts = [f"127.0.0.1:{server.port}"]
        with (
            pytest.raises(OSError, match="no space"),
            source.open(server.url, hosts=hosts, within_s=5) as recording,
        ):
            assert isinstance(recording, Recording)
            raise OSError("no space")
