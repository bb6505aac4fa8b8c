"""What stands on an X for somebody who dials it."""

from dataclasses import dataclass

from chalicelib.core.bindings.ownership import Owner
from chalicelib.core.bindings.routes import Route


@dataclass(frozen=True, slots=True)
class RouteLookup:
    """What stands on an X for one caller: whose X it was and is, the caller's own leg, the leg that
    is everybody's, and whose X the caller's number itself was and is. `number` is X as its pool has
    it, where that is another spelling."""

    owners: tuple[Owner, ...]
    route: Route | None
    everybodys: Route | None = None
    callers_owners: tuple[Owner, ...] = ()
    number: str = ""
