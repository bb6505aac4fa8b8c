"""Whose an event is: decided once, before it is stored."""

from dataclasses import dataclass, replace

from chalicelib.core.bindings.call_routes import owner_at
from chalicelib.core.bindings.model import BindingFacts
from chalicelib.core.calls.events import Event, EventKind, Outcome
from chalicelib.core.calls.placed_calls import PlacedCall
from chalicelib.core.calls.splitting import stated_start
from chalicelib.core.durations import CLOCKS_APART_MS, DAY_MS, NEVER, YEAR_2001_MS
from chalicelib.core.numbers import canonical
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.calls.placed_calls import PlacedCallStore
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.messaging_users import MessagingUserStore

RECORDED_MS = DAY_MS
"""How long before a recording was there its call began, at most, if nothing says when."""


@dataclass(frozen=True, slots=True)
class AttributedEvent:
    """An event with what is known of it here: the app that it concerns (None: nobody), its X and
    its binding as far as they agree with each other, and whether calls of that are recorded.

    `dropped`: it named a binding that it does not agree with. `unplaced`: it names nothing but a
    call, or beside that an X which may have been of several apps.
    """

    event: Event
    app: str | None
    record: bool = False
    dropped: bool = False
    unplaced: bool = False


class EventAttribution:
    """What a carrier says about another carrier's bindings, numbers or calls concerns nobody."""

    def __init__(
        self,
        *,
        numbers: AppStore,
        bindings: BindingStore,
        routes: BindingStore,
        placed: PlacedCallStore,
        accounts: MessagingUserStore,
    ) -> None:
        self._numbers = numbers
        self._bindings = bindings
        self._routes = routes
        self._placed = placed
        self._accounts = accounts

    def address(self, event: Event, *, request: str | None = None) -> AttributedEvent:
        """Whose an event is that the request of this id reported. X decides: it is of the app that
        owned X when the event's call began, and a binding that is not of that X, app and carrier is
        dropped. Where an event does not say when its call began, the binding decides, as that stood
        then. The end of a placed call is of whoever had it placed, over no binding. Raises
        Unavailable."""
        request = request or event.request
        if event.placed is not None:
            return self._of_placed(event, request)
        named = self._named(event)
        number = event.number or (named.number if named is not None else None)
        apps = self._apps(event, number, named) if number is not None else set()
        if number is None or len(apps) > 1:
            return AttributedEvent(
                replace(event, binding=None, request=request),
                None,
                dropped=event.binding is not None,
                unplaced=True,
            )
        app = next(iter(apps), None)
        binding = named if named is not None and named.app == app else None
        if binding is not None and not _agrees(event, binding):
            binding = None
        return AttributedEvent(
            replace(
                event,
                number=self._spelled(number, app),
                binding=binding.id if binding is not None else None,
                request=request,
            ),
            app,
            record=binding is not None and binding.record,
            dropped=binding is None and event.binding is not None,
        )

    def was_anothers(self, event: Event, app: str) -> bool:
        """Whether X was another app's than this one's when its call may have begun."""
        if event.number is None:
            return False
        owners = self._owners(event, event.number)
        return bool(owners) and app not in owners

    def placed_call(self, event: Event) -> PlacedCall | None:
        """The call that we had placed of which the event tells. One whose session we never heard,
        because the carrier's answer was lost, is the one that these people are in for the app whose
        account placed it."""
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
        self._placed.started(call, session=event.call_id)
        return replace(call, session=event.call_id)

    def end_placed(self, event: Event, *, now: int) -> None:
        """Notes that a placed call is over: its people may be called again."""
        call = self.placed_call(event)
        if call is not None:
            self._placed.end(call, now=now)

    def _of_placed(self, event: Event, request: str | None) -> AttributedEvent:
        """Its telephones may show an X of the app's; any other X is not of this call."""
        call = self.placed_call(event)
        app = call.app if call is not None else None
        shown = event.number
        if shown is not None and app not in self._owners(event, shown):
            shown = None
        dropped = event.binding is not None
        attributed = replace(event, number=shown, binding=None, request=request)
        if call is not None and event.placed is not None:
            placed = replace(event.placed, user_data=call.ask.user_data)
            attributed = replace(attributed, placed=placed)
        return AttributedEvent(attributed, app, dropped=dropped)

    def _apps(self, event: Event, number: str, named: BindingFacts | None) -> set[str]:
        """The apps whose an event over this X may be."""
        if named is not None and self._may_be_of(event, named.app, number):
            return {named.app}
        owners = self._owners(event, number)
        # If X was nobody's, it was bound over this very X, by whoever had it then.
        return owners or ({named.app} if named is not None else set())

    def _may_be_of(self, event: Event, app: str, number: str) -> bool:
        """Whether the call of an event that does not say when it began may have begun while X was
        this app's."""
        begun, at = _begun(event), _at(event)
        owners = self._numbers.owners_of(number)
        return begun is None and any(
            each.app == app and (at is None or each.during(0, at + CLOCKS_APART_MS))
            for each in owners
        )

    def _owners(self, event: Event, number: str) -> set[str]:
        """The apps whose X it was on this carrier at any moment at which the call may have begun.
        Usually one."""
        first, last = _span(event)
        owners = self._numbers.owners_of(number)
        if owner_at(owners, last) is None:
            owners = self._numbers.owners_of(number, fresh=True)
        then = [owner for owner in owners if owner.during(first, last)]
        return {owner.app for owner in then if owner.carrier == event.carrier}

    def _named(self, event: Event) -> BindingFacts | None:
        """The binding that it names, if that is of its carrier and of the X that it names."""
        found = self._bindings.facts(event.binding) if event.binding is not None else None
        if found is None and event.carrier_binding is not None and event.number is not None:
            found = self._by_carriers_id(event, event.number)
        if found is None or found.carrier != event.carrier:
            return None
        same = event.number is None or canonical(event.number) == canonical(found.number)
        return found if same else None

    def _spelled(self, number: str, app: str | None) -> str:
        """X as this app's pool had it last."""
        owners = [each for each in self._numbers.owners_of(number) if each.app == app]
        return (owners[-1].number if owners else "") or number

    def _by_carriers_id(self, event: Event, number: str) -> BindingFacts | None:
        """The carrier did not give our id back: its own has to be the one that this route stands
        for."""
        line = self._routes.find(number, event.caller)
        route = line.route or line.everybodys
        binding = self._bindings.get(route.binding) if route is not None else None
        lease = binding.lease if binding is not None else None
        is_it = lease is not None and lease.id == event.carrier_binding
        return binding.facts if binding is not None and is_it else None


def _begun(event: Event) -> int | None:
    """When its call began; None if it does not say so, or says it by a clock that was never set:
    the first owner of an X would get what is another's."""
    begun = stated_start(event)
    return begun if begun is not None and begun >= YEAR_2001_MS else None


def _at(event: Event) -> int | None:
    """When it happened, on the same condition."""
    return event.at if event.timed and event.at >= YEAR_2001_MS else None


def _span(event: Event) -> tuple[int, int]:
    """Between which moments its call began, where no binding says more. What carriers tell as it
    happens counts as its call's time; a recording is there later."""
    begun, at = _begun(event), _at(event)
    if begun is not None:
        return begun, begun
    if at is None:
        return 0, NEVER
    return at - RECORDED_MS if event.kind is EventKind.RECORDING_READY else at, at


def _agrees(event: Event, binding: BindingFacts) -> bool:
    """Whether a call may be of this binding. One that was turned away because there is none is, if
    the caller is one of the two: a carrier may name whatever is bound over X."""
    turned_away = event.outcome is Outcome.NO_BINDING
    return not turned_away or binding.everybodys or event.caller in binding.people
