"""Orphaned events: listed, and given to the app that they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.model import Call, Delivery, Stored
from chalicelib.core.errors import UnknownEvent
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.services.calls.matching import CallMatching
from chalicelib.store.calls.calls import CallStore

PAGE = 100
"""How many calls are looked at in one go."""


@dataclass(frozen=True, slots=True)
class Orphan:
    """An orphaned event: of which carrier account and node, what it is, when it happened as
    the carrier says it, and when it was received (epoch ms)."""

    id: str
    carrier: str
    node: str | None
    kind: EventKind
    at: int
    received: int


@dataclass(frozen=True, slots=True)
class OrphanPage:
    """Some of them, the latest first; `after` is where the next page goes on (None: no more)."""

    orphans: Sequence[Orphan]
    after: str | None


class OrphanService:
    """What an operator does about them. Times are epoch ms; every method may raise Unavailable."""

    def __init__(self, *, calls: CallStore, ingest: EventIngest, matching: CallMatching) -> None:
        self._calls = calls
        self._ingest = ingest
        self._matching = matching

    def find(self, *, after: str | None = None, limit: int = PAGE) -> OrphanPage:
        """The orphaned events of at most `limit` calls."""
        found = self._calls.orphaned(after=after, limit=limit)
        orphans = [_shown(each) for call in found.calls for each in _orphans(call)]
        return OrphanPage(orphans, found.after)

    def give(self, event_id: str, app: str, *, now: int) -> bool:
        """Makes an orphaned event one of this app's, to which it is delivered as if it had just
        come. A repeat changes nothing. False, and nothing is done, if its X was another app's then.
        Raises UnknownEvent, Contended."""
        found = self._calls.event(event_id)
        if found is None or found[1] not in _orphans(found[0]):
            raise UnknownEvent("no such orphaned event")
        call, stored = found
        # First where it belongs: if we die now, it is only put there again.
        calls = [each for each in self._calls.beside(stored.event) if each.app == app]
        if stored.event.number is None and len(calls) == 1:
            self._matching.follow(stored, calls[0], now=now)
        elif not self._ingest.give(stored, app, now=now):
            return False
        self._calls.advance(call, stored, replace(stored.progress, delivery=Delivery.KEPT, at=now))
        return True


def _orphans(call: Call) -> list[Stored]:
    if call.app is not None:
        return []
    return [each for each in call.stored if each.progress.delivery is Delivery.UNMATCHED]


def _shown(stored: Stored) -> Orphan:
    event = stored.event
    return Orphan(stored.key.id, event.carrier, event.node, event.kind, event.at, event.received)
