"""Where a call goes when an XA and pairs share an X: the caller's own leg goes before everybody's,
and nobody reaches another person than a moment ago."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from chalicelib.core.bindings.call_decision import Connect, Reject
from chalicelib.core.bindings.call_routes import Owner, Route, RouteLookup
from chalicelib.core.bindings.model import Presentation
from chalicelib.core.calls.events import RejectReason
from chalicelib.core.durations import NEVER
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.bindings.routing import Router

X = "8610000000001"
A, B, C, D = (Subscriber(f"44770090000{i}") for i in range(1, 5))
NOW, ENDS, COOLED = 1_000, 5_000, 9_000
DEMO = Owner("demo", "switch", since=0)


def entry(role: str, *, of: str, a: Subscriber, b: Subscriber | None, **more: object) -> Route:
    values = {
        "app": "demo",
        "record": False,
        "expires": ENDS,
        "reusable_at": COOLED,
        "released": False,
        "max_call_s": 60,
    }
    return Route(binding=of, number=X, role=role, a=a, b=b, **values | more)  # type: ignore[arg-type]


@dataclass
class Legs:
    """Fulfils the port Legs with what stands on one X."""

    own: Mapping[Subscriber, Route] = field(default_factory=dict)
    everybodys: Route | None = None
    owners: Mapping[str, tuple[Owner, ...]] = field(default_factory=lambda: {X: (DEMO,)})
    prompt: str | None = None

    def find(self, number: str, caller: Subscriber | None) -> RouteLookup:
        own = self.own.get(caller) if caller else None
        callers = self.owners_of(caller.digits) if caller else ()
        return RouteLookup(self.owners_of(number), own, self.everybodys, callers)

    def owners_of(self, number: str) -> tuple[Owner, ...]:
        return self.owners.get(number, ())

    def prompt_for_others(self, number: str, *, now: int) -> str | None:
        return self.prompt


def pair(a: Subscriber, b: Subscriber, **more: object) -> dict[Subscriber, Route]:
    """The two legs of an AXB."""
    return {
        a: entry("a", of="pair", a=a, b=b, **more),
        b: entry("b", of="pair", a=a, b=b, **more),
    }


def open_to_all(a: Subscriber, **more: object) -> tuple[dict[Subscriber, Route], Route]:
    """The two legs of an XA: A's own, and everybody's."""
    own = entry("a", of="xa", a=a, b=None, **more)
    return {a: own}, entry("b", of="xa", a=a, b=None, **more)


def route(
    routes: Legs, caller: Subscriber | None, *, now: int = NOW, carrier: str = "switch"
) -> Connect | Reject:
    return Router(routes).route(X, caller, carrier=carrier, now=now)


def reached(routes: Legs, caller: Subscriber | None, *, now: int = NOW) -> Subscriber | None:
    answer = route(routes, caller, now=now)
    return answer.to if isinstance(answer, Connect) else None


def why(routes: Legs, caller: Subscriber | None, *, now: int = NOW) -> RejectReason:
    answer = route(routes, caller, now=now)
    assert isinstance(answer, Reject)
    return answer.reason


# An XA alone


@pytest.mark.parametrize("caller", [B, C, None])
def test_everybody_reaches_the_a_of_an_xa_also_without_a_number(caller: Subscriber | None) -> None:
    own, all_ = open_to_all(A)
    answer = route(Legs(own, all_), caller)
    assert isinstance(answer, Connect)
    assert (answer.to, answer.show, answer.route.binding) == (A, X, "xa")


def test_the_own_call_of_a_leads_nowhere() -> None:
    how = Presentation(prompt_a="own")
    own, all_ = open_to_all(A, presentation=how)
    assert route(Legs(own, all_), A) == Reject(RejectReason.BLOCKED, "own", own[A])


def test_an_a_whose_own_leg_is_not_seen_does_not_reach_himself() -> None:
    _, all_ = open_to_all(A)
    assert why(Legs({}, all_), A) is RejectReason.BLOCKED


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (ENDS, RejectReason.EXPIRED),
        (COOLED - 1, RejectReason.EXPIRED),
        (COOLED, RejectReason.NO_BINDING),
    ],
)
def test_an_xa_that_is_over(now: int, reason: RejectReason) -> None:
    own, all_ = open_to_all(A)
    assert reached(Legs(own, all_), B, now=ENDS - 1) == A
    assert why(Legs(own, all_), B, now=now) is reason


def test_an_xa_that_was_ended_cools() -> None:
    own, all_ = open_to_all(A, released=True)
    assert why(Legs(own, all_), B, now=ENDS) is RejectReason.COOLING
    assert why(Legs(own, all_), A, now=ENDS) is RejectReason.COOLING


def test_whoever_hides_his_number_hears_that_after_an_xa_too() -> None:
    own, all_ = open_to_all(A)
    assert why(Legs(own, all_), None, now=ENDS) is RejectReason.ANONYMOUS


def test_an_xa_without_end_has_none() -> None:
    own, all_ = open_to_all(A, expires=NEVER, reusable_at=NEVER)
    assert reached(Legs(own, all_), B, now=NEVER - 1) == A


# Beside pairs


def test_a_pair_goes_before_everybody() -> None:
    own, all_ = open_to_all(A)
    routes = Legs(own | pair(B, C), all_)
    assert [reached(routes, caller) for caller in (B, C, D, None)] == [C, B, A, A]


def test_a_pair_with_the_a_of_the_xa_goes_before_his_own_call() -> None:
    """His leg on X is the pair's: an XA of his can't be made beside it, nor the other way round."""
    _, all_ = open_to_all(A)
    routes = Legs(pair(A, B), all_)
    assert [reached(routes, caller) for caller in (A, B, D)] == [B, A, A]


@pytest.mark.parametrize(
    ("released", "reason"), [(True, RejectReason.COOLING), (False, RejectReason.EXPIRED)]
)
def test_a_leg_that_cools_leads_to_nobody_else(released: bool, reason: RejectReason) -> None:
    own, all_ = open_to_all(A, expires=NEVER, reusable_at=NEVER)
    routes = Legs(own | pair(B, C, released=released), all_)
    for caller in (B, C):
        assert why(routes, caller, now=ENDS) is reason
        assert why(routes, caller, now=COOLED - 1) is reason
        assert reached(routes, caller, now=COOLED) == A
    assert reached(routes, D, now=ENDS) == A


def test_a_leg_that_cools_goes_on_to_the_very_person_whom_it_led_to() -> None:
    _, all_ = open_to_all(A, expires=NEVER, reusable_at=NEVER)
    routes = Legs(pair(A, B), all_)
    assert reached(routes, B, now=ENDS) == A
    # The other way it led to B, and his own call leads nowhere.
    assert why(routes, A, now=ENDS) is RejectReason.EXPIRED
    assert why(routes, A, now=COOLED) is RejectReason.BLOCKED


def test_a_pair_never_answers_to_nobody() -> None:
    assert why(Legs(pair(A, B)), None) is RejectReason.ANONYMOUS


def test_an_xa_that_is_over_does_not_hide_what_a_stranger_hears_of_a_pair() -> None:
    own, all_ = open_to_all(A, released=True)
    routes = Legs(own | pair(B, C, expires=COOLED), all_, prompt="busy")
    assert route(routes, D, now=ENDS) == Reject(RejectReason.THIRD_PARTY, "busy")


# Whose X it is


def test_legs_of_another_app_are_not_there() -> None:
    """X went to another app, and its legs stand there still."""
    own, all_ = open_to_all(A, app="before")
    routes = Legs(own | pair(B, C, app="before"), all_)
    assert [why(routes, caller) for caller in (A, B, D)] == [RejectReason.NO_BINDING] * 3
    assert why(replace(routes, owners={}), B) is RejectReason.UNKNOWN_NUMBER


def test_a_switch_knows_no_x_of_another_carrier() -> None:
    routes = Legs(pair(A, B))
    for carrier in ("netease-a", "interline", "switch-2", ""):
        answer = route(routes, A, carrier=carrier)
        assert answer == Reject(RejectReason.UNKNOWN_NUMBER), carrier


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (NOW - 1, RejectReason.UNKNOWN_NUMBER),
        (NOW, None),
        (NOW + 99, None),
        (NOW + 100, RejectReason.UNKNOWN_NUMBER),
        (NOW + 200, RejectReason.NO_BINDING),
    ],
)
def test_an_x_routes_for_whoever_owns_it_at_that_moment(
    moment: int, reason: RejectReason | None
) -> None:
    before = replace(DEMO, since=NOW, until=NOW + 100)
    routes = Legs(pair(A, B), owners={X: (before, Owner("other", "switch", since=NOW + 200))})
    answer = route(routes, A, now=moment)
    assert (answer.reason if isinstance(answer, Reject) else None) is reason


def test_what_was_bound_when_an_x_left_its_app_runs_out_by_itself() -> None:
    """A process may bind that does not know of it yet."""
    left = {X: (replace(DEMO, until=NOW - 500),)}
    routes = Legs(pair(A, B), owners=left)
    assert reached(routes, A) == B
    assert why(routes, A, now=ENDS) is RejectReason.EXPIRED
    assert why(routes, D) is RejectReason.UNKNOWN_NUMBER
    assert why(Legs(pair(A, B, app="before"), owners=left), A) is RejectReason.UNKNOWN_NUMBER


# No call goes round


@pytest.mark.parametrize("owner", [DEMO, Owner("other", "netease-a", since=0)])
def test_a_caller_that_is_anybodys_x_is_never_connected(owner: Owner) -> None:
    own, all_ = open_to_all(A)
    x2 = Subscriber("8610000000002")
    routes = Legs(own | pair(x2, C), all_, owners={X: (DEMO,), x2.digits: (owner,)})
    assert why(routes, x2) is RejectReason.PROXY_NUMBER
    assert why(routes, Subscriber(X)) is RejectReason.PROXY_NUMBER
    gone = {X: (DEMO,), x2.digits: (replace(owner, until=NOW),)}
    assert reached(replace(routes, owners=gone), x2) == C


def test_a_real_number_is_not_shown_to_an_x() -> None:
    """The next X would connect the same caller again, and so on, for ever."""
    x2 = Subscriber("8610000000002")
    shown, hidden = Presentation(show_a=True), Presentation()
    owners = {X: (DEMO,), x2.digits: (Owner("other", "switch", since=0),)}
    assert why(Legs(pair(A, x2, presentation=shown), owners=owners), A) is (
        RejectReason.PROXY_NUMBER
    )
    assert reached(Legs(pair(A, x2, presentation=hidden), owners=owners), A) == x2


# What is shown and heard


def test_who_sees_a_real_number() -> None:
    routes = Legs(pair(A, B, presentation=Presentation(show_a=True)))
    for caller, shown in [(A, A.digits), (B, X)]:
        answer = route(routes, caller)
        assert isinstance(answer, Connect)
        assert answer.show == shown


def test_the_a_of_an_xa_may_see_who_calls_him_unless_he_hides() -> None:
    own, all_ = open_to_all(A, presentation=Presentation(show_b=True))
    for caller, shown in [(C, C.digits), (None, X)]:
        answer = route(Legs(own, all_), caller)
        assert isinstance(answer, Connect)
        assert answer.show == shown


def test_each_side_hears_its_own_announcement() -> None:
    how = Presentation(prompt_a="to-a", prompt_b="to-b", prompt_others="to-others")
    routes = pair(A, B, presentation=how)
    assert [routes[A].prompt, routes[B].prompt] == ["to-a", "to-b"]
