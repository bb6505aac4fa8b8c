"""Dead events: listed, and told again, one by one or by their time."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.model import Call, Delivery, EventKey, Progress, Stored, Task
from chalicelib.core.calls.schedule import UNFINISHED_MS
from chalicelib.core.calls.search import Search
from chalicelib.core.errors import UnknownEvent
from chalicelib.store.calls import CallStore
from chalicelib.store.queue import WorkQueues

PAGE = 100
"""How many calls are looked at in one go."""
AT_ONCE = 1_000
"""How many events are told again for one request, so that it is answered in time."""
AGAIN = frozenset({Delivery.DEAD, Delivery.DELIVERED})
"""What may be told again when it is asked for by its id."""


@dataclass(frozen=True, slots=True)
class DeadEvent:
    """An event whose receiver never took it: what an app knows it by, when it happened and when it
    was given up (epoch ms), after how many attempts."""

    id: str
    kind: EventKind
    at: int
    attempts: int
    failed: int


@dataclass(frozen=True, slots=True)
class DeadPage:
    """Some of them, newest first; `after` is where the next page goes on (None: no more)."""

    events: Sequence[DeadEvent]
    after: str | None


class Redelivery:
    """What an app, or an operator for it, does once its receiver is back. Times are epoch ms."""

    def __init__(self, events: CallStore, outbox: WorkQueues) -> None:
        self._events = events
        self._outbox = outbox

    def dead(
        self, app: str, *, since: int, until: int, after: str | None = None, limit: int = PAGE
    ) -> DeadPage:
        """The dead events of at most `limit` calls, some of which may have none of that time."""
        found = self._events.dead(_search(app, since, until, after), limit=limit)
        dead = [each for call in found.calls for each in dead_of(call, since=since, until=until)]
        events = [_dead(each) for each in dead]
        return DeadPage(events, found.after)

    def again(self, app: str, event_id: str, *, now: int) -> None:
        """Tells one event again that was told or given up, and fetches a recording again that was
        lost; what is on its way stays so. Raises UnknownEvent."""
        key = EventKey.from_id(event_id)
        call = self._events.call(key.call) if key else None
        stored = call.find(key) if call and key else None
        if call is None or stored is None or call.app != app:
            raise UnknownEvent("no such event")
        if stored.progress.delivery in AGAIN:
            self._tell(call, [stored], now=now)
        elif stored.progress.delivery is Delivery.LOST:
            if self._events.advance(call, stored, Progress(Delivery.FETCHING, 0, now)):
                self._outbox.transfer([call.task(stored)])
        elif not stored.progress.open:
            raise UnknownEvent("no such event")

    def again_between(self, app: str, *, since: int, until: int, now: int) -> int:
        """Tells the dead events of that time again, latest first, and stops at AT_ONCE or soon
        after; how many. A repeat goes on where the one before left off."""
        told, after = 0, None
        while True:
            found = self._events.dead(_search(app, since, until, after), limit=PAGE)
            for call in found.calls:
                dead = dead_of(call, since=since, until=until)
                told += self._tell(call, dead, now=now)
            if found.after is None or told >= AT_ONCE:
                return told
            after = found.after

    def _tell(self, call: Call, stored: Sequence[Stored], *, now: int) -> int:
        tasks: list[Task] = []
        for each in stored:
            current = self._events.call(call.id) if tasks else call
            if current and self._events.advance(current, each, Progress(Delivery.PENDING, 0, now)):
                tasks.append(call.task(each))
        if tasks:
            self._outbox.announce(tasks)
        return len(tasks)


def dead_of(call: Call, *, since: int, until: int) -> list[Stored]:
    """What of a call was given up, of what happened from `since` until before `until`."""
    return [
        each
        for each in call.stored
        if each.progress.delivery is Delivery.DEAD and since <= each.event.at < until
    ]


def _search(app: str, since: int, until: int, after: str | None) -> Search:
    """Calls are listed by the first dead event of theirs: that of a call which was going on at
    `since` may be from before."""
    return Search(app, max(0, since - UNFINISHED_MS), until, after=after)


def _dead(stored: Stored) -> DeadEvent:
    return DeadEvent(
        id=stored.key.id,
        kind=stored.event.kind,
        at=stored.event.at,
        attempts=stored.progress.attempts,
        failed=stored.progress.at,
    )
