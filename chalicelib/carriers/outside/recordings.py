"""Recordings where carriers keep them: read once, as a stream, and checked while they are read."""

import hashlib
import re
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPException, HTTPResponse

from chalicelib.carriers.outside.addresses import Address, read_address
from chalicelib.carriers.outside.calls import Outside
from chalicelib.core.errors import RecordingFailed, RefusedAddress

_CHUNK = 256 * 1024
_SOUND = re.compile(r"(?:audio|video)/[a-z0-9.+-]{1,40}")


class Recording:
    """The file as it comes, bytes untouched. `length` is what it should be, if the server said."""

    def __init__(self, answer: HTTPResponse, *, limit_bytes: int, md5: str | None) -> None:
        self._answer = answer
        self._limit = limit_bytes
        self._expected = md5
        self._digest = hashlib.md5(usedforsecurity=False)
        self._whole = False
        self.length = answer.length
        self.size = 0
        self.content_type = _media(answer.headers.get_content_type())

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
        try:
            part = self._answer.read(size)
        except (OSError, HTTPException, ValueError) as error:
            raise RecordingFailed(f"broken off: {type(error).__name__}") from None
        self.size += len(part)
        if self.size > self._limit:
            raise RecordingFailed("over the limit", final=True)
        self._digest.update(part)
        if not part or self.size == self.length:
            self._end()
        return part

    def _end(self) -> None:
        if self.length is not None and self.size != self.length:
            raise RecordingFailed("broken off: too short")
        if self._expected is not None and self.md5 != self._expected:
            raise RecordingFailed("wrong md5")
        self._whole = True


class RecordingSource:
    """Fetches recordings of at most `limit_bytes`; nothing may come for `timeout_s` at most."""

    def __init__(self, outside: Outside, *, limit_bytes: int, timeout_s: float) -> None:
        self._outside = outside
        self._limit = limit_bytes
        self._timeout_s = timeout_s

    @contextmanager
    def open(
        self, url: str, *, hosts: Collection[str], within_s: float, md5: str | None = None
    ) -> Iterator[Recording]:
        """The recording at this address, read inside the block, which may take `within_s` in all.

        `hosts` are the only ones that are asked, in lower case: `files.example.com`,
        `*.example.com` for every name below it, and `127.0.0.1:8080` where the port is not the
        scheme's own. `md5` is what the file must have (hex; empty: not told).
        Raises RecordingFailed, whose text holds no address.
        """
        until = time.monotonic() + within_s
        md5 = (md5 or "").strip().lower() or None
        self._check(url, hosts)
        with ExitStack() as stack:
            try:
                answer = stack.enter_context(
                    self._outside.ask(
                        "GET", url, headers={}, until=until, silence_s=self._timeout_s
                    )
                )
            except RefusedAddress as error:
                # Not final: the name may lead to another IP address the next time.
                raise RecordingFailed(f"refused: {error.why}") from None
            except (OSError, HTTPException, ValueError) as error:
                raise RecordingFailed(type(error).__name__) from None
            yield self._begun(answer, md5)

    def _check(self, url: str, hosts: Collection[str]) -> None:
        try:
            address = read_address(url, private=self._outside.private)
        except RefusedAddress as error:
            raise RecordingFailed(f"refused: {error.why}", final=True) from None
        if not any(_is_of(address, host) for host in hosts):
            # Not final: an operator may name it yet.
            raise RecordingFailed("not a host that recordings are fetched from")

    def _begun(self, answer: HTTPResponse, md5: str | None) -> Recording:
        if answer.status != 200:
            raise RecordingFailed(f"HTTP {answer.status}")
        if answer.length is None and not answer.chunked and md5 is None:
            # It ends when the connection does, and nobody could tell half of it from the whole.
            raise RecordingFailed("neither its length nor its md5 is known")
        if answer.length is not None and answer.length > self._limit:
            raise RecordingFailed("over the limit", final=True)
        return Recording(answer, limit_bytes=self._limit, md5=md5)


def _media(told: str) -> str:
    """What the file is given out as: nothing that a browser would run."""
    return told if _SOUND.fullmatch(told) else "application/octet-stream"


def _is_of(address: Address, host: str) -> bool:
    if host.startswith("*."):
        return address.place.endswith(host[1:].lower())
    return address.place == host.lower()
