"""Whose an X is, the routing entries (X, caller) -> binding, and what both say to one caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.core.bindings.model import PLAIN, Direction, Presentation, Role
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.subscribers import Subscriber

NOTICE_MS = 5 * MINUTE_MS
"""How long before it takes effect it is written that an X leaves an app: longer than any process
remembers to whom X belongs, and than clocks are apart."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The app that X belongs to, and the carrier that connects its calls, from `since` until before
    `until` (epoch ms; None: for good). `number` is X as the app's pool has it, which may be another
    spelling than the one it was looked for by; empty: the same."""

    app: str
    carrier: str
    since: int
    until: int | None = None
    number: str = ""

    def at(self, moment: int) -> bool:
        """Whether X belonged to it then."""
        return self.during(moment, moment)

    def during(self, first: int, last: int) -> bool:
        """Whether X belonged to it at any moment of these."""
        return self.since <= last and (self.until is None or first < self.until)


def owner_at(owners: Sequence[Owner], moment: int) -> Owner | None:
    """The owner at a moment (epoch ms); None if X belonged to nobody."""
    return next((owner for owner in owners if owner.at(moment)), None)


@dataclass(frozen=True, slots=True)
class Route:
    """The routing entry (X, caller) -> binding, with all that a call needs.

    `reusable_at` (epoch ms) is when it may lead to a different person. An XA has two: A's own,
    which leads nowhere, and the one of role `b` that is everybody's.
    """

    binding: str
    app: str
    number: str
    role: Role
    a: Subscriber
    b: Subscriber | None
    record: bool
    expires: int
    reusable_at: int
    max_call_s: int
    released: bool = False
    presentation: Presentation = PLAIN
    direction: Direction = Direction.BOTH

    def live(self, now: int) -> bool:
        """Whether it leads somewhere at `now`: one that was released does not, whatever a clock
        says."""
        return not self.released and now < self.expires

    @property
    def peer(self) -> Subscriber | None:
        """Whom this caller reaches; nobody on the own call of an XA's A."""
        return self.b if self.role == "a" else self.a

    @property
    def allowed(self) -> bool:
        """Whether this caller may call in this direction."""
        return self.direction in (Direction.BOTH, _FROM[self.role])

    @property
    def shows_caller(self) -> bool:
        """Whether the peer sees this caller's real number."""
        return self.presentation.show_a if self.role == "a" else self.presentation.show_b

    @property
    def prompt(self) -> str:
        """The announcement that this caller hears; empty: none."""
        return self.presentation.prompt_a if self.role == "a" else self.presentation.prompt_b


_FROM: Mapping[Role, Direction] = {"a": Direction.A_TO_B, "b": Direction.B_TO_A}


@dataclass(frozen=True, slots=True)
class RouteLookup:
    """What stands on an X for one caller: whose X it was and is, the caller's own route, the one
    that is everybody's, and whose X the caller's number itself was and is. `number` is X as its
    pool has it, where that is another spelling."""

    owners: tuple[Owner, ...]
    route: Route | None
    everybodys: Route | None = None
    callers_owners: tuple[Owner, ...] = ()
    number: str = ""
