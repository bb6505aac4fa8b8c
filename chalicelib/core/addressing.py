"""Whom an event concerns."""

from dataclasses import replace

from chalicelib.core.calls import PlacedCall
from chalicelib.core.event_ports import Dossier
from chalicelib.core.events import Event
from chalicelib.core.ports import Accounts, Apps, Bindings, Legs, PlacedCalls
from chalicelib.core.values import App, Binding


class AddressBook:
    """What a carrier says about another carrier's bindings, numbers or calls concerns nobody."""

    def __init__(
        self,
        *,
        bindings: Bindings,
        legs: Legs,
        placed: PlacedCalls,
        accounts: Accounts,
        apps: Apps,
    ) -> None:
        self._bindings = bindings
        self._accounts = accounts
        self._legs = legs
        self._placed = placed
        self._apps = apps

    def owner(self, event: Event) -> App | None:
        """Whose X it is about, if it is of the carrier that says so; known by heart mostly."""
        owner = self._apps.owner_of(event.number) if event.number else None
        app = self._apps.get(owner) if owner else None
        return app if app is not None and app.carrier == event.carrier else None

    def concerned(
        self, event: Event, dossier: Dossier | None = None, *, ended: int | None = None
    ) -> tuple[App | None, Binding | None]:
        """The app and the binding, by the other events of its call if it does not say so itself;
        what the dossier has is not looked up again. A placed call is noted as over since `ended`
        (epoch ms), and its people are free again."""
        if event.placed is not None:
            call = self._placed_call(event)
            if call is not None and ended is not None:
                self._placed.end(call, now=ended)
            return (self._apps.get(call.app) if call else None), None
        app, binding = self._named(event, dossier)
        if app is None and dossier is not None:
            return self._of_its_call(event, dossier)
        return app, binding

    def _named(self, event: Event, dossier: Dossier | None) -> tuple[App | None, Binding | None]:
        binding = self._binding(event, dossier)
        if binding is not None and binding.carrier == event.carrier:
            return self._apps.get(binding.app), binding
        return self.owner(event), None

    def _of_its_call(self, event: Event, dossier: Dossier) -> tuple[App | None, Binding | None]:
        """An event may name nothing but its call, as a recording does: others say whose that is."""
        asked = {_names(event)}
        for other in dossier.call.events:
            if other.carrier == event.carrier and _names(other) not in asked:
                asked.add(_names(other))
                app, binding = self.concerned(other)
                if app is not None:
                    return app, binding
        return None, None

    def _placed_call(self, event: Event) -> PlacedCall | None:
        call = self._placed.get(event.call_id, carrier=event.carrier)
        if call is not None or event.placed is None:
            return call
        # The user in whose name it was placed is one app's. A switch of ours, where each app has
        # users of its own, knows a call by the session that we proposed.
        user, carrier = event.placed.account.lower(), event.carrier
        app = self._accounts.owner(user, namespace=carrier) if user else None
        if app is None:
            return None
        call = self._placed.among(event.placed.everybody, carrier=carrier, app=app)
        if call is None or call.session is not None:
            return None
        # It is the call that these people are in, and we never heard its session.
        self._placed.started(call, session=event.call_id)
        return replace(call, session=event.call_id)

    def _binding(self, event: Event, dossier: Dossier | None) -> Binding | None:
        if event.binding is not None:
            return dossier.binding if dossier else self._bindings.get(event.binding)
        if event.carrier_binding is None or event.number is None:
            return None
        # The carrier did not give our id back: its own has to be the one that this leg stands for.
        line = self._legs.find(event.number, event.caller)
        leg = line.leg or line.everybodys
        binding = self._bindings.get(leg.binding) if leg is not None else None
        return binding if binding and binding.carrier_id == event.carrier_binding else None


def _names(event: Event) -> tuple[object, ...]:
    """What of an event says whose it is."""
    about = (event.binding, event.carrier_binding, event.number, event.caller)
    return *about, event.placed is not None
