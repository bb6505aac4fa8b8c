"""Calls that the gateway places on request of an app."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import NAMESPACE_OID, uuid5

from chalicelib.core import errors, numbers
from chalicelib.core.bindings.choosing import shown_number
from chalicelib.core.calls.placed_calls import CallAsk, Occupied, PlacedCall
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
    ledger: BalanceStore
    tag: KeyedDigest

    def place(self, app: App, ask: CallAsk, request: RequestId, *, now: int) -> str:
        """Places a call; returns the id under which its end will be reported. A repeat of the
        request during the call gets the first answer (App.does_once says what it gets later).

        Raises Forbidden (the app's carrier places no calls), BadParameter (`account`; `caller` or
        `callee` that is an X of the app), AlreadyCalling, RequestMismatch, RequestRunning,
        RequestOver, BalanceUsedUp, CarrierRefused, Unavailable.
        """
        carrier = self.carriers.of(app.carrier)
        dialler = _dialler(carrier.dialler)
        _refuse_own_numbers(app, ask)
        self._check_account(app, ask.account, carrier)
        proposal = str(uuid5(NAMESPACE_OID, self.tag("session", app.name, request.key, str(now))))
        ours = carrier.bindings is None
        if ours:
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
        used_up = not app.tariff.free and self.ledger.standing(app.name).used_up
        once = app.does_once(request)
        occupied = self.calls.claim(call, once=once, now=now)
        if occupied is not None:
            return _first_answer(occupied, request)
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
        call = self.calls.get(session, carrier=app.carrier)
        if call is None or call.app != app.name or conference not in {None, call.ask.conference}:
            raise errors.UnknownCall("no such call")
        dialler = _dialler(self.carriers.of(app.carrier).dialler)
        return dialler.status(session, conference=call.ask.conference, now=now)

    def _check_account(self, app: App, account: str, carrier: Carrier) -> None:
        """Raises BadParameter unless a call may be placed in this name."""
        owner = self.accounts.owner(account, namespace=namespace(app, carrier))
        if owner != app.name and (owner is not None or carrier.messenger is None):
            raise errors.BadParameter("account", "the app has no such user")


def _dialler(dialler: CallPlacer | None) -> CallPlacer:
    if dialler is None:
        raise errors.Forbidden("no authorization")
    return dialler


def _refuse_own_numbers(app: App, ask: CallAsk) -> None:
    """A call to an X would go round. Raises BadParameter."""
    for name, people in (("caller", (ask.caller,)), ("callee", ask.callees)):
        if any(numbers.is_x(person, app.pool) for person in people):
            raise errors.BadParameter(name, numbers.NOT_AN_X)


def _first_answer(occupied: Occupied, request: RequestId) -> str:
    if occupied.earlier is not None:
        occupied.earlier.check(request)
    running = occupied.call
    if running is not None and running.request.key == request.key:
        if running.session is None:
            raise errors.RequestRunning("this call is being placed")
        return running.session
    if occupied.earlier is not None:
        raise errors.RequestOver(
            "this request was carried out and its call is over; to call again, send a new request"
        )
    raise errors.AlreadyCalling
