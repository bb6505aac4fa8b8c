"""A recording while it comes in."""

from typing import Protocol


class Reader(Protocol):
    """A recording while it comes in: raises RecordingFailed when it breaks off or ends wrong."""

    content_type: str
    size: int
    """Bytes so far."""

    @property
    def md5(self) -> str:
        """Of what was read so far, lower hex."""
        ...

    def read(self, size: int = -1, /) -> bytes: ...
