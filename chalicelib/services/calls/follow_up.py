"""The schedule after calls: what was not told, fetched or complete in time is looked after."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from chalicelib.core.calls.follow_up import CLAIM_MS, due_at, next_look
from chalicelib.core.calls.model import Call, Delivery, Task
from chalicelib.core.calls.sequence_numbers import BlockKey
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.services.calls.missing import MissingEvents
from chalicelib.services.calls.sequence_gaps import SequenceGaps
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.work_queues import WorkQueues

_T = TypeVar("_T")

BATCH = 10
"""How many tasks go to a queue at once."""


@dataclass(slots=True)
class Seen:
    """What one turn did: tasks sent again, calls looked over, gaps in them and missing numbers
    that it found, and what it had to put off. `late_ms` is for how long the oldest call that it
    took had been due."""

    told: int = 0
    fetched: int = 0
    looked: int = 0
    gaps: int = 0
    holes: int = 0
    put_off: int = 0
    late_ms: int = 0


class FollowUp:
    """Attends to whatever is due in the calls. `trouble` hears why something was put off."""

    def __init__(
        self,
        *,
        events: CallStore,
        outbox: WorkQueues,
        gaps: MissingEvents,
        counting: SequenceGaps,
        trouble: Callable[[Exception], None],
    ) -> None:
        self._events = events
        self._outbox = outbox
        self._gaps = gaps
        self._counting = counting
        self._trouble = trouble

    def run(self, *, now: int, time_left: Callable[[], bool]) -> Seen:
        """One turn, until everything due is attended to or no time is left. What can't be attended
        to, for whatever reason, does not keep the others waiting. Raises Unavailable if nothing can
        be seen."""
        seen, bag = Seen(), _Bag(self._outbox)

        def tried(work: Callable[[], None]) -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - an item may hold anything
                seen.put_off += 1
                self._trouble(error)

        def each(due: Iterable[_T], attend: Callable[[_T], None]) -> bool:
            for entry in due:
                if not time_left():
                    return False
                tried(partial(attend, entry))
            return True

        def count(key: BlockKey) -> None:
            seen.holes += self._counting.look(key, now=now)

        def attend(call_id: str) -> None:
            self._attend(call_id, seen, bag, now=now)

        all_seen = each(self._events.due(now=now), attend)
        tried(bag.empty)
        # A number that seems to be missing may be of a call that was not looked over in time.
        if all_seen:
            each(self._counting.due(now=now), count)
        return seen

    def _attend(self, call_id: str, seen: Seen, bag: "_Bag", *, now: int) -> None:
        call = self._events.claim(call_id, until=now + CLAIM_MS, now=now)
        if call is None:
            return
        seen.late_ms = max(seen.late_ms, now - (due_at(call) or now))
        told = _due(call, Delivery.UNPLACED, now=now) + _due(call, Delivery.PENDING, now=now)
        fetched = _due(call, Delivery.FETCHING, now=now)
        if not told and not fetched:
            self._look(call, seen, now=now)
            return
        seen.told += len(told)
        seen.fetched += len(fetched)
        bag.add(told, fetched)

    def _look(self, call: Call | None, seen: Seen, *, now: int) -> None:
        """What is claimed for nothing is due again when it really is."""
        for _ in range(CHANGE_TRIES):
            if call is None:
                return
            at = next_look(call)
            looked = at is not None and at <= now
            if looked:
                seen.gaps += self._gaps.look_over(call, now=now)
            # What was found is an event of the call, which has moved on by it.
            if self._events.rest(call, looked=now if looked else None):
                seen.looked += looked
                return
            call = self._events.call(call.id)


class _Bag:
    """Tasks on their way to the queues, as many as one message batch holds. What can't be sent
    stays in it; what is lost with it is due again when its claim is over."""

    def __init__(self, outbox: WorkQueues) -> None:
        self._outbox = outbox
        self._told: list[Task] = []
        self._fetched: list[Task] = []

    def add(self, told: Sequence[Task], fetched: Sequence[Task]) -> None:
        self._told += told
        self._fetched += fetched
        if max(len(self._told), len(self._fetched)) >= BATCH:
            self.empty()

    def empty(self) -> None:
        if self._told:
            self._outbox.announce(self._told)
            self._told = []
        if self._fetched:
            self._outbox.transfer(self._fetched)
            self._fetched = []


def _due(call: Call, delivery: Delivery, *, now: int) -> list[Task]:
    return [
        call.task(each)
        for each in call.stored
        if each.progress.delivery is delivery and each.progress.at <= now
    ]
