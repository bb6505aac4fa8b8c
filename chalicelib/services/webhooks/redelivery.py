"""Dead-lettered events: listed and delivered again, one by one or by time range."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.follow_up import UNFINISHED_MS
from chalicelib.core.calls.model import Call, Delivery, Progress, Stored, Task
from chalicelib.core.calls.search import Search
from chalicelib.core.errors import UnknownEvent
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.work_queues import WorkQueues

PAGE = 100
"""How many calls are read at once."""

AT_ONCE = 1_000
"""About how many events one request redelivers, so that it is answered in time."""

REDELIVERABLE = frozenset({Delivery.DEAD_LETTERED, Delivery.DELIVERED})
"""What can be delivered again by its id."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that could not be delivered: the id by which its app knows it, when it happened and
    when it was dead-lettered (epoch ms), and after how many attempts."""

    id: str
    kind: EventKind
    at: int
    attempts: int
    failed: int


@dataclass(frozen=True, slots=True)
class DeadLetterPage:
    """A page of a list, newest first; `after` is where the next page begins (None: no more)."""

    events: Sequence[DeadLetter]
    after: str | None


class Redelivery:
    """What an app, or its operator, does once the endpoint answers again. Times are epoch ms."""

    def __init__(self, calls: CallStore, queues: WorkQueues) -> None:
        self._calls = calls
        self._queues = queues

    def dead_letters(
        self, app: str, *, since: int, until: int, after: str | None = None, limit: int = PAGE
    ) -> DeadLetterPage:
        """The dead-lettered events that happened from `since` until before `until`. A page has
        those of `limit` calls at most, and may have none."""
        found = self._calls.dead(_search(app, since, until, after), limit=limit)
        letters = [
            DeadLetter(
                id=each.key.id,
                kind=each.event.kind,
                at=each.event.at,
                attempts=each.progress.attempts,
                failed=each.progress.at,
            )
            for call in found.calls
            for each in _dead_lettered(call, since=since, until=until)
        ]
        return DeadLetterPage(letters, found.after)

    def redeliver(self, app: str, event_id: str, *, now: int) -> None:
        """Delivers an event again that was delivered or dead-lettered, and fetches a recording
        again that was lost. Does nothing about an event whose delivery is going on. Raises
        UnknownEvent."""
        found = self._calls.event(event_id)
        if found is None or found[0].app != app:
            raise UnknownEvent("no such event")
        call, stored = found
        if stored.progress.delivery in REDELIVERABLE:
            self._restart(call, [stored], now=now)
        elif stored.progress.delivery is Delivery.LOST:
            if self._calls.advance(call, stored, _again(stored, Delivery.FETCHING, now=now)):
                self._queues.fetch([call.task(stored)])
        elif not stored.progress.open:
            raise UnknownEvent("no such event")

    def redeliver_between(self, app: str, *, since: int, until: int, now: int) -> int:
        """Delivers the dead-lettered events again that happened from `since` until before `until`,
        the latest first, and stops soon after AT_ONCE of them; returns how many. What is left is
        done by the same call again."""
        restarted, after = 0, None
        while True:
            found = self._calls.dead(_search(app, since, until, after), limit=PAGE)
            for call in found.calls:
                letters = _dead_lettered(call, since=since, until=until)
                restarted += self._restart(call, letters, now=now)
            if found.after is None or restarted >= AT_ONCE:
                return restarted
            after = found.after

    def _restart(self, call: Call, stored: Sequence[Stored], *, now: int) -> int:
        """Makes these events of a call pending again and queues them; returns how many."""
        tasks: list[Task] = []
        for each in stored:
            current = self._calls.call(call.id) if tasks else call
            pending = _again(each, Delivery.PENDING, now=now)
            if current and self._calls.advance(current, each, pending):
                tasks.append(call.task(each))
        if tasks:
            self._queues.deliver(tasks)
        return len(tasks)


def _again(stored: Stored, delivery: Delivery, *, now: int) -> Progress:
    before = stored.progress
    return Progress(delivery, 0, now, redelivers=before.counts_as, past=before.past)


def _dead_lettered(call: Call, *, since: int, until: int) -> list[Stored]:
    return [
        each
        for each in call.stored
        if each.progress.delivery is Delivery.DEAD_LETTERED and since <= each.event.at < until
    ]


def _search(app: str, since: int, until: int, after: str | None) -> Search:
    """The index lists a call by its first dead-lettered event, which may be from before `since` if
    the call was going on then."""
    return Search(app, max(0, since - UNFINISHED_MS), until, after=after)
