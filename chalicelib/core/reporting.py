"""From a carrier's event to the app's receiver: store first, tell afterwards."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from chalicelib.core import errors
from chalicelib.core.calls import PlacedCall
from chalicelib.core.charging import CHARGED, Bill
from chalicelib.core.events import REPORTED, Delivery, Event, EventKey
from chalicelib.core.ports import (
    Apps,
    Bindings,
    Dialects,
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
        dialects: Dialects,
        sender: Sender,
    ) -> None:
        self._events = events
        self._outbox = outbox
        self._bindings = bindings
        self._legs = legs
        self._placed = placed
        self._apps = apps
        self._dialects = dialects
        self._sender = sender

    def record(self, events: Iterable[Event]) -> None:
        """Stores each event once, charges its app, and announces what an app has to be told.

        A repeat is announced again while its delivery is still open, so that a crash between
        storing and announcing is made good by the carrier's own repeat. Raises Unavailable,
        Contended.
        """
        keys = [key for event in events if (key := self._store(event)) is not None]
        if keys:
            self._outbox.announce(keys)

    def _store(self, event: Event) -> EventKey | None:
        app = self._owner(event)
        # Who owns X is known by heart: whose binding it is, is looked up only where that matters.
        if app is None or (event.kind in CHARGED and not app.tariff.free):
            app, _ = self._addressee(event)
        told = self._dialects.of(app).tells if app is not None else REPORTED
        metered = app is not None and not app.tariff.free and event.kind in CHARGED
        bill = Bill(app.name, app.tariff) if app is not None and metered else None
        return self._events.append(event, tell=event.kind in told, bill=bill)

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
        app, binding = self._addressee(event, ended=now)
        told = app is not None and self._tell(app, event, [e for _, e, _ in stored], binding, now)
        outcome = Delivery.DELIVERED if told else Delivery.KEPT
        outcome = Delivery.UNMATCHED if app is None else outcome
        self._events.settle(key, outcome, now=now)
        return outcome

    def _tell(
        self, app: App, event: Event, call: Sequence[Event], binding: Binding | None, now: int
    ) -> bool:
        """False if the app's dialect tells it with another event. Raises NotDelivered."""
        dialect = self._dialects.of(app)
        if event.kind not in dialect.tells:
            return False
        message = dialect.callback(event, call, app=app, binding=binding, now=now)
        if message is None:
            return False
        self._sender.post(app.callback_url, *message)
        return True

    def _addressee(
        self, event: Event, *, ended: int | None = None
    ) -> tuple[App | None, Binding | None]:
        """Whom the event concerns. What a carrier says about another carrier's bindings, numbers or
        calls concerns nobody. A placed call is noted as over since `ended` (epoch ms)."""
        if event.placed is not None:
            call = self._placed_call(event)
            if call is None:
                return None, None
            if ended is not None:
                self._placed.end(call, now=ended)
            return self._apps.get(call.app), None
        binding = self._binding(event)
        if binding is not None and binding.carrier == event.carrier:
            return self._apps.get(binding.app), binding
        return self._owner(event), None

    def _owner(self, event: Event) -> App | None:
        """Whose X it is about, if it is of the carrier that says so."""
        owner = self._apps.owner_of(event.number) if event.number else None
        app = self._apps.get(owner) if owner else None
        return app if app is not None and app.carrier == event.carrier else None

    def _binding(self, event: Event) -> Binding | None:
        if event.binding is not None:
            return self._bindings.get(event.binding)
        if event.carrier_binding is None or event.number is None:
            return None
        # The carrier did not give our id back: its own has to be the one that this leg stands for.
        line = self._legs.find(event.number, event.caller)
        leg = line.leg or line.everybodys
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
