"""Recordings where carriers keep them: read once, as a stream, and checked while they are read."""

import hashlib
import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unicodedata import category
from urllib.parse import quote, urljoin

from chalicelib.core.errors import RecordingFailed, RefusedAddress
from chalicelib.egress.addresses import Address, read_address
from chalicelib.egress.client import Client, Reply
from chalicelib.egress.connecting import ExchangeFailed

MAX_HOPS = 3
"""How many redirects are followed."""

_CHUNK = 256 * 1024
_FIRST = 4096
"""Bytes by which sound is known."""
_SOUND = re.compile(r"(?:audio|video)/[a-z0-9.+-]{1,40}")
_TEXT = re.compile(
    r"(?:text|multipart|message)/.*"
    r"|.*[/+](?:json|xml|html|yaml|javascript|ecmascript)"
    r"|application/(?:x-javascript|x-www-form-urlencoded|x-yaml)"
)
"""Media types of error pages and other texts."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PARTS = re.compile(r"(https?://[^/?#\s]*)(.*)", re.IGNORECASE)
_ODD = re.compile(r"[^!-~]")
_CONTAINER = re.compile(
    rb"RIFF|RF64|OggS|wvpk|ADIF|FORM....AIF|....ftyp"  # WAV, Ogg, WavPack, AAC, AIFF, MP4 and 3GP
    rb"|fLaC\x00|caff\x00|\.snd\x00|FLV\x01|ID3[\x02-\x04]"  # FLAC, CAF, AU, Flash, MP3 with a tag
    rb"|#!AMR[\n-]|\x02?#!SILK|Creative Voice File\x1a"
    rb"|\x1a\x45\xdf\xa3|\x30\x26\xb2\x75|\x00\x00\x01\xba"  # Matroska, ASF (WMA), MPEG-PS
    # A frame of MPEG audio or ADTS. \xff\xfe is left out: UTF-16 begins with it.
    rb"|\xff[\xe2-\xe7\xf0-\xfd][\x00-\xef]",
    re.DOTALL,
)
"""How formats of sound and film begin."""
_OTHER = re.compile(
    rb"\x1f\x8b|\x28\xb5\x2f\xfd|PK\x03\x04|\x89PNG|\xff\xd8\xff|GIF8|%PDF", re.DOTALL
)
"""How other binary files begin: gzip, zstd, zip, PNG, JPEG, GIF, PDF."""
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_ENOUGH = 16
"""Control bytes that no text has among its first; raw samples have."""


class Recording:
    """The file as it comes, bytes untouched. `length` is what it should be, if the server said."""

    def __init__(self, reply: Reply, *, limit_bytes: int, md5: str | None) -> None:
        self._reply = reply
        self._limit = limit_bytes
        self._expected = md5
        self._digest = hashlib.md5(usedforsecurity=False)
        self._whole = False
        self._first = _read(reply, _FIRST)
        self.length = reply.length
        self.size = 0
        media = _media(reply.headers)
        self.content_type = media if _SOUND.fullmatch(media) else "application/octet-stream"
        if md5 is None and (why := _no_sound(media, _encoding(reply.headers), self._first)):
            raise RecordingFailed(why)

    @property
    def md5(self) -> str:
        """Of what was read so far, hex."""
        return self._digest.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes (all that are left, if negative), fewer only at the end.

        The end is given only if everything came and has the right md5. Raises RecordingFailed.
        """
        parts = []
        wanted = self._limit + 1 if size < 0 else size
        while wanted and not self._whole:
            part = self._next(min(wanted, _CHUNK))
            wanted -= len(part)
            parts.append(part)
        return b"".join(parts)

    def _next(self, size: int) -> bytes:
        part, self._first = self._first[:size], self._first[size:]
        part = part or _read(self._reply, size)
        self.size += len(part)
        if self.size > self._limit:
            raise RecordingFailed("over the limit", final=True)
        self._digest.update(part)
        if not part or self.size == self.length:
            self._end()
        return part

    def _end(self) -> None:
        if self._expected is not None and self.md5 != self._expected:
            raise RecordingFailed("wrong md5")
        self._whole = True


