"""From a carrier's event to the app's receiver: store first, tell afterwards."""

from collections.abc import Iterable
from dataclasses import replace

from chalicelib.core import errors
from chalicelib.core.calls import PlacedCall
from chalicelib.core.events import Delivery, Event, EventKey
from chalicelib.core.ports import (
    Apps,
    Bindings,
    Dialect,
    Events,
    Legs,
    Outbox,
    PlacedCalls,
    Sender,
)
from chalicelib.core.values import App, Binding


class EventDesk:
    """Takes events in and hands them on."""

    def __init__(
        self,
        *,
        events: Events,
        outbox: Outbox,
        bindings: Bindings,
        legs: Legs,
        placed: PlacedCalls,
        apps: Apps,
        dialect: Dialect,
        sender: Sender,
    ) -> None:
        self._events = events
        self._outbox = outbox
        self._bindings = bindings
        self._legs = legs
        self._placed = placed
        self._apps = apps
        self._dialect = dialect
        self._sender = sender

    def record(self, events: Iterable[Event]) -> None:
        """Stores each event once and announces what an app has to be told.

        A repeat is announced again while its delivery is still open, so that a crash between
        storing and announcing is made good by the carrier's own repeat. Raises Unavailable.
        """
        keys = [key for event in events if (key := self._events.append(event)) is not None]
        if keys:
            self._outbox.announce(keys)

    def deliver(self, key: EventKey, *, now: int) -> Delivery:
        """Tells the app of one event, at least once.

        Raises NotDelivered when the receiver did not take it, Unavailable when we could not look.
        """
        stored = self._events.call(key)
        found = next(((e, d) for k, e, d in stored if k == key), None)
        if found is None:
            raise errors.Unavailable("an announced event is not to be seen yet")
        event, delivery = found
        if delivery is not Delivery.PENDING:
            return delivery
        app, binding = self._addressee(event, now=now)
        if app is None:
            self._events.settle(key, Delivery.UNMATCHED, now=now)
            return Delivery.UNMATCHED
        call = [each for _, each, _ in stored]
        headers, body = self._dialect.callback(event, call, app=app, binding=binding, now=now)
        self._sender.post(app.callback_url, headers, body)
        self._events.settle(key, Delivery.DELIVERED, now=now)
        return Delivery.DELIVERED

    def _addressee(self, event: Event, *, now: int) -> tuple[App | None, Binding | None]:
        """Whom the event concerns. What a carrier says about another carrier's bindings, numbers or
        calls concerns nobody."""
        if event.placed is not None:
            call = self._placed_call(event)
            if call is None:
                return None, None
            self._placed.end(call, now=now)
            return self._apps.get(call.app), None
        binding = self._binding(event)
        if binding is not None and binding.carrier == event.carrier:
            return self._apps.get(binding.app), binding
        owner = self._apps.owner_of(event.number) if event.number else None
        app = self._apps.get(owner) if owner else None
        return (app if app is not None and app.carrier == event.carrier else None), None

    def _binding(self, event: Event) -> Binding | None:
        if event.binding is not None:
            return self._bindings.get(event.binding)
        if event.carrier_binding is None or event.number is None:
            return None
        # The carrier did not give our id back: its own has to be the one that this leg stands for.
        _, leg = self._legs.find(event.number, event.caller)
        binding = self._bindings.get(leg.binding) if leg is not None else None
        return binding if binding and binding.carrier_id == event.carrier_binding else None

    def _placed_call(self, event: Event) -> PlacedCall | None:
        call = self._placed.get(event.call_id, carrier=event.carrier)
        if call is not None or event.placed is None:
            return call
        call = self._placed.among(event.placed.everybody, carrier=event.carrier)
        if call is None or call.session is not None:
            return None
        # It is the call that these people are in, and we never heard its session.
        self._placed.started(call, session=event.call_id)
        return replace(call, session=event.call_id)
