"""From a carrier's event to the app's receiver: store first, tell afterwards."""

from collections.abc import Iterable

from chalicelib.core import errors
from chalicelib.core.events import Delivery, Event, EventKey
from chalicelib.core.ports import Apps, Bindings, Dialect, Events, Outbox, Sender
from chalicelib.core.values import App, Binding


class EventDesk:
    """Takes events in and hands them on."""

    def __init__(
        self,
        *,
        events: Events,
        outbox: Outbox,
        bindings: Bindings,
        apps: Apps,
        dialect: Dialect,
        sender: Sender,
    ) -> None:
        self._events = events
        self._outbox = outbox
        self._bindings = bindings
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
        app, binding = self._addressee(event)
        if app is None:
            self._events.settle(key, Delivery.UNMATCHED, now=now)
            return Delivery.UNMATCHED
        call = [each for _, each, _ in stored]
        headers, body = self._dialect.callback(event, call, app=app, binding=binding, now=now)
        self._sender.post(app.callback_url, headers, body)
        self._events.settle(key, Delivery.DELIVERED, now=now)
        return Delivery.DELIVERED

    def _addressee(self, event: Event) -> tuple[App | None, Binding | None]:
        binding = self._bindings.get(event.binding) if event.binding else None
        if binding is not None:
            return self._apps.get(binding.app), binding
        owner = self._apps.owner_of(event.number) if event.number else None
        return (self._apps.get(owner) if owner else None), None
