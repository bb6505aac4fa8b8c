"""What stands on an X for somebody who dials it."""

from dataclasses import dataclass

from chalicelib.core.values import Leg


@dataclass(frozen=True, slots=True)
class Line:
    """What stands on an X for one caller: the app that owns it, the caller's own leg, and the leg
    that is everybody's."""

    owner: str | None
    leg: Leg | None
    everybodys: Leg | None = None
