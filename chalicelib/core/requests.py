"""What makes two requests the same one."""

from dataclasses import dataclass, field

from chalicelib.core.errors import RequestMismatch

MARK_KEY, MARK_CONTENT = 10, 6
"""Characters of a request's key and of its content that its mark has."""


@dataclass(frozen=True, slots=True)
class RequestId:
    """What makes two requests the same one.

    `key` names the request within its app, `content` is a digest of what it asks. `explicit`
    says that the client named it itself; otherwise the key stands for an exact repeat.
    """

    key: str
    content: str
    explicit: bool

    @property
    def mark(self) -> str:
        """Stands for the request where many are remembered: the beginnings of key and content."""
        return self.key[:MARK_KEY] + self.content[:MARK_CONTENT]


@dataclass(frozen=True, slots=True)
class Earlier:
    """A request that came before under the same id: the digest of what it asked, when it came
    (epoch ms), and its answer where one is kept."""

    content: str
    at: int
    answer: str | None = field(default=None, repr=False)

    def check(self, request: RequestId) -> None:
        """Raises RequestMismatch unless it asked the same as `request`."""
        if self.content != request.content:
            raise RequestMismatch("this request id came with other parameters")
