"""Recordings at their carriers: read once, as a stream, and checked while they are read."""

import hashlib
import re
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from unicodedata import category
from urllib.parse import quote, urljoin

from chalicelib.core.errors import RecordingFailed, RefusedAddress
from chalicelib.egress.addresses import Address
from chalicelib.egress.client import Client, Reply
from chalicelib.egress.connecting import ExchangeFailed
from chalicelib.egress.sound import FIRST_BYTES, is_sound, no_sound

MAX_HOPS = 3
"""How many redirects are followed."""

_CHUNK = 256 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PARTS = re.compile(r"(https?://[^/?#\s]*)(.*)", re.IGNORECASE)
_ODD = re.compile(r"[^!-~]")


class Recording:
    """The file as it comes, bytes untouched. `length` is what the server said that it is, `size`
    and `md5` (hex) are of what was read so far."""

    def __init__(self, reply: Reply, *, limit_bytes: int, md5: str | None) -> None:
        self._reply = reply
        self._limit = limit_bytes
        self._expected = md5
        self._digest = hashlib.md5(usedforsecurity=False)
        self._whole = False
        self._first = _read(reply, FIRST_BYTES)
        self.length = reply.length
        self.size = 0
        header = reply.headers.get("Content-Type", "")
        media_type = re.split("[;,]", header, maxsplit=1)[0].strip().lower()
        self.content_type = media_type if is_sound(media_type) else "application/octet-stream"
        encoding = reply.headers.get("Content-Encoding", "").strip().lower()
        if md5 is None and (why := no_sound(media_type, encoding, self._first)):
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
            if self._expected is not None and self.md5 != self._expected:
                raise RecordingFailed("wrong md5")
            self._whole = True
        return part


class RecordingSource:
    """Fetches recordings of at most `limit_bytes`. A fetch fails when no byte comes for `timeout_s`
    seconds."""

    def __init__(self, client: Client, *, limit_bytes: int, timeout_s: float) -> None:
        self._client = client
        self._limit = limit_bytes
        self._timeout_s = timeout_s

    @contextmanager
    def open(
        self, url: str, *, hosts: Collection[str], within_s: float, md5: str | None = None
    ) -> Iterator[Recording]:
        """Opens the recording at this address. It is read inside the block, which may take
        `within_s` seconds in all.

        Only `hosts` (lower case) are asked: `files.example.com`, `*.example.com` for every name
        below it, `127.0.0.1:8080` where the port is not the scheme's own. MAX_HOPS redirects are
        followed to addresses that could be asked for at first, too, and never from https to http.
        `md5` is what the file must have (hex; empty or None: not known). Without it an answer that
        is not known to be sound is taken for an error page. Raises RecordingFailed, whose text
        holds no address.
        """
        until = time.monotonic() + within_s
        md5 = (md5 or "").strip().lower() or None
        try:
            url = self._allowed(url, hosts)
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
                    yield self._begin(reply, md5)
                    return
            url = self._redirected(url, moved, hosts)
        raise RecordingFailed("too many redirects")

    def _allowed(self, url: str, hosts: Collection[str]) -> str:
        """The address as it is asked for. Raises RefusedAddress, RecordingFailed."""
        url = _encoded(url)
        address = self._client.guard.read(url)
        if not any(_is_of(address, host) for host in hosts):
            # Not final: an operator may add the host.
            raise RecordingFailed("not a host that recordings are fetched from")
        return url

    def _redirected(self, url: str, location: str, hosts: Collection[str]) -> str:
        """Where a redirect leads. No refusal is final: the next one may lead elsewhere."""
        try:
            # Headers are read as Latin-1, and written in UTF-8 where they are not ASCII.
            target = self._allowed(urljoin(url, location.encode("latin-1").decode()), hosts)
        except RefusedAddress as error:
            raise RecordingFailed(f"redirect refused: {error.why}") from None
        except ValueError:
            raise RecordingFailed("redirect refused: no address") from None
        if _is_https(url) != _is_https(target):
            raise RecordingFailed("redirect refused: not https")
        return target

    def _begin(self, reply: Reply, md5: str | None) -> Recording:
        if reply.status != 200:
            raise RecordingFailed(f"HTTP {reply.status}")
        if reply.length is not None and reply.length > self._limit:
            raise RecordingFailed("over the limit", final=True)
        recording = Recording(reply, limit_bytes=self._limit, md5=md5)
        if md5 is None and not reply.ends_itself:
            raise RecordingFailed("neither its length nor its md5 is known")
        return recording


def _encoded(url: str) -> str:
    """With blanks and letters behind the host, which carriers leave as they are, percent-encoded as
    UTF-8. Whatever else no address has stays, and is refused."""
    found = _PARTS.fullmatch(url.rstrip(" "))
    return found[1] + _ODD.sub(_quoted, found[2]) if found else url


def _quoted(found: re.Match[str]) -> str:
    control = category(found[0]) in {"Cc", "Cs"}
    return found[0] if control else quote(found[0])


def _is_https(url: str) -> bool:
    return url.partition(":")[0].lower() == "https"


def _read(reply: Reply, size: int) -> bytes:
    try:
        return reply.read(size)
    except ExchangeFailed as error:
        raise RecordingFailed(f"broken off: {error}") from None


def _is_of(address: Address, host: str) -> bool:
    if host.startswith("*."):
        return address.place.endswith(host[1:].lower())
    return address.place == host.lower()