class RecordingSource:
    """Fetches recordings of at most `limit_bytes`; nothing may come for `timeout_s` at most."""

    def __init__(self, client: Client, *, limit_bytes: int, timeout_s: float) -> None:
        self._client = client
        self._limit = limit_bytes
        self._timeout_s = timeout_s

    @contextmanager
    def open(
        self, url: str, *, hosts: Collection[str], within_s: float, md5: str | None = None
    ) -> Iterator[Recording]:
        """The recording at this address, read inside the block, which may take `within_s` in all.

        `hosts` are the only ones that are asked, in lower case: `files.example.com`,
        `*.example.com` for every name below it, and `127.0.0.1:8080` where the port is not the
        scheme's own. A redirect is followed, MAX_HOPS times at most, to what would do as the first
        address too, and never from https to http. `md5` is what the file must have (hex; empty: not
        told); without one, an answer that is not known to be sound is taken for an error page.
        Raises RecordingFailed, whose text holds no address.
        """
        until = time.monotonic() + within_s
        md5 = (md5 or "").strip().lower() or None
        try:
            url = self._judged(url, hosts)
        except RefusedAddress as error:
            raise RecordingFailed(f"refused: {error.why}", final=True) from None
        for _ in range(MAX_HOPS + 1):
            with ExitStack() as stack:
                try:
                    reply = stack.enter_context(
                        self._client.ask(
                            "GET", url, headers={}, until=until, silence_s=self._timeout_s
                        )
                    )
                except ExchangeFailed as error:
                    # Not final: the name may lead to another IP address the next time.
                    raise RecordingFailed(str(error)) from None
                moved = reply.headers.get("Location") if reply.status in _REDIRECTS else None
                if moved is None:
                    yield self._begun(reply, md5)
                    return
            url = self._next(url, moved, hosts)
        raise RecordingFailed("too many redirects")

    def _judged(self, url: str, hosts: Collection[str]) -> str:
        """The address as it is asked for. Raises RefusedAddress, RecordingFailed."""
        url = _encoded(url)
        address = read_address(url, private=self._client.private)
        if not any(_is_of(address, host) for host in hosts):
            # Not final: an operator may name it yet.
            raise RecordingFailed("not a host that recordings are fetched from")
        return url

    def _next(self, url: str, moved: str, hosts: Collection[str]) -> str:
        """Where a redirect leads. No refusal is final: the server may redirect elsewhere the next
        time."""
        try:
            # Headers are read as Latin-1, and written in UTF-8 where they are not ASCII.
            target = self._judged(urljoin(url, moved.encode("latin-1").decode()), hosts)
        except RefusedAddress as error:
            raise RecordingFailed(f"redirect refused: {error.why}") from None
        except ValueError:
            raise RecordingFailed("redirect refused: no address") from None
        if _scheme(url) == "https" != _scheme(target):
            raise RecordingFailed("redirect refused: not https")
        return target

    def _begun(self, reply: Reply, md5: str | None) -> Recording:
        if reply.status != 200:
            raise RecordingFailed(f"HTTP {reply.status}")
        if reply.length is not None and reply.length > self._limit:
            raise RecordingFailed("over the limit", final=True)
        recording = Recording(reply, limit_bytes=self._limit, md5=md5)
        if md5 is None and not reply.ends_itself:
            raise RecordingFailed("neither its length nor its md5 is known")
        return recording


def _encoded(url: str) -> str:
    """With what carriers leave raw behind the host, blanks and letters that are not ASCII, as
    percent-encoded UTF-8. Anything else that no address has stays, and is refused."""
    found = _PARTS.fullmatch(url.rstrip(" "))
    return found[1] + _ODD.sub(_quoted, found[2]) if found else url


def _quoted(found: re.Match[str]) -> str:
    control = category(found[0]) in {"Cc", "Cs"}
    return found[0] if control else quote(found[0])


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _read(reply: Reply, size: int) -> bytes:
    try:
        return reply.read(size)
    except ExchangeFailed as error:
        raise RecordingFailed(f"broken off: {error}") from None


def _media(headers: Mapping[str, str]) -> str:
    return re.split("[;,]", headers.get("Content-Type", ""), maxsplit=1)[0].strip().lower()


def _encoding(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Encoding", "").strip().lower()


def _no_sound(media: str, encoding: str, first: bytes) -> str:
    """Why an answer is no recording; empty if it is one. Servers call error pages all kinds of
    things, sound too: what is not called a text must begin as a format of sound does. Sound without
    such a beginning (raw samples) must be called sound, and must not look like anything else."""
    if not first:
        return "empty"
    if _TEXT.fullmatch(media):
        return "a text, not a recording"
    if encoding not in {"", "identity"}:
        return "compressed, not a recording"
    if _CONTAINER.match(first):
        return ""
    if _is_text(first):
        return "a text, not a recording"
    if not _SOUND.fullmatch(media) or _OTHER.match(first):
        return "not a format of sound"
    return ""


def _is_text(first: bytes) -> bool:
    """Of UTF-8, GBK and the like, or of UTF-16."""
    if len(_CONTROL.findall(first)) < _ENOUGH:
        return True
    return any(_is_utf_16(first, encoding) for encoding in ("utf-16-le", "utf-16-be"))


def _is_utf_16(first: bytes, encoding: str) -> bool:
    text = first.decode(encoding, "ignore")
    # Quiet samples of mu-law would read as Chinese without a mark and without a blank.
    told = text.startswith("\ufeff") or any(map(str.isascii, text))
    return told and "".join(text.removeprefix("\ufeff").split()).isprintable()


def _is_of(address: Address, host: str) -> bool:
    if host.startswith("*."):
        return address.place.endswith(host[1:].lower())
    return address.place == host.lower()
