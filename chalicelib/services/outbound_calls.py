"""Calls that the gateway places on request of an app: rings everybody, says how far a call is, and
hangs up."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import NAMESPACE_OID, uuid5

from chalicelib.core import errors, numbers
from chalicelib.core.bindings.choosing import shown_number
from chalicelib.core.calls.placed_calls import (
    CONNECTED,
    GOES_ON,
    CallAsk,
    CallState,
    CallStatus,
    Occupied,
    PlacedCall,
)
from chalicelib.core.ports import CallPlacer, Carrier, Carriers, KeyedDigest
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.services.messaging import namespace
from chalicelib.store.calls.placed_calls import PlacedCallStore
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.store.tenants.messaging_users import MessagingUserStore

RING_MS = 180_000
"""How long ringing and the report of the end take together, at most."""


@dataclass(frozen=True, slots=True)
class OutboundCalls:
    """The use cases over placed calls. `now` is epoch ms and always comes from the caller."""

    calls: PlacedCallStore
    accounts: MessagingUserStore
    carriers: Carriers
    balances: BalanceStore
    tag: KeyedDigest

    def place(self, app: App, ask: CallAsk, request: RequestId, *, now: int) -> str:
        """Places a call; returns the id under which its end will be reported. A repeat of the
        request during the call gets the first answer (App.does_once says what it gets later).

        Raises Forbidden (the app's carrier places no calls), NotSupported (it shows no X that was
        asked for), UnknownNumber (it is no X of the app), BadParameter (`account`; `caller` or
        `callee` that is an X of the app), SamePerson (`callee`), AlreadyCalling, RequestMismatch,
        RequestRunning, RequestOver, BalanceUsedUp, CarrierRefused, Unavailable.
        """
        carrier = self.carriers.of(app.carrier)
        dialler = _dialler(carrier.dialler)
        _check_people(app, ask)
        ask = replace(ask, account=ask.account or app.call_account)
        if ask.account or dialler.needs_account:
            self._check_account(app, ask.account, carrier)
        proposal = str(uuid5(NAMESPACE_OID, self.tag("session", app.name, request.key, str(now))))
        ours = carrier.bindings is None
        if ask.show is not None:
            ask = replace(ask, show=_own_number(app, ask.show, carrier))
        elif ours:
            ask = replace(ask, show=shown_number(app, ask, self.tag))
        call = PlacedCall(
            app=app.name,
            carrier=app.carrier,
            ask=ask,
            request=request,
            created=now,
            until=now + RING_MS + ask.max_s * 1000,
            proposed=proposal if ours else None,
        )
        used_up = not app.tariff.free and self.balances.standing(app.name).used_up
        once = app.does_once(request)
        occupied = self.calls.claim(call, once=once, now=now)
        if occupied is not None:
            return self._first_answer(occupied, request, dialler, now=now)
        try:
            if used_up:
                raise errors.BalanceUsedUp
            session = dialler.place(ask, session=proposal, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self.calls.drop(call, once=once)
            raise
        self.calls.started(call, session=session)
        return session

    def status(
        self, app: App, session: str, *, conference: bool | None, now: int
    ) -> Mapping[str, str | int]:
        """What the carrier says of a call of this app; `conference` None: whichever it is.

        Raises UnknownCall (also for somebody else's), Forbidden, Unavailable.
        """
        call = self.placed(app, session)
        if conference not in {None, call.ask.conference}:
            raise errors.UnknownCall("no such call")
        dialler = _dialler(self.carriers.of(app.carrier).dialler)
        return dialler.status(session, conference=call.ask.conference, now=now)

    def placed(self, app: App, session: str) -> PlacedCall:
        """A call of this app, as it was placed. One read. Raises UnknownCall (also for somebody
        else's), Unavailable."""
        call = self.calls.get(session, carrier=app.carrier)
        if call is None or call.app != app.name:
            raise errors.UnknownCall("no such call")
        return call

    def get(self, app: App, session: str, *, now: int) -> CallStatus:
        """A call of this app, and how far it is: as was reported, or else as the carrier says. Two
        reads. Raises UnknownCall (also for somebody else's), Unavailable."""
        call = self.placed(app, session)
        latest = self.calls.among(call.ask.parties, carrier=call.carrier, app=app.name)
        if latest is None or not _same(latest, call):
            return CallStatus(session, call, CallState.ENDED)
        if latest.ended is not None or now >= call.until:
            return CallStatus(session, call, CallState.ENDED)
        dialler = self.carriers.of(app.carrier).dialler
        if dialler is None:
            return CallStatus(session, call, CallState.IN_PROGRESS)
        try:
            said = dialler.status(session, conference=call.ask.conference, now=now)["status"]
        except errors.UnknownCall:
            state = CallState.PLACING if latest.session is None else CallState.ENDED
            return CallStatus(session, call, state)
        if said == GOES_ON:
            return CallStatus(session, call, CallState.IN_PROGRESS)
        return CallStatus(session, call, CallState.ENDED, connected=said == CONNECTED)

    def hang_up(self, app: App, session: str, *, now: int) -> CallStatus:
        """Ends a call of this app; nothing happens if it is over. Raises UnknownCall (also for
        somebody else's), NotSupported, CarrierRefused, Unavailable."""
        found = self.get(app, session, now=now)
        if found.state is CallState.ENDED:
            return found
        ender = self.carriers.of(app.carrier).call_ender
        if ender is None:
            raise errors.NotSupported(
                "the carrier can't hang up a call: it ends by itself, at the latest after"
                " max_call_s"
            )
        ender.hang_up(session, now=now)
        return replace(found, state=CallState.ENDED)

    def _first_answer(
        self, occupied: Occupied, request: RequestId, dialler: CallPlacer, *, now: int
    ) -> str:
        """The answer to a request that came before, or why its people can't be called."""
        if occupied.earlier is not None:
            occupied.earlier.check(request)
        running = occupied.call
        if running is not None and running.request.key == request.key:
            return running.session or self._found(running, dialler, now=now)
        if occupied.earlier is not None:
            raise errors.RequestOver(
                "this request was carried out and its call is over; to call again, send a new"
                " request"
            )
        raise errors.AlreadyCalling

    def _found(self, call: PlacedCall, dialler: CallPlacer, *, now: int) -> str:
        """The id of a call whose carrier's answer was lost, or has not come yet: the one that we
        proposed, if the carrier knows it. Raises RequestRunning."""
        if call.proposed is not None:
            try:
                dialler.status(call.proposed, conference=call.ask.conference, now=now)
            except errors.GatewayError:
                pass
            else:
                self.calls.started(call, session=call.proposed)
                return call.proposed
        raise errors.RequestRunning("this call is being placed")

    def _check_account(self, app: App, account: str, carrier: Carrier) -> None:
        """Raises BadParameter unless a call may be placed in this name."""
        if not account:
            raise errors.BadParameter(
                "account",
                "this carrier places calls in the name of a user: give one, or have the operator"
                " set the app's call-account",
            )
        owner = self.accounts.owner(account, namespace=namespace(app, carrier))
        if owner != app.name and (owner is not None or carrier.messenger is None):
            raise errors.BadParameter("account", "the app has no such user")


def _dialler(dialler: CallPlacer | None) -> CallPlacer:
    if dialler is None:
        raise errors.Forbidden("no authorization")
    return dialler


def _check_people(app: App, ask: CallAsk) -> None:
    """Raises SamePerson; BadParameter for an X, where a call would go round."""
    if len(set(ask.parties)) < len(ask.parties):
        raise errors.SamePerson("callee")
    for name, people in (("caller", (ask.caller,)), ("callee", ask.callees)):
        if any(numbers.is_x(person, app.pool) for person in people):
            raise errors.BadParameter(name, numbers.NOT_AN_X)


def _own_number(app: App, number: str, carrier: Carrier) -> str:
    """The X that a call is to show, as the pool has it. Raises NotSupported, UnknownNumber."""
    if carrier.bindings is not None:
        raise errors.NotSupported("the carrier shows a number of its own: leave out number")
    known = numbers.in_pool(number, app.pool.areas)
    if known is None:
        raise errors.UnknownNumber("no such number")
    return known


def _same(one: PlacedCall, other: PlacedCall) -> bool:
    return (one.request, one.created) == (other.request, other.created)
