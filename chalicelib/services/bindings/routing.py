"""Where a call to an X goes: the path that a person waits on."""

from chalicelib.core.bindings.call_decision import (
    Connect,
    Reject,
    UnknownCaller,
    decide,
    turned_away,
)
from chalicelib.core.bindings.call_routes import owner_at
from chalicelib.core.calls.events import RejectReason
from chalicelib.core.subscribers import Subscriber
from chalicelib.store.bindings.call_routes import RouteStore


class Router:
    """Answers a switch. Reads, never writes."""

    def __init__(self, routes: RouteStore) -> None:
        self._routes = routes

    def route(
        self, number: str, caller: Subscriber | None, *, carrier: str, now: int
    ) -> Connect | Reject:
        """Who is reached by `caller` (None: anonymous) over X at `now` (epoch ms), as
        core.bindings.call_decision decides it.

        One consistent read for everybody who has a route; an unknown caller costs a second one,
        which only decides between the reasons to reject him. Raises Unavailable.
        """
        lookup = self._routes.find(number, caller)
        decision = decide(lookup, caller, carrier=carrier, at=now)
        if isinstance(decision, UnknownCaller):
            prompt = self._routes.prompt_for_others(lookup.number or number, now=now)
            return turned_away(decision, prompt)
        return self.checked(decision, now=now)

    def checked(self, decision: Connect | Reject, *, now: int) -> Connect | Reject:
        """The same, unless the peer would see the caller's number and is an X himself: the X after
        this one would see that number, and not that the call came over an X already."""
        if isinstance(decision, Reject) or decision.show == decision.route.number:
            return decision
        if owner_at(self._routes.owners_of(decision.to.digits), now) is None:
            return decision
        return Reject(RejectReason.PROXY_NUMBER, route=decision.route)
