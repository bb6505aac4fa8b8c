"""Events in: whose each is, stored and charged before it is answered, handed on afterwards."""

from collections import Counter
from collections.abc import Callable, Iterable
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
    """Takes events in. `count` adds to a metric of this name:

    OrphanedEvents: an event that is nobody's. BindingsDropped: it named a binding of another X, app
    or carrier. EventConflicts: its id came before with another content. UnreadCallbacks: a callback
    that nobody could read yet. `request` tells the id of the request that is being answered.
    """

    def __init__(
        self,
        *,
        events: EventStore,
        outbox: WorkQueues,
        attribution: EventAttribution,
        apps: AppStore,
        formats: EventFormats,
        unread: UnreadCallbackStore,
        count: Count,
        request: Callable[[], str | None],
    ) -> None:
        self._events = events
        self._outbox = outbox
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
        """Stores each event once, as what its app, X and binding make it, charges its app, and
        announces what has to be done about it.

        Without `texts` what a message said is kept only if its binding records. `give` names the
        app that takes what is nobody's, `now` is when this is if the events were received before
        that. A repeat is announced again while something is still to be
        done, so that a crash between storing and announcing is made good by the carrier's own
        repeat, or by the schedule. Raises Unavailable, Contended.
        """
        announced = _Announced(self._outbox)
        counted: Counter[str] = Counter()
        request = self._request()
        for event in events:
            addressed = self._attribution.address(event, request=request)
            if addressed.app is not None and self._apps.get(addressed.app) is None:
                # The app was deleted, with all that was kept of it: what is late is nobody's.
                addressed = replace(addressed, app=None)
            if give is not None and addressed.app is None and not addressed.unplaced:
                addressed = replace(addressed, app=give)
            if not texts and not addressed.record:
                addressed = replace(addressed, event=replace(addressed.event, text=None))
            appended = self._store(event, addressed, now=now)
            announced.add(appended)
            counted += _counted(addressed, appended)
        announced.send()
        for name, number in counted.items():
            self._count(name, number)

    def note(self, event: Event, call: Call) -> None:
        """Stores an event that we ourselves tell of a call, as one of that call. Raises
        Unavailable, Contended."""
        self.add(event, event, call, now=event.received)

    def add(self, said: Event | EventKey, event: Event, call: Call, *, now: int) -> None:
        """Stores an event as one of this call, whoever reported it: what was `said`, or the key
        that it has so far, and the same with what is known of it. Raises Unavailable, Contended."""
        announced = _Announced(self._outbox)
        announced.add(self._store(said, AttributedEvent(event, call.app), call=call, now=now))
        announced.send()

    def give(self, orphan: Stored, app: str, *, now: int) -> bool:
        """Stores an event that is nobody's as one of this app's, unless its X was another app's
        then, deleted or not; whether it did. What binding it named, if any, was not this app's.
        Raises Unavailable, Contended."""
        if self._attribution.was_anothers(orphan.event, app):
            return False
        announced = _Announced(self._outbox)
        event = replace(orphan.event, binding=None)
        announced.add(self._store(orphan.key, AttributedEvent(event, app), now=now))
        announced.send()
        return True

    def orphaned(self) -> None:
        """Counts an event of which it was found out only now that it is nobody's."""
        self._count("OrphanedEvents", 1)

    def keep(self, callback: UnreadCallback) -> None:
        """Keeps an authentic callback that nobody can read yet, sealed and once, for as long as a
        mend may take. Raises Unavailable."""
        if self._unread.add(callback):
            self._count("UnreadCallbacks", 1)

    def too_large(self) -> None:
        """Counts an authentic callback that was refused because it is larger than what is kept."""
        self._count("UnreadCallbacks", 1)

    def _store(
        self,
        said: Event | EventKey,
        addressed: AttributedEvent,
        *,
        now: int | None,
        call: Call | None = None,
    ) -> Appended:
        event = addressed.event
        if event.placed is not None:
            # Whatever its app is told of: its people may be called again.
            self._attribution.end_placed(event, now=event.received)
        app = self._apps.get(addressed.app) if addressed.app is not None else None
        metered = app is not None and not app.tariff.free and event.kind.traits.charged
        return self._events.append(
            event,
            said=said,
            owner=addressed.app,
            call=call.id if call is not None else None,
            delivery=self._delivery(event, app, unplaced=addressed.unplaced),
            recorded=addressed.record,
            bill=Bill(app.name, app.tariff) if app is not None and metered else None,
            now=now,
        )

    def _delivery(self, event: Event, app: App | None, *, unplaced: bool) -> Delivery:
        if unplaced:
            # Of a type that we don't know nobody is told.
            known = event.kind.traits.known
            return Delivery.UNPLACED if known else Delivery.KEPT
        if app is None:
            return Delivery.UNMATCHED
        if event.kind is EventKind.RECORDING_READY and event.url:
            return Delivery.FETCHING
        told = wanted_by(app, self._formats.of(app))
        return Delivery.PENDING if event.kind in told else Delivery.KEPT


class _Announced:
    """Tasks on their way to the queues."""

    def __init__(self, outbox: WorkQueues) -> None:
        self._outbox = outbox
        self._by_delivery: dict[Delivery, list[Task]] = {}

    def add(self, appended: Appended) -> None:
        delivery = appended.stored.progress.delivery
        if appended.stored.progress.open:
            self._by_delivery.setdefault(delivery, []).append(appended.task)

    def send(self) -> None:
        if told := self._by_delivery.get(Delivery.PENDING):
            self._outbox.announce(told)
        if fetched := self._by_delivery.get(Delivery.FETCHING):
            self._outbox.transfer(fetched)
        if unplaced := self._by_delivery.get(Delivery.UNPLACED):
            # What else is known of its call may be on its way.
            self._outbox.announce(unplaced, delay_s=MATCHING_RETRIES_S[0])


def _counted(addressed: AttributedEvent, appended: Appended) -> Counter[str]:
    if not appended.new:
        return Counter()
    orphaned = appended.stored.progress.delivery is Delivery.UNMATCHED
    return Counter(
        OrphanedEvents=orphaned,
        BindingsDropped=addressed.dropped,
        EventConflicts=appended.conflicting,
    )
