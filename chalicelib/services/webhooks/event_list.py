"""Events as their app looks them up: one by its id, or a list by state, kind and time; each with
how its delivery went."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.model import Call, Delivery, PastAttempt, Stored
from chalicelib.core.calls.search import Search
from chalicelib.core.calls.splitting import split, started_at
from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import UnknownEvent
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.calls.index import listed, listed_dead, place

PAGE = 100
"""How many calls are read at once, at most."""
PAGES = 3
"""How many times that is done for one page of a list."""
SPAN_MS = 31 * DAY_MS
"""How much time one page of a list goes over; the next page goes on."""
LASTS_MS = DAY_MS
"""How long after its call began an event is found by its time."""


class State(StrEnum):
    """How far the delivery of an event is."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


_STATES = {
    Delivery.FETCHING: State.PENDING,
    Delivery.PENDING: State.PENDING,
    Delivery.DELIVERED: State.DELIVERED,
    Delivery.DEAD_LETTERED: State.DEAD,
}
"""What is not here is nothing that the app is sent."""


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """An event: the ids of itself and of its call's record, when it happened, and its latest
    attempts, the oldest first. `next_attempt` is when the next one is due, `failed` when it was
    dead-lettered (epoch ms; None where there is no such thing)."""

    id: str
    record: str
    kind: EventKind
    at: int
    state: State
    attempts: Sequence[PastAttempt]
    next_attempt: int | None
    failed: int | None


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are listed: those that happened from `since` until before `until` (epoch ms), of
    one state and one kind, if these are named."""

    since: int
    until: int
    state: State | None = None
    kind: EventKind | None = None


@dataclass(frozen=True, slots=True)
class EventPlace:
    """Where a list goes on: with calls before `until` (epoch ms), behind the place `after`, but
    without the events of the call `call` up to its event `event`."""

    until: int
    after: str | None = None
    call: str = ""
    event: str = ""


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of a list, and where the next page begins (None: there is none)."""

    events: Sequence[ListedEvent]
    following: EventPlace | None


class EventList:
    """What an app is shown of its events. Times are epoch ms; every method may raise
    Unavailable."""

    def __init__(self, calls: CallStore) -> None:
        self._calls = calls

    def get(self, app: str, event_id: str) -> ListedEvent:
        """One event. Raises UnknownEvent, also for one that the app is not sent."""
        found = self._calls.event(event_id)
        if found is None or found[0].app != app or found[1].progress.delivery not in _STATES:
            raise UnknownEvent("no such event")
        call, stored = found
        (part,) = (each for each in split(call) if stored in each.stored)
        return _listed(part, stored)

    def find(
        self, app: str, wanted: EventFilter, *, limit: int, begins: EventPlace | None = None
    ) -> EventPage:
        """At most `limit` events: the newest call first, and of a call the newest event first. A
        page may have fewer, or none, though more follow."""
        shown: list[ListedEvent] = []
        at = begins or EventPlace(wanted.until)
        for _ in range(PAGES):
            calls, following = self._calls_behind(at, app, wanted, limit=limit)
            for call in calls:
                for part, stored in _wanted(call, wanted, behind=at):
                    if len(shown) == limit:
                        return EventPage(shown, at)
                    shown.append(_listed(part, stored))
                    at = replace(at, call=call.name, event=stored.key.event)
                at = EventPlace(at.until, _place(call, wanted) or at.after)
            if following is None or len(shown) == limit:
                return EventPage(shown, following)
            at = following
        return EventPage(shown, at)

    def _calls_behind(
        self, at: EventPlace, app: str, wanted: EventFilter, *, limit: int
    ) -> tuple[Sequence[Call], EventPlace | None]:
        """The next calls that may have such events, and where others follow (None: nowhere)."""
        # Each call has an event, of which not each is wanted.
        calls = PAGE if wanted.state or wanted.kind else min(PAGE, limit)
        oldest = max(0, wanted.since - LASTS_MS)
        if wanted.state is State.DEAD:
            search = Search(app, oldest, at.until, after=at.after)
            found = self._calls.dead(search, limit=calls)
        else:
            search = Search(app, max(oldest, at.until - SPAN_MS), at.until, after=at.after)
            found = self._calls.find(search, limit=calls)
        if found.after is not None:
            return found.calls, EventPlace(at.until, found.after)
        return found.calls, EventPlace(search.since) if search.since > oldest else None


def _place(call: Call, wanted: EventFilter) -> str | None:
    """Where a call stands in the index that is read; None if it left it meanwhile."""
    if wanted.state is State.DEAD:
        entry = listed_dead(call).get("dead_at")
        return entry["S"] if entry is not None else None
    return place(started_at(listed(call)), call.name)


def _wanted(
    call: Call, wanted: EventFilter, *, behind: EventPlace
) -> Iterator[tuple[Call, Stored]]:
    """The wanted events of what is stored under one key, each with its call, the newest first."""
    found = [(part, stored) for part in split(call) for stored in part.stored]
    found.sort(key=lambda each: _order(each[1]), reverse=True)
    last = next((each for _, each in found if each.key.event == behind.event), None)
    if behind.call == call.name and last is not None:
        found = [each for each in found if _order(each[1]) < _order(last)]
    for part, stored in found:
        state = _STATES.get(stored.progress.delivery)
        if (
            state is not None
            and wanted.state in (None, state)
            and wanted.kind in (None, stored.event.kind)
            and wanted.since <= stored.event.at < wanted.until
        ):
            yield part, stored


def _order(stored: Stored) -> tuple[int, str]:
    return stored.event.at, stored.key.event


def _listed(call: Call, stored: Stored) -> ListedEvent:
    progress = stored.progress
    state = _STATES[progress.delivery]
    return ListedEvent(
        id=stored.key.id,
        record=call.name,
        kind=stored.event.kind,
        at=stored.event.at,
        state=state,
        attempts=progress.past,
        next_attempt=progress.at if progress.delivery is Delivery.PENDING else None,
        failed=progress.at if state is State.DEAD else None,
    )
