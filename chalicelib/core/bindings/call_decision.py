"""Whom a call to an X reaches: decided from what stands on X, without reading anything."""

from dataclasses import dataclass

from chalicelib.core.bindings.call_routes import Owner, Route, RouteLookup, owner_at
from chalicelib.core.calls.events import RejectReason
from chalicelib.core.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class Connect:
    """Ring `to`, who sees `show`; the route says the rest."""

    route: Route
    to: Subscriber
    show: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Connect nobody. `prompt` is the announcement that the binding has for it (empty: none),
    `route` the one that turns the caller away (None: there is none)."""

    reason: RejectReason
    prompt: str = ""
    route: Route | None = None

    @property
    def binding(self) -> str | None:
        """The binding that it is about: of a call that is blocked, not of one that ended."""
        if self.route is None or self.reason in (RejectReason.COOLING, RejectReason.EXPIRED):
            return None
        return self.route.binding


@dataclass(frozen=True, slots=True)
class UnknownCaller:
    """Nobody has a route for this caller. What else is bound over X decides what he hears;
    `ended` is the XA that X had last, while its route cools."""

    ended: Route | None


def decide(
    lookup: RouteLookup, caller: Subscriber | None, *, carrier: str, at: int
) -> Connect | Reject | UnknownCaller:
    """Who is reached by `caller` (None: anonymous) at a moment (epoch ms), as a switch of `carrier`
    asks: X numbers of other carriers are unknown to it.

    The caller's own route goes before the one of an XA, which is everybody's. A caller that is an X
    is never connected. Whether a peer who would see the caller's number is an X himself is still to
    be looked up (`shows_caller`).
    """
    owner = owner_at(lookup.owners, at)
    # What was bound before everybody knew that X leaves its app runs out by itself.
    was = owner or (lookup.owners[-1] if lookup.owners else None)
    if was is None or was.carrier != carrier:
        return Reject(RejectReason.UNKNOWN_NUMBER)
    if owner_at(lookup.callers_owners, at) is not None:
        return Reject(RejectReason.PROXY_NUMBER)
    route, everybodys = _owned(was, lookup.route), _owned(was, lookup.everybodys)
    if route is not None:
        if route.live(at):
            return _over(route, caller)
        if at < route.reusable_at and not _same_person(route, everybodys):
            return _ended(route)
    if everybodys is not None and everybodys.live(at):
        return _over(everybodys, caller)
    if owner is None:
        return Reject(RejectReason.UNKNOWN_NUMBER)
    if caller is None:
        return Reject(RejectReason.ANONYMOUS)
    cooling = everybodys if everybodys is not None and at < everybodys.reusable_at else None
    return UnknownCaller(cooling)


def turned_away(unknown: UnknownCaller, prompt: str | None) -> Reject:
    """Why an unknown caller is reached by nobody. `prompt` is what those bound over X have for such
    callers; None where nobody is."""
    if prompt is not None:
        return Reject(RejectReason.THIRD_PARTY, prompt)
    if unknown.ended is not None:
        return _ended(unknown.ended)
    return Reject(RejectReason.NO_BINDING)


def _over(route: Route, caller: Subscriber | None) -> Connect | Reject:
    if route.peer is None or route.peer == caller or not route.allowed:
        return Reject(RejectReason.BLOCKED, route.prompt, route)
    shown = caller is not None and route.shows_caller
    return Connect(route, route.peer, caller.digits if caller and shown else route.number)


def _owned(owner: Owner, route: Route | None) -> Route | None:
    return route if route is not None and route.app == owner.app else None


def _same_person(route: Route, everybodys: Route | None) -> bool:
    """Whether the XA leads where the route led that cools."""
    return everybodys is not None and route.peer == everybodys.peer


def _ended(route: Route) -> Reject:
    return Reject(RejectReason.COOLING if route.released else RejectReason.EXPIRED, route=route)
