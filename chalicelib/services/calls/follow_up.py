"""The schedule after calls: what was not delivered, fetched or complete in time is followed up."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.core.calls.follow_up import CLAIM_MS, due_at, look_at, next_look
from chalicelib.core.calls.missing_events import Gap, gap_event, unreported
from chalicelib.core.calls.model import Call, Delivery, Task
from chalicelib.core.calls.sequence_numbers import BlockKey
from chalicelib.core.calls.splitting import split
from chalicelib.core.retries import CHANGE_TRIES
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.services.calls.sequence_gaps import SequenceGaps
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.work_queues import WorkQueues

_T = TypeVar("_T")

BATCH = 10
"""How many tasks go to a queue at once."""


@dataclass(slots=True)
class Seen:
    """What one run did: deliveries and fetches that it queued again, calls that it looked over, the
    gaps in them and the missing sequence numbers that it found, and what it had to put off.
    `late_ms` is for how long the oldest call that it took had been due."""

    delivered: int = 0
    fetched: int = 0
    looked: int = 0
    gaps: int = 0
    missing_numbers: int = 0
    put_off: int = 0
    late_ms: int = 0


class FollowUp:
    """Follows up whatever is due in the calls. `report` is called with each gap that is found,
    `trouble` with the reason why something was put off."""

    def __init__(
        self,
        *,
        calls: CallStore,
        queues: WorkQueues,
        ingest: EventIngest,
        sequences: SequenceGaps,
        report: Callable[[Call, Gap], None],
        trouble: Callable[[Exception], None],
    ) -> None:
        self._calls = calls
        self._queues = queues
        self._ingest = ingest
        self._sequences = sequences
        self._report = report
        self._trouble = trouble

    def run(self, *, now: int, time_left: Callable[[], bool]) -> Seen:
        """Works until nothing is due or no time is left. What fails, for whatever reason, is put
        off and does not keep the rest waiting. Raises Unavailable if the work index can't be read.
        """
        seen, batch = Seen(), _Batch(self._queues)

        def call(call_id: str) -> None:
            self._follow_up(call_id, seen, batch, now=now)

        def block(key: BlockKey) -> None:
            seen.missing_numbers += self._sequences.look(key, now=now)

        finished = self._each(self._calls.due(now=now), call, seen, time_left)
        self._each([batch], _Batch.send, seen, lambda: True)
        # A number that seems to be missing may be of a call that was not looked over in time.
        if finished:
            self._each(self._sequences.due(now=now), block, seen, time_left)
        return seen

    def _each(
        self,
        due: Iterable[_T],
        work: Callable[[_T], None],
        seen: Seen,
        time_left: Callable[[], bool],
    ) -> bool:
        """Works on each of them while there is time; whether there was enough."""
        for each in due:
            if not time_left():
                return False
            try:
                work(each)
            except Exception as error:  # noqa: BLE001 - an item may hold anything
                seen.put_off += 1
                self._trouble(error)
        return True

    def _follow_up(self, call_id: str, seen: Seen, batch: "_Batch", *, now: int) -> None:
        call = self._calls.claim(call_id, until=now + CLAIM_MS, now=now)
        if call is None:
            return
        seen.late_ms = max(seen.late_ms, now - (due_at(call) or now))
        deliver = _due(call, Delivery.UNPLACED, now=now) + _due(call, Delivery.PENDING, now=now)
        fetch = _due(call, Delivery.FETCHING, now=now)
        if not deliver and not fetch:
            self._look(call, seen, now=now)
            return
        seen.delivered += len(deliver)
        seen.fetched += len(fetch)
        batch.deliver += deliver
        batch.fetch += fetch
        batch.send(at_least=BATCH)

    def _look(self, call: Call | None, seen: Seen, *, now: int) -> None:
        """Looks a claimed call over if that is due, and puts it back into the work index."""
        for _ in range(CHANGE_TRIES):
            if call is None:
                return
            at = next_look(call)
            looked = at is not None and at <= now
            if looked:
                seen.gaps += self._look_over(call, now=now)
            # What was found is an event of the call, which has moved on by it.
            if self._calls.rest(call, looked=now if looked else None):
                seen.looked += looked
                return
            call = self._calls.call(call.id)

    def _look_over(self, stored: Call, *, now: int) -> int:
        """Reports the gaps in the calls under one key, as they are by now; how many are new. A gap
        that is found twice, because a process died over it, is one event."""
        self._sequences.note(stored.events, now=now)
        found = [
            (call, gap)
            for call in split(stored)
            if (at := look_at(call)) is not None and at <= now
            for gap in unreported(call)
        ]
        for call, gap in found:
            self._report(call, gap)
            self._ingest.note(gap_event(call, gap, now=now), call)
        return len(found)


class _Batch:
    """Tasks on their way to the queues. What can't be sent stays in it; what is lost with it is due
    again when its claim ends."""

    def __init__(self, queues: WorkQueues) -> None:
        self._queues = queues
        self.deliver: list[Task] = []
        self.fetch: list[Task] = []

    def send(self, *, at_least: int = 1) -> None:
        """Sends all of it, if there are so many tasks for a queue."""
        if max(len(self.deliver), len(self.fetch)) < at_least:
            return
        if self.deliver:
            self._queues.deliver(self.deliver)
            self.deliver = []
        if self.fetch:
            self._queues.fetch(self.fetch)
            self.fetch = []


def _due(call: Call, delivery: Delivery, *, now: int) -> list[Task]:
    return [
        call.task(each)
        for each in call.stored
        if each.progress.delivery is delivery and each.progress.at <= now
    ]
