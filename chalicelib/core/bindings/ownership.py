"""To whom an X belonged, from when until when."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.durations import MINUTE_MS

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
