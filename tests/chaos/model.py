"""What the clients asked for and were answered, and what follows of it.

A request that got no answer, or one that says that nobody knows, may or may not have been done. So
a binding certainly stands, certainly stands no more, or either is right. Times are epoch ms.
"""

import threading
import time
from dataclasses import dataclass, field
from typing import Literal

MARGIN_MS = 2_000
"""So near to its end nobody says whether a binding still stands."""
IN_FLIGHT_MS = 240_000
"""A request that stands in the queue of a stopped gateway may be carried out so much later."""

Outcome = Literal["done", "refused", "unknown"]


@dataclass(slots=True)
class Delay:
    """A request for more time, and what is known of it."""

    request: str
    minutes: int
    outcome: Outcome = "unknown"


@dataclass(slots=True)
class Case:
    """One request for a binding, with all that came of it.

    `a` and `b` are places in the list of people (no `b`: an XA), `asked_x` is the X that the
    request names, if it does, `x` the one that was given; `life_s` is None for one without end.
    `ids` are all ids that it was ever answered with.
    """

    request: str
    app: str
    a: int
    b: int | None
    asked_x: str | None
    life_s: int | None
    asked_at: int = 0
    acked_at: int | None = None
    x: str | None = None
    ids: set[str] = field(default_factory=set)
    ending_at: int | None = None
    """When somebody first asked for its end, or could have ended it with another request."""
    ended_at: int | None = None
    delays: list[Delay] = field(default_factory=list)
    said: list[tuple[int, str]] = field(default_factory=list)

    def say(self, what: str) -> None:
        """For its history. No number of anybody's goes in here."""
        self.said.append((now_ms(), what))

    @property
    def id(self) -> str:
        """Once it was acknowledged."""
        (only,) = self.ids
        return only

    @property
    def soonest_end(self) -> float:
        """Before this it has surely not run out."""
        if self.life_s is None:
            return float("inf")
        done = sum(each.minutes for each in self.delays if each.outcome == "done")
        return self.asked_at + self.life_s * 1000 + done * 60_000

    @property
    def latest_end(self) -> float:
        """From this on it has."""
        if self.life_s is None or self.acked_at is None:
            return float("inf")
        more = sum(each.minutes for each in self.delays if each.outcome != "refused")
        return self.acked_at + self.life_s * 1000 + more * 60_000

    def stands(self, *, since: int, until: int) -> bool:
        """Whether it has to stand at every moment between the two."""
        acked = self.acked_at is not None and self.acked_at <= since
        return acked and self.ending_at is None and until < self.soonest_end - MARGIN_MS

    def is_over(self, *, since: int) -> bool:
        """Whether it must not stand from then on."""
        ended = self.ended_at is not None and self.ended_at <= since
        return ended or since > self.latest_end + MARGIN_MS


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken. `request` names the case, `binding` our id, where there is one."""

    rule: str
    what: str
    request: str | None = None
    binding: str | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two looks see the same one."""
        return self.rule, self.request or "", self.binding or "", self.what


class Model:
    """All cases, and what was seen to be wrong while they went on. Safe under threads."""

    def __init__(self) -> None:
        self._cases: dict[str, Case] = {}
        self._violations: list[Violation] = []
        self._lock = threading.Lock()
        self.counts: dict[str, int] = {}

    def add(self, case: Case) -> Case:
        """One more."""
        with self._lock:
            self._cases[case.request] = case
        return case

    def cases(self) -> list[Case]:
        """As they are now."""
        with self._lock:
            return list(self._cases.values())

    def case(self, request: str) -> Case | None:
        """By its request id."""
        return self._cases.get(request)

    def count(self, what: str) -> None:
        """One more of something."""
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def broken(self, violation: Violation) -> None:
        """For the report."""
        with self._lock:
            self._violations.append(violation)

    @property
    def violations(self) -> list[Violation]:
        """Seen so far, each once."""
        with self._lock:
            return list({each.key: each for each in self._violations}.values())


def now_ms() -> int:
    """Epoch ms."""
    return time.time_ns() // 1_000_000
