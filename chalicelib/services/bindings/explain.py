"""Whom a call over an X would reach, or would have reached, and why."""

from dataclasses import dataclass
from itertools import islice

from chalicelib.core import errors
from chalicelib.core.bindings.call_decision import Connect, Reject, UnknownCaller, decide
from chalicelib.core.bindings.call_routes import Owner, Route, owner_at
from chalicelib.core.bindings.model import Binding
from chalicelib.core.bindings.past_routes import lookup_at, routes_at
from chalicelib.core.calls.events import RejectReason
from chalicelib.core.durations import DAY_MS
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App
from chalicelib.services.bindings.routing import Router
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.bindings.search import BindingSearch

MOST_BINDINGS = 10_000
"""Of how many bindings of an X it is told what was: they are read one by one."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision: `to` is reached (connect), or nobody, for this `reason` (reject; None where it is
    not told). `binding` is the one that decides; between `since` and `until` (epoch ms; None: no
    such end) it decides the same for this caller."""

    to: Subscriber | None
    show: str | None
    reason: RejectReason | None
    binding: Binding | None
    since: int | None
    until: int | None


class ExplainService:
    """Reads, never writes."""

    def __init__(self, router: Router, bindings: BindingStore, search: BindingSearch) -> None:
        self._router = router
        self._bindings = bindings
        self._search = search

    def explain(
        self, app: App, number: str, caller: Subscriber | None, *, at: int | None, now: int
    ) -> Explanation:
        """What a call over an app's X is told at a moment (epoch ms; None: now). For now it is the
        very answer that a switch gets, for later what a switch would get if nothing is changed
        until then. For the past it is told from the bindings, their changes and who owned X then,
        with today's settings, and without why an unknown caller was rejected.

        Raises UnknownNumber for an X that is not and was not the app's, NotKept for a moment of
        which too little is kept, Unavailable.
        """
        owners = self._bindings.owners_of(number)
        if not any(owner.app == app.name for owner in owners):
            raise errors.UnknownNumber("no such number")
        if at is None or at >= now:
            return self._now(app, number, caller, owners, now=now if at is None else at)
        if at < now - app.retention_days * DAY_MS:
            raise errors.NotKept(f"bindings are kept for {app.retention_days} days")
        return self._then(app, number, caller, owners, at=at)

    def _now(
        self,
        app: App,
        number: str,
        caller: Subscriber | None,
        owners: tuple[Owner, ...],
        *,
        now: int,
    ) -> Explanation:
        owner = owner_at(owners, now) or owners[-1]
        if owner.app != app.name:
            # What another app does with it by now is no business of this one.
            return _rejected(RejectReason.UNKNOWN_NUMBER)
        decision = self._router.route(number, caller, carrier=owner.carrier, now=now)
        route = decision.route
        binding = self._bindings.get(route.binding) if route is not None else None
        return _explained(decision, binding, caller, at=now)

    def _then(
        self,
        app: App,
        number: str,
        caller: Subscriber | None,
        owners: tuple[Owner, ...],
        *,
        at: int,
    ) -> Explanation:
        owner = owner_at(owners, at)
        if owner is not None and owner.app != app.name:
            return _rejected(RejectReason.UNKNOWN_NUMBER)
        made = list(islice(self._search.made_over(app.name, number, until=at), MOST_BINDINGS + 1))
        if len(made) > MOST_BINDINGS:
            raise errors.NotKept("too many bindings were made over this number since then")
        callers_owners = self._bindings.owners_of(caller.digits) if caller is not None else ()
        lookup = lookup_at(made, caller, owners=owners, callers_owners=callers_owners, at=at)
        carrier = (owner or owners[-1]).carrier
        decision = decide(lookup, caller, carrier=carrier, at=at)
        if isinstance(decision, UnknownCaller):
            return _rejected(None)
        decision = self._router.checked(decision, now=at)
        route = decision.route
        of = (each for each in made if route is not None and each.id == route.binding)
        return _explained(decision, next(of, None), caller, at=at)


def _explained(
    decision: Connect | Reject, binding: Binding | None, caller: Subscriber | None, *, at: int
) -> Explanation:
    """A decision with the binding of its route."""
    route = decision.route
    since, until = _holds(binding, route, caller, at=at) if binding and route else (None, None)
    if isinstance(decision, Connect):
        return Explanation(decision.to, decision.show, None, binding, since, until)
    return Explanation(None, None, decision.reason, binding, since, until)


def _rejected(reason: RejectReason | None) -> Explanation:
    return Explanation(None, None, reason, None, None, None)


def _holds(
    binding: Binding, route: Route, caller: Subscriber | None, *, at: int
) -> tuple[int | None, int | None]:
    """From when until when (epoch ms) a binding decides the same for a caller."""
    for each in routes_at(binding, at=at):
        if each.route.role == route.role and each.caller in (caller, None):
            if each.route.live(at):
                return each.since, each.until
            return each.route.expires, each.route.reusable_at
    return None, None
