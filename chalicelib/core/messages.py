"""A request as a facade sees it and the reply it gives: no framework's types."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.core.errors import AnswerClass


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `headers` has lower-case names; `query` is decoded, in order; `source` is
    the address that it came from (empty: not known)."""

    method: str
    headers: Mapping[str, str] = field(repr=False)
    query: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply in JSON; `facts` is what the log may know about it (no numbers), None that
    there is to be no line about it; `answered` is what it is counted as."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str | int] | None = field(default_factory=dict)
    answered: AnswerClass = AnswerClass.OK
