"""Which calls are looked for, and a page of what was found."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.calls.model import (
    Call,
)
from chalicelib.core.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class Search:
    """Which calls are looked for: of an app, from `since` until before `until` (epoch ms), newest
    first, at most one of the other three; `after` is the place of the last one already seen."""

    app: str
    since: int
    until: int
    binding: str | None = None
    number: str | None = None
    person: Subscriber | None = None
    after: str | None = None
    newest_first: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search, and the place of its last one (None: there are no more)."""

    calls: Sequence[Call]
    after: str | None
