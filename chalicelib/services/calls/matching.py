"""Events that name nothing but the id of a call, or an X of several apps: of which call each is."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from chalicelib.core.calls.events import Event
from chalicelib.core.calls.model import Call, Delivery, Progress, Stored, Task
from chalicelib.core.calls.splitting import has_place, is_message, split, started_at
from chalicelib.core.durations import CLOCKS_APART_MS, MINUTE_MS
from chalicelib.core.numbers import canonical
from chalicelib.core.retries import MATCHING_RETRIES_S, queue_delay_s, retry_at
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.work_queues import WorkQueues

FOLLOWS_MS = 60 * MINUTE_MS
"""How long after the last event of a call one may come that names nothing but its id."""
ALONE_MS = MINUTE_MS
"""How long what names nobody at all waits for another call with its id to be reported."""


class CallMatching:
    """Such an event follows the one call of its reporter that has this id, if it was not long after
    that, and names nobody who is not in it. It waits for that, and longer if it names nobody: the
    call that is known first may not be the one. If there are several, nobody knows, and the event
    is orphaned. Times are epoch ms."""

    def __init__(self, *, calls: CallStore, queues: WorkQueues, ingest: EventIngest) -> None:
        self._calls = calls
        self._queues = queues
        self._ingest = ingest

    def place(self, task: Task, call: Call, stored: Stored, *, now: int) -> Delivery:
        """Lets an event that is unplaced follow its call, if that is known by now; how far it is
        then. Raises Unavailable, Contended."""
        calls = _over_its_x(stored.event, self._calls.beside(stored.event))
        about = follows_of(stored.event, calls)
        failed = stored.progress.attempts + 1
        at = retry_at(MATCHING_RETRIES_S[1:], failed=failed, now=now, salt=stored.key.id)
        if about is not None:
            failed, at = stored.progress.attempts, _follows_at(stored.event, about)
            if at <= now:
                # First where it belongs: if we die now, it is only put there again.
                self.follow(stored, about, now=now)
                return self._settle(call, stored, Delivery.KEPT, now=now)
        elif len(calls) > 1 or at is None:
            self._ingest.orphaned()
            return self._settle(call, stored, Delivery.UNMATCHED, now=now)
        waiting = Progress(Delivery.UNPLACED, failed, at)
        if self._calls.advance(call, stored, waiting):
            self._queues.deliver([task], delay_s=queue_delay_s(at, now=now))
        return Delivery.UNPLACED

    def follow(self, stored: Stored, call: Call, *, now: int) -> None:
        """Stores an event as one of this call, with the X that the call has, and with its binding
        and people as far as it is known which one it is of several with this id."""
        event, calls = stored.event, _parts(stored.event, call)
        begun = [each for each in calls if started_at(each.events) <= event.at]
        if len(calls) == 1 or (event.timed and calls):
            known = (begun or calls)[-1 if begun else 0].completed(event)
        else:
            known = replace(event, number=call.completed(event).number)
        self._ingest.add(stored.key, known, call, now=now)

    def _settle(self, call: Call, stored: Stored, outcome: Delivery, *, now: int) -> Delivery:
        self._calls.advance(call, stored, Progress(outcome, stored.progress.attempts, now))
        return outcome


def follows_of(event: Event, calls: Sequence[Call]) -> Call | None:
    """The call that an event follows: the only one, or the only one of those with somebody whom the
    event names; never one of other people, or of another time."""
    agreeing = [call for call in calls if any(map(partial(_while, event), _parts(event, call)))]
    if len(calls) > 1:
        named = {person for person in (event.caller, event.callee) if person is not None}
        agreeing = [call for call in agreeing if named & (_callers(call) | _callees(call))]
    return agreeing[0] if len(agreeing) == 1 else None


def _follows_at(event: Event, call: Call) -> int:
    """From when on (epoch ms) an event may follow the only call that is known. One that was placed
    has an id that we gave it, so there is no other."""
    placed = any(each.placed is not None for each in call.events)
    sure = placed or event.caller is not None or event.callee is not None
    return event.received if sure else event.received + ALONE_MS


def _over_its_x(event: Event, calls: Sequence[Call]) -> Sequence[Call]:
    """The calls over the X that an event names, if it does, and those that are over none."""
    if event.number is None:
        return calls
    x = canonical(event.number)
    return [
        call
        for call in calls
        if all(each.number is None or canonical(each.number) == x for each in call.events)
    ]


def _parts(event: Event, call: Call) -> list[Call]:
    """The calls under one key, or messages, of which it may be by whom it names."""
    alike = [each for each in split(call) if is_message(each.events[0]) == is_message(event)]
    return [each for each in alike if _agrees(event, each)]


def _while(event: Event, call: Call) -> bool:
    """Whether it was while a call was going on, or soon after: a switch that counts its calls anew
    has the same ids again. What does not say when it was may be of any."""
    if not event.timed:
        return True
    begun = started_at(call.events) - CLOCKS_APART_MS
    # What we say of a call ourselves, and what has no time, may come hours after it was over.
    times = [each.at for each in call.events if has_place(each)]
    return bool(times) and begun <= event.at <= max(times) + FOLLOWS_MS


def _agrees(event: Event, call: Call) -> bool:
    callers, callees = _callers(call), _callees(call)
    everybody = callers | callees
    caller = event.caller is None or not callers or event.caller in everybody
    return caller and (event.callee is None or not callees or event.callee in everybody)


def _callers(call: Call) -> set[Subscriber]:
    return {event.caller for event in call.events if event.caller is not None}


def _callees(call: Call) -> set[Subscriber]:
    return {event.callee for event in call.events if event.callee is not None}
