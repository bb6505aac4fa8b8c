"""Races and doubts over a carrier that can only be asked for another lease: what was ended stays
ended there, and nobody else is given an X as long as it may still ring."""

import contextlib
from collections.abc import Callable

import pytest

from chalicelib.core import errors
from chalicelib.core.bindings.lease import LeaseWork
from chalicelib.core.bindings.lease_rules import LAST_MS, LOOK_MS
from chalicelib.core.bindings.model import MIN_COOLING_MS, Ask, Binding
from chalicelib.core.durations import CLOCKS_APART_MS, DAY_MS
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import OVER_MS, Died, attend, fails
from tests.attacks.swapping import SwappingBook, SwappingKeeper, swapping
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber

X = number(0)
A, B, C = (subscriber(i) for i in range(3))
COOLING_S = MIN_COOLING_MS // 1000
RENEWAL = NOW + DAY_MS * 3 // 4
LAST = NOW + DAY_MS - MINUTE
LONG = 3 * 1440
DUTIES: tuple[LeaseWork, ...] = ("pending", "lease")


@pytest.fixture
def app(here: Stage) -> Backend:
    return here.app("demo", [X], cooling_s=COOLING_S)


@pytest.fixture
def book() -> SwappingBook:
    return SwappingBook()


@pytest.fixture
def gateway(here: Stage, app: Backend, book: SwappingBook) -> Gateway:
    ours = here.instance()
    swapping(ours, book)
    return ours


def asked(gateway: Gateway) -> SwappingKeeper:
    """What stands between this gateway and the book."""
    return gateway.carriers.of("any").bindings  # type: ignore[return-value]


def schedules(gateway: Gateway, *, now: int) -> None:
    """One run of each schedule that asks carriers."""
    for duty in DUTIES:
        attend(gateway, duty, now=now)


def nothing(_: str) -> None:
    """Does not happen."""


def once(call: str, act: Callable[[], object]) -> Callable[[str], None]:
    """Acts at the first call of this name."""
    left = [act]

    def hook(seen: str) -> None:
        if seen == call and left:
            left.pop()()

    return hook


def open_to_all(gateway: Gateway, a: str, *, name: str, now: int, minutes: int = 10) -> Binding:
    """An XA."""
    profile = gateway.apps.get("demo")
    assert profile is not None
    ask = Ask(Subscriber(a), None, X, None, minutes * MINUTE, record=False, user_data="")
    return gateway.shared(Api).binding_service.bind(
        profile, ask, RequestId(name * 32, "c" * 32, explicit=True), now=now
    )


def close_to_all(gateway: Gateway, *, now: int) -> None:
    """Ends the XA."""
    profile = gateway.apps.get("demo")
    assert profile is not None
    gateway.shared(Api).binding_service.release_transfer(profile, X, now=now)


# Doubts


def test_a_bind_that_takes_effect_late_and_unheard_keeps_its_legs(
    app: Backend, gateway: Gateway, book: SwappingBook
) -> None:
    asked(gateway).before = fails("bind", errors.Unavailable("silence"))
    assert app.bind(gateway, A, B, now=NOW, minutes=10, request_id="r")["code"] == 514
    asked(gateway).before = nothing
    asked(gateway).after = fails("bind", errors.Unavailable("silence"))
    assert attend(gateway, "pending", now=NOW + 9 * MINUTE) == (0, 1, 0)
    (entry,) = book.entries.values()
    assert entry.until == NOW + 19 * MINUTE
    asked(gateway).before, asked(gateway).after = fails("bind", errors.NotReached("down")), nothing
    cooled = NOW + 11 * MINUTE + COOLING_S * 1000
    attend(gateway, "pending", now=cooled)
    # The first two ring there for another while.
    asked(gateway).before, book.careless = nothing, True
    assert app.bind(gateway, A, C, now=cooled)["code"] == 603
    # Once it answers nothing stays behind.
    assert attend(gateway, "pending", now=cooled + 6 * MINUTE) == (1, 0, 0)
    assert not book.live(now=cooled + 6 * MINUTE)


