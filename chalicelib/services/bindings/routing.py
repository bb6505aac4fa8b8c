"""Where a call to an X goes: the path that a person waits on."""

from dataclasses import dataclass

from chalicelib.core.bindings.routes import Owner, Route, owner_at
from chalicelib.core.calls.events import RejectReason
from chalicelib.core.subscribers import Subscriber
from chalicelib.store.bindings.bindings import BindingStore


@dataclass(frozen=True, slots=True)
class Connect:
    """Ring `to`, who sees `show`; the route says the rest."""

    route: Route
    to: Subscriber
    show: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Connect nobody. `prompt` is the announcement that the binding has for it (empty: none),
    `binding` the one that it is about."""

    reason: RejectReason
    prompt: str = ""
    binding: str | None = None


class Router:
    """Answers a switch. Reads, never writes."""

    def __init__(self, routes: BindingStore) -> None:
        self._routes = routes

    def route(
        self, number: str, caller: Subscriber | None, *, carrier: str, now: int
    ) -> Connect | Reject:
        """Who is reached by `caller` (None: anonymous) over X at `now` (epoch ms), as a switch of
        `carrier` asks it: X numbers of other carriers are unknown to it.

        No call goes round: a caller that is anybody's X is never connected. The caller's own route
        goes before the one of an XA, which is everybody's. One consistent read for everybody who
        has a route; an unknown caller costs a second one, which only decides between the reasons to
        reject him. Raises Unavailable.
        """
        line = self._routes.find(number, caller)
        owner = owner_at(line.owners, now)
        # What was bound before everybody knew that X leaves its app runs out by itself.
        was = owner or (line.owners[-1] if line.owners else None)
        if was is None or was.carrier != carrier:
            return Reject(RejectReason.UNKNOWN_NUMBER)
        if owner_at(line.callers_owners, now) is not None:
            return Reject(RejectReason.PROXY_NUMBER)
        route, everybodys = _owned(was, line.route), _owned(was, line.everybodys)
        if route is not None:
            if route.live(now):
                return self._over(route, caller, now=now)
            if now < route.reusable_at and not _same_person(route, everybodys):
                return _ended(route)
        if everybodys is not None and everybodys.live(now):
            return self._over(everybodys, caller, now=now)
        if owner is None:
            return Reject(RejectReason.UNKNOWN_NUMBER)
        return self._turn_away(line.number or number, caller, everybodys, now=now)

    def _turn_away(
        self, number: str, caller: Subscriber | None, everybodys: Route | None, *, now: int
    ) -> Reject:
        """Why somebody who has no route over X is reached by nobody."""
        if caller is None:
            return Reject(RejectReason.ANONYMOUS)
        prompt = self._routes.prompt_for_others(number, now=now)
        if prompt is not None:
            return Reject(RejectReason.THIRD_PARTY, prompt)
        if everybodys is not None and now < everybodys.reusable_at:
            return _ended(everybodys)
        return Reject(RejectReason.NO_BINDING)

    def _over(self, route: Route, caller: Subscriber | None, *, now: int) -> Connect | Reject:
        if route.peer is None or route.peer == caller:
            return Reject(RejectReason.BLOCKED, route.prompt, route.binding)
        if caller is None or not route.shows_caller:
            return Connect(route, route.peer, route.number)
        # The next X would see this caller, and not that the call came over an X already.
        if owner_at(self._routes.owners_of(route.peer.digits), now) is not None:
            return Reject(RejectReason.PROXY_NUMBER, binding=route.binding)
        return Connect(route, route.peer, caller.digits)


def _owned(owner: Owner, route: Route | None) -> Route | None:
    return route if route is not None and route.app == owner.app else None


def _same_person(route: Route, everybodys: Route | None) -> bool:
    """Whether the XA leads where the route led that cools."""
    return everybodys is not None and route.peer == everybodys.peer


def _ended(route: Route) -> Reject:
    return Reject(RejectReason.COOLING if route.released else RejectReason.EXPIRED)
