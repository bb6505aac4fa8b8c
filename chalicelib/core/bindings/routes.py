"""The routing entries (X, caller) -> binding, and what stands on an X for one caller."""

from dataclasses import dataclass

from chalicelib.core.bindings.model import PLAIN, Presentation, Role
from chalicelib.core.bindings.ownership import Owner
from chalicelib.core.subscribers import Subscriber


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

    def live(self, now: int) -> bool:
        """Whether it leads somewhere at `now`: one that was released does not, whatever a clock
        says."""
        return not self.released and now < self.expires

    @property
    def peer(self) -> Subscriber | None:
        """Whom this caller reaches; nobody on the own call of an XA's A."""
        return self.b if self.role == "a" else self.a

    @property
    def shows_caller(self) -> bool:
        """Whether the peer sees this caller's real number."""
        return self.presentation.show_a if self.role == "a" else self.presentation.show_b

    @property
    def prompt(self) -> str:
        """The announcement that this caller hears; empty: none."""
        return self.presentation.prompt_a if self.role == "a" else self.presentation.prompt_b


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