def test_a_no_does_not_stand_for_what_somebody_else_asked_meanwhile(
    here: Stage, app: Backend, gateway: Gateway, book: SwappingBook
) -> None:
    """The client's repeat let the carrier bind, and never heard of it; the first was told no."""
    other = here.instance()
    swapping(other, book)
    asked(other).after = fails("bind", errors.Unavailable("silence"))

    def refused_meanwhile(call: str) -> None:
        if call == "bind":
            assert app.bind(other, A, B, now=NOW, request_id="r")["code"] == 514
            raise errors.NotReached("down")

    asked(gateway).before = refused_meanwhile
    assert app.bind(gateway, A, B, now=NOW, request_id="r")["code"] == 514
    asked(gateway).before, book.careless = nothing, True
    assert app.bind(gateway, A, C, now=NOW)["code"] == 603
    looked = NOW + LOOK_MS
    assert attend(gateway, "pending", now=looked) == (1, 0, 0)
    (entry,) = book.live(now=looked)
    assert app.bind(gateway, A, B, now=looked, request_id="r")["bindId"] == entry.ours


@pytest.mark.parametrize("stubborn", [False, True])
@pytest.mark.parametrize("point", ["before", "after"])
def test_an_unbind_in_the_middle_of_a_swap_whose_process_dies(
    here: Stage, app: Backend, gateway: Gateway, book: SwappingBook, stubborn: bool, point: str
) -> None:
    book.beside, book.stubborn = False, stubborn
    bound = app.bind(gateway, A, B, now=NOW, minutes=LONG)["bindId"]
    attend(gateway, "lease", now=RENEWAL)
    other = here.instance()
    swapping(other, book)

    def unbind() -> None:
        assert app.call(gateway, "unbind", now=LAST, bindId=bound) == {"code": 200}
        asked(other).after = fails("bind", Died())

    setattr(asked(other), point, once("release", unbind))
    with contextlib.suppress(Died):
        attend(other, "lease", now=LAST)
    assert not book.live(now=LAST)


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("call", ["bind", "release"])
@pytest.mark.parametrize("point", ["before", "after"])
def test_an_unbind_in_the_middle_of_a_renewal(
    here: Stage,
    app: Backend,
    gateway: Gateway,
    book: SwappingBook,
    beside: bool,
    call: str,
    point: str,
) -> None:
    book.beside = beside
    bound = app.bind(gateway, A, B, now=NOW, minutes=LONG)["bindId"]
    if not beside:
        attend(gateway, "lease", now=RENEWAL)
    due = RENEWAL if beside else LAST
    other = here.instance()
    swapping(other, book)

    def unbind() -> None:
        assert app.call(gateway, "unbind", now=due, bindId=bound) == {"code": 200}

    setattr(asked(other), point, once(call, unbind))
    attend(other, "lease", now=due)
    assert not book.live(now=due)
    assert here.quota_used("demo") == 0


