"""What EventDesk does with events and with what can't be read, in memory."""

from collections.abc import Iterable
from dataclasses import replace

from chalicelib.core.calls.events import Event, UnreadCallback


def content(event: Event) -> Event:
    """What an event says: two that say the same are one."""
    return replace(event, received=0, raw="", at=event.at if event.timed else 0)


class Desk:
    """A repeat is stored, and kept, no second time."""

    def __init__(self) -> None:
        self.stored: dict[Event, Event] = {}
        self.refused = 0
        self.kept: dict[bytes, UnreadCallback] = {}
        self.down: Exception | None = None

    def record(self, events: Iterable[Event]) -> None:
        if self.down:
            raise self.down
        for event in events:
            self.stored.setdefault(content(event), event)

    def too_large(self) -> None:
        """One more that was too large to keep."""
        self.refused += 1

    def keep(self, callback: UnreadCallback) -> None:
        if self.down:
            raise self.down
        self.kept.setdefault(callback.body, callback)
