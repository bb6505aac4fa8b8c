"""Events in: attributed, stored and charged before the carrier is answered, queued afterwards."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from chalicelib.core.calls.events import Event, EventKind, UnreadCallback
from chalicelib.core.calls.model import Call, Delivery, EventKey, Stored, Task
from chalicelib.core.calls.prices import Bill
from chalicelib.core.ports import EventFormats
from chalicelib.core.retries import MATCHING_RETRIES_S
from chalicelib.core.tenants import App
from chalicelib.core.webhooks.policy import wanted_by
from chalicelib.services.calls.attribution import AttributedEvent, EventAttribution
from chalicelib.store.calls.events import Appended, EventStore
from chalicelib.store.calls.unread_callbacks import UnreadCallbackStore
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.work_queues import WorkQueues

Count = Callable[[str, int], None]
"""Adds to a metric."""


class EventIngest:
    """Takes events in. `request` returns the id of the request that is being answered. `count` adds
    to a metric:

    OrphanedEvents: an event of no app. BindingsDropped: it named a binding of another X, app or
    carrier. EventConflicts: its id came before with another content. UnreadCallbacks: a callback
    that can't be read yet.
    """

    def __init__(
        self,
        *,
        events: EventStore,
        queues: WorkQueues,
        attribution: EventAttribution,
        apps: AppStore,
        formats: EventFormats,
        unread: UnreadCallbackStore,
        count: Count,
        request: Callable[[], str | None],
    ) -> None:
        self._events = events
        self._queues = queues
        self._attribution = attribution
        self._apps = apps
        self._formats = formats
        self._unread = unread
        self._count = count
        self._request = request

    def record(
        self,
        events: Iterable[Event],
        *,
        texts: bool = True,
        give: str | None = None,
        now: int | None = None,
    ) -> None:
        """Stores each event once, attributed to its app, X and binding, charges the app, and queues
        what has to be done about it.

        Without `texts` the text of a message is stored only if its binding records. `give` names
        the app that gets orphaned events; `now` is the present, if the events were received
        earlier. A repeat is queued again while something is still to be done, so that a crash
        between storing and queueing is repaired by the carrier's own repeat, or by the schedule.
        Raises Unavailable, Contended.
        """
        stored: list[Appended] = []
        counted: Counter[str] = Counter()
        request = self._request()
        for event in events:
            addressed = self._attribution.address(event, request=request)
            if addressed.app is not None and self._apps.get(addressed.app) is None:
                # The app was deleted, with all its data: what comes late is orphaned.
                addressed = replace(addressed, app=None)
            if give is not None and addressed.app is None and not addressed.unplaced:
                addressed = replace(addressed, app=give)
            if not texts and not addressed.record:
                addressed = replace(addressed, event=replace(addressed.event, text=None))
            appended = self._store(event, addressed, now=now)
            stored.append(appended)
            counted += _counted(addressed, appended)
        self._queue(stored)
        for name, number in counted.items():
            self._count(name, number)

    def note(self, event: Event, call: Call) -> None:
        """Stores an event that we report ourselves, as one of this call. Raises Unavailable,
        Contended."""
        self.add(event, event, call, now=event.received)

    def add(self, reported: Event | EventKey, event: Event, call: Call, *, now: int) -> None:
        """Stores an event as one of this call: as it was `reported`, or the key that it has so far,
        and `event`, which is the same with what is known of it. Raises Unavailable, Contended."""
        self._queue([self._store(reported, AttributedEvent(event, call.app), call=call, now=now)])

    def give(self, orphan: Stored, app: str, *, now: int) -> bool:
        """Stores an event that is nobody's as one of this app's, unless its X was another app's
        then, deleted or not; whether it did. What binding it named, if any, was not this app's.
        Raises Unavailable, Contended."""
        if self._attribution.was_anothers(orphan.event, app):
            return False
        event = replace(orphan.event, binding=None)
        self._queue([self._store(orphan.key, AttributedEvent(event, app), now=now)])
        return True

    def orphaned(self) -> None:
        """Counts an event that turned out to be orphaned after it was stored."""
        self._count("OrphanedEvents", 1)

    def keep(self, callback: UnreadCallback) -> None:
        """Stores an authentic callback that can't be read yet, sealed and once. Raises
        Unavailable."""
        if self._unread.add(callback):
            self._count("UnreadCallbacks", 1)

    def too_large(self) -> None:
        """Counts an authentic callback that was refused because of its size."""
        self._count("UnreadCallbacks", 1)

    def _queue(self, stored: Sequence[Appended]) -> None:
        """Queues what is still to be done about events."""
        open_: dict[Delivery, list[Task]] = {}
        for each in stored:
            if each.stored.progress.open:
                open_.setdefault(each.stored.progress.delivery, []).append(each.task)
        if Delivery.PENDING in open_:
            self._queues.deliver(open_[Delivery.PENDING])
        if Delivery.FETCHING in open_:
            self._queues.fetch(open_[Delivery.FETCHING])
        if Delivery.UNPLACED in open_:
            # What else is known of its call may be on its way.
            self._queues.deliver(open_[Delivery.UNPLACED], delay_s=MATCHING_RETRIES_S[0])

    def _store(
        self,
        reported: Event | EventKey,
        addressed: AttributedEvent,
        *,
        now: int | None,
        call: Call | None = None,
    ) -> Appended:
        event = addressed.event
        if event.placed is not None:
            # Whatever its app wants to be sent: its people may be called again.
            self._attribution.end_placed(event, now=event.received)
        app = self._apps.get(addressed.app) if addressed.app is not None else None
        metered = app is not None and not app.tariff.free and event.kind.traits.charged
        return self._events.append(
            event,
            reported=reported,
            owner=addressed.app,
            call=call.id if call is not None else None,
            delivery=self._delivery(event, app, unplaced=addressed.unplaced),
            recorded=addressed.record,
            bill=Bill(app.name, app.tariff) if app is not None and metered else None,
            now=now,
        )

    def _delivery(self, event: Event, app: App | None, *, unplaced: bool) -> Delivery:
        if unplaced:
            # An event of a type that we don't know is sent to nobody.
            known = event.kind.traits.known
            return Delivery.UNPLACED if known else Delivery.KEPT
        if app is None:
            return Delivery.UNMATCHED
        if event.kind is EventKind.RECORDING_READY and event.url:
            return Delivery.FETCHING
        wanted = wanted_by(app, self._formats.of(app))
        return Delivery.PENDING if event.kind in wanted else Delivery.KEPT


def _counted(addressed: AttributedEvent, appended: Appended) -> Counter[str]:
    if not appended.new:
        return Counter()
    orphaned = appended.stored.progress.delivery is Delivery.UNMATCHED
    return Counter(
        OrphanedEvents=orphaned,
        BindingsDropped=addressed.dropped,
        EventConflicts=appended.conflicting,
    )
