"""What stood on an X at an earlier moment, told from the bindings that were made over it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from chalicelib.core.bindings.call_routes import Owner, Route, RouteLookup
from chalicelib.core.bindings.model import Binding, Revision, Role, State
from chalicelib.core.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class PastRoute:
    """A route as it was at a moment, with its caller (None: everybody), and from when until when
    (epoch ms) it led where it led."""

    caller: Subscriber | None
    since: int
    until: int
    route: Route


def lookup_at(
    bindings: Iterable[Binding],
    caller: Subscriber | None,
    *,
    owners: tuple[Owner, ...],
    callers_owners: tuple[Owner, ...],
    at: int,
) -> RouteLookup:
    """What BindingStore.find would have found for a caller at a moment (epoch ms), if `bindings`
    are all that were ever made over this X."""
    routes = [route for binding in bindings for route in routes_at(binding, at=at)]

    def latest(whose: Subscriber | None) -> Route | None:
        # Whoever has a route over X took it from the one before.
        found = [each for each in routes if each.caller == whose]
        return max(found, key=lambda each: each.since).route if found else None

    own = latest(caller) if caller is not None else None
    return RouteLookup(owners, own, latest(None), callers_owners)


def routes_at(binding: Binding, *, at: int) -> Iterator[PastRoute]:
    """The routes that a binding had at a moment (epoch ms): none before it was made."""
    if at < binding.created:
        return
    latest = Revision(binding.expires, binding.b, binding.direction, binding.record)
    history = (*binding.revisions, latest)
    then = next((each for each in history if at < each.until), latest)
    earlier = [each.until for each in history if each.until <= at and each.b != then.b]
    later = [each.until for each, following in pairwise(history) if each.b != following.b]
    since = max(earlier, default=binding.created)
    until = next((each for each in later if at < each), binding.expires)
    yield PastRoute(binding.a, since, until, _route(binding, "a", then, at=at))
    yield PastRoute(then.b, since, until, _route(binding, "b", then, at=at))
    # Whom A reached before, and until when the last time: such a route cools from the change on.
    before = {each.b: each for each in binding.revisions if each.until <= at}
    for left in before.values():
        if left.b != then.b:
            cooling = replace(
                _route(binding, "b", left, at=at),
                expires=left.until,
                reusable_at=left.until + binding.cooling_ms,
                released=True,
            )
            yield PastRoute(left.b, left.until, cooling.reusable_at, cooling)


def _route(binding: Binding, role: Role, then: Revision, *, at: int) -> Route:
    return Route(
        binding=binding.id,
        app=binding.app,
        number=binding.number,
        role=role,
        a=binding.a,
        b=then.b,
        record=then.record,
        expires=binding.expires,
        reusable_at=binding.reusable_at,
        max_call_s=binding.max_call_s,
        released=binding.state is State.ENDED and at >= binding.expires,
        presentation=binding.presentation,
        direction=then.direction,
    )