@pytest.mark.parametrize("beside", [True, False])
def test_a_delay_in_the_middle_of_a_renewal_is_kept(
    here: Stage, app: Backend, gateway: Gateway, book: SwappingBook, beside: bool
) -> None:
    book.beside = beside
    bound = app.bind(gateway, A, B, now=NOW, minutes=LONG)["bindId"]
    other = here.instance()
    swapping(other, book)

    def delay() -> None:
        told = app.call(gateway, "delay", now=RENEWAL, bindId=bound, delta=60)
        assert told == {"code": 200}

    asked(other).before = once("bind", delay)
    attend(other, "lease", now=RENEWAL)
    now = RENEWAL
    for _ in range(1440 // 2):
        now += 2 * MINUTE
        if gateway.bindings.get(bound).lease.check_at <= now:  # type: ignore[union-attr,operator]
            schedules(gateway, now=now)
    (entry,) = book.live(now=now)
    assert book.gaps(bound, since=NOW, until=entry.until) == []
    assert not book.mismatches


def test_what_the_carrier_may_have_for_longer_is_not_forgotten_when_it_takes_no_second(
    app: Backend, gateway: Gateway, book: SwappingBook
) -> None:
    """A delay of which nothing was heard took effect; the next one asks for something else."""
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    asked(gateway).after = fails("bind", errors.Unavailable("silence"))
    delayed = app.call(gateway, "delay", now=NOW, bindId=bound, delta=600)
    assert delayed["code"] == 514
    asked(gateway).after, book.beside = nothing, False
    assert app.call(gateway, "delay", now=NOW + 1, bindId=bound, delta=2)["code"] == 200
    for minute in range(1, 15):
        schedules(gateway, now=NOW + minute * MINUTE)
    assert not book.live(now=NOW + 12 * MINUTE + MINUTE)


# XA: the carrier ends it by its X, whoever's it is


def test_a_late_end_of_an_xa_leaves_the_next_one_alone(
    here: Stage, app: Backend, gateway: Gateway, book: SwappingBook
) -> None:
    open_to_all(gateway, A, name="1", now=NOW, minutes=LONG)
    other = here.instance()
    swapping(other, book)

    def replace() -> None:
        close_to_all(gateway, now=RENEWAL)
        # What the renewal did has still to be ended there, by the same X.
        with pytest.raises(errors.NumberTaken):
            open_to_all(gateway, A, name="2", now=RENEWAL, minutes=LONG)

    asked(other).after = once("bind", replace)
    attend(other, "lease", now=RENEWAL)
    assert not book.live(now=RENEWAL)
    second = open_to_all(gateway, A, name="3", now=RENEWAL, minutes=LONG)
    for minute in range(1, 5):
        schedules(gateway, now=RENEWAL + minute * MINUTE)
    assert [entry.ours for entry in book.live(now=RENEWAL + 5 * MINUTE)] == [second.id]


def test_a_late_release_of_an_xa_leaves_the_next_one_alone(
    here: Stage, app: Backend, gateway: Gateway, book: SwappingBook
) -> None:
    """Two ask for its end at once; one of them is slow."""
    open_to_all(gateway, A, name="1", now=NOW)
    other = here.instance()
    swapping(other, book)

    def meanwhile() -> None:
        close_to_all(gateway, now=NOW)
        with contextlib.suppress(errors.NumberTaken):
            open_to_all(gateway, A, name="2", now=NOW)

    asked(other).before = once("release", meanwhile)
    close_to_all(other, now=NOW)
    standing = [entry.ours for entry in book.live(now=NOW)]
    binding = gateway.bindings.transfer_on(X)
    assert binding is not None
    assert standing == ([binding.id] if binding.live(NOW) else [])


def test_the_schedule_that_ends_an_xa_leaves_the_next_one_alone(
    here: Stage, app: Backend, gateway: Gateway, book: SwappingBook
) -> None:
    """The carrier was told to keep the first for longer than it lasted in the end."""
    asked(gateway).before = fails("bind", errors.Unavailable("silence"))
    with pytest.raises(errors.Unavailable):
        open_to_all(gateway, A, name="1", now=NOW)
    asked(gateway).before = nothing
    assert attend(gateway, "pending", now=NOW + 5 * MINUTE) == (1, 0, 0)
    ended = NOW + 10 * MINUTE
    # The same X would be ended for whoever has it by then: it has to wait for that.
    with pytest.raises(errors.NumberTaken):
        open_to_all(gateway, A, name="2", now=ended)
    schedules(gateway, now=ended)
    second = open_to_all(gateway, A, name="2", now=ended)
    for minute in range(3):
        schedules(gateway, now=ended + minute * MINUTE)
    assert [entry.ours for entry in book.live(now=ended + 3 * MINUTE)] == [second.id]


def test_a_bind_of_an_xa_that_was_given_up_leaves_the_next_one_alone(
    here: Stage, app: Backend, gateway: Gateway, book: SwappingBook
) -> None:
    other = here.instance()
    swapping(other, SwappingBook())
    asked(other).before = fails("bind", errors.CarrierRefused("no"))

    def given_up() -> None:
        assert attend(other, "pending", now=NOW + OVER_MS) == (1, 0, 0)
        asked(gateway).after = nothing
        open_to_all(gateway, A, name="2", now=NOW + OVER_MS)

    asked(gateway).after = once("bind", given_up)
    with pytest.raises(errors.Unavailable):
        open_to_all(gateway, A, name="1", now=NOW)
    assert len(book.live(now=NOW + OVER_MS)) == 1


def test_the_last_moment_of_a_lease_is_far_enough_for_the_schedule_by_any_clock() -> None:
    assert LAST_MS > MINUTE + CLOCKS_APART_MS
