"""Calls that the platform places: rings everybody, and tells the app how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import NAMESPACE_OID, uuid5

from chalicelib.core import errors, numbers
from chalicelib.core.allocation import shown_number
from chalicelib.core.calls import CallAsk, PlacedCall
from chalicelib.core.ports import Accounts, Carriers, Dialler, Ledger, PlacedCalls, Tag
from chalicelib.core.values import App, RequestId

RING_MS = 180_000
"""How long telephones ring, and a report of the end takes, at most."""


@dataclass(frozen=True, slots=True)
class CallDesk:
    """The use cases over placed calls. `now` is epoch ms and always comes from the caller."""

    calls: PlacedCalls
    accounts: Accounts
    carriers: Carriers
    ledger: Ledger
    tag: Tag

    def place(self, app: App, ask: CallAsk, request: RequestId, *, now: int) -> str:
        """Places a call; the id that its end will be reported under. A repeat of the request while
        the call goes on gets the first answer.

        Raises Forbidden (the app's carrier places no calls), BadParameter (`account`; `caller` or
        `callee` that is an X of the app), AlreadyCalling, RequestRunning, BalanceUsedUp,
        CarrierRefused, Unavailable.
        """
        carrier = self.carriers.of(app.carrier)
        dialler = _dialler(carrier.dialler)
        _refuse_own_numbers(app, ask)
        owner = self.accounts.owner(ask.account, carrier=app.carrier)
        if owner != app.name and (owner is not None or carrier.messenger is None):
            raise errors.BadParameter("account")
        if carrier.keeper is None:
            ask = replace(ask, show=shown_number(app, ask))
        call = PlacedCall(
            app=app.name,
            carrier=app.carrier,
            ask=ask,
            request=request,
            created=now,
            until=now + RING_MS + ask.max_s * 1000,
        )
        used_up = not app.tariff.free and self.ledger.standing(app.name).used_up
        running = self.calls.claim(call, now=now)
        if running is not None:
            return _first_answer(running, call)
        proposal = str(uuid5(NAMESPACE_OID, self.tag("session", app.name, request.key, str(now))))
        try:
            if used_up:
                raise errors.BalanceUsedUp
            session = dialler.place(ask, session=proposal, now=now)
        except errors.GatewayError as error:
            if not error.unknown:
                self.calls.drop(call)
            raise
        self.calls.started(call, session=session)
        return session

    def status(
        self, app: App, session: str, *, conference: bool, now: int
    ) -> Mapping[str, str | int]:
        """What the carrier says of a call of this app.

        Raises UnknownCall (also for somebody else's), Forbidden, Unavailable.
        """
        call = self.calls.get(session, carrier=app.carrier)
        if call is None or call.app != app.name or call.ask.conference != conference:
            raise errors.UnknownCall("no such call")
        dialler = _dialler(self.carriers.of(app.carrier).dialler)
        return dialler.status(session, conference=conference, now=now)


def _dialler(dialler: Dialler | None) -> Dialler:
    if dialler is None:
        raise errors.Forbidden("no authorization")
    return dialler


def _refuse_own_numbers(app: App, ask: CallAsk) -> None:
    """A call to an X would go round. Raises BadParameter."""
    for name, people in (("caller", (ask.caller,)), ("callee", ask.callees)):
        if any(numbers.is_x(person, app.pool) for person in people):
            raise errors.BadParameter(name, numbers.NOT_AN_X)


def _first_answer(running: PlacedCall, call: PlacedCall) -> str:
    same = running.app == call.app and running.request == call.request
    if not same:
        raise errors.AlreadyCalling
    if running.session is None:
        raise errors.RequestRunning("this call is being placed")
    return running.session
