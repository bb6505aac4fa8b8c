"""Events in: stored and charged before they are answered, handed on afterwards."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from chalicelib.core.addressing import AddressBook
from chalicelib.core.callbacks import UnreadCallback
from chalicelib.core.charging import CHARGED, Bill
from chalicelib.core.event_ports import Dialects, Events, Outbox
from chalicelib.core.events import Delivery, Errand, Event, EventKind, Outcome
from chalicelib.core.telling import wanted_by
from chalicelib.core.values import App


class EventDesk:
    """Takes events in."""

    def __init__(
        self, *, events: Events, outbox: Outbox, book: AddressBook, dialects: Dialects
    ) -> None:
        self._events = events
        self._outbox = outbox
        self._book = book
        self._dialects = dialects

    def record(self, events: Iterable[Event]) -> None:
        """Stores each event once, charges its app, and announces what has to be done about it.

        A repeat is announced again while something is still to be done, so that a crash between
        storing and announcing is made good by the carrier's own repeat, or by the schedule. Raises
        Unavailable, Contended.
        """
        told: list[Errand] = []
        fetched: list[Errand] = []
        for event in events:
            errand = self._store(self._agreed(event))
            if errand is not None:
                (fetched if _to_fetch(event) else told).append(errand)
        if told:
            self._outbox.announce(told)
        if fetched:
            self._outbox.transfer(fetched)

    def keep(self, callback: UnreadCallback) -> None:
        """Keeps a callback that nobody can read yet, once. Raises Unavailable, Contended."""
        digest = hashlib.sha256(callback.body).hexdigest()
        event = Event(
            id=digest,
            kind=EventKind.UNKNOWN,
            carrier=callback.carrier,
            call_id=digest,
            at=callback.received,
            received=callback.received,
            raw=callback.body.decode(errors="replace")[: 32 * 1024],
            timed=False,
        )
        self.record([event])

    def _agreed(self, event: Event) -> Event:
        """An end by which the X allows no such call may name a binding of that X all the same: it
        is the caller's only if the caller is one of its people."""
        named = event.binding is not None or event.carrier_binding is not None
        if event.outcome is not Outcome.NO_BINDING or not named:
            return event
        _, binding = self._book.concerned(event)
        if binding is not None and event.caller in (binding.a, binding.b):
            return event
        return replace(event, binding=None, carrier_binding=None)

    def _store(self, event: Event) -> Errand | None:
        app = self._book.owner(event)
        # Who owns X is known by heart: whose binding it is, is looked up only where that matters.
        if app is None or (event.kind in CHARGED and not app.tariff.free):
            app, _ = self._book.concerned(event)
        metered = app is not None and not app.tariff.free and event.kind in CHARGED
        return self._events.append(
            event,
            owner=app.name if app is not None else None,
            delivery=self._delivery(event, app),
            bill=Bill(app.name, app.tariff) if app is not None and metered else None,
        )

    def _delivery(self, event: Event, app: App | None) -> Delivery:
        if _to_fetch(event):
            # Whose it is may show only when more of its call is known.
            return Delivery.FETCHING
        told = wanted_by(app, self._dialects)
        return Delivery.PENDING if event.kind in told else Delivery.KEPT


def _to_fetch(event: Event) -> bool:
    return event.kind is EventKind.RECORDING_READY and bool(event.url)
