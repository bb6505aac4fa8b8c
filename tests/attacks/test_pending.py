"""A carrier that says no, says nothing, or is asked by a process that dies: in the end gateway and
carrier agree, nothing stays reserved, and a repeat of the request gives the one binding."""

import contextlib
from typing import Any

import pytest

from chalicelib.core import errors
from chalicelib.core.bindings.lease import CARRIER_SLACK_MS
from chalicelib.core.bindings.lease_rules import LOOK_MS
from chalicelib.core.ports import Carrier
from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.services.leases.jobs import CLAIM_MS
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import (
    OVER_MS,
    Book,
    Died,
    attend,
    fails,
    keeper,
    keeping,
)
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber

X, Y = number(0), number(1)
A, B, C = (subscriber(i) for i in range(3))
COOLING_S = 600
HOUR = 60 * MINUTE


@pytest.fixture
def app(here: Stage) -> Backend:
    return here.app("demo", [X], cooling_s=COOLING_S)


@pytest.fixture
def gateway(kept: Gateway, app: Backend) -> Gateway:
    return kept


def settle(gateway: Gateway, *, now: int) -> tuple[int, int, int]:
    """One run of the schedule that reconciles."""
    return attend(gateway, "pending", now=now)


def shown(gateway: Gateway, app: Backend, *, now: int, on: str = X) -> list[str]:
    """The ids that a query of X shows."""
    infos = app.call(gateway, "query", now=now, opType=0, phoneX=on)["bindInfos"]
    return [info["bindId"] for info in infos]


def agree(gateway: Gateway, app: Backend, book: Book, *, now: int) -> bool:
    """Whether what the carrier has is what we have."""
    return sorted(entry.ours for entry in book.live(now=now)) == shown(gateway, app, now=now)


def reserved(here: Stage) -> list[int]:
    """Until when the two legs of the one binding lead to nobody else."""
    routes = [item for item in here.items() if item["sk"]["S"].startswith("L#")]
    assert len(routes) == 2
    return [int(route["reusable_at"]["N"]) for route in routes]


def nothing_reserved(here: Stage, gateway: Gateway, app: Backend, *, now: int) -> bool:
    """Whether anybody may be bound over X."""
    free = app.bind(gateway, A, C, now=now)
    assert free["code"] == 200, free
    assert app.call(gateway, "unbind", now=now, bindId=free["bindId"])["code"] == 200
    return here.quota_used("demo") == 0


def test_a_kept_binding_is_found_extended_and_ended(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=10, request_id="r")
    assert bound["code"] == 200
    assert app.bind(gateway, A, B, now=NOW, minutes=10, request_id="r") == bound
    assert keeper(gateway).asked == {"bind": 1}
    assert shown(gateway, app, now=NOW) == [bound["bindId"]]
    delayed = app.call(gateway, "delay", now=NOW, bindId=bound["bindId"], delta=5)
    assert delayed == {"code": 200}
    (entry,) = book.live(now=NOW)
    assert entry.until == NOW + 15 * MINUTE
    assert app.call(gateway, "unbind", now=NOW, bindId=bound["bindId"]) == {"code": 200}
    assert app.call(gateway, "unbind", now=NOW, bindId=bound["bindId"]) == {"code": 200}
    assert not book.live(now=NOW)
    assert keeper(gateway).asked["release"] == 1
    assert not shown(gateway, app, now=NOW)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.NotReached("down"), 514),
        (errors.CarrierRefused("no"), 514),
        (errors.RateExceeded("slower"), 416),
        (errors.QuotaExceeded("full"), 601),
        (errors.NumberTaken("taken"), 603),
        (errors.BadParameter("a"), 414),
        # The app named no X.
        (errors.BadParameter("number"), 514),
    ],
)
def test_a_carrier_that_says_no_leaves_nothing_behind(
    here: Stage, app: Backend, gateway: Gateway, error: errors.GatewayError, code: int
) -> None:
    keeper(gateway).before = fails("bind", error)
    assert app.bind(gateway, A, B, now=NOW, request_id="r")["code"] == code
    assert not shown(gateway, app, now=NOW)
    assert not [item for item in here.items() if item["pk"]["S"].startswith("B#")]
    keeper(gateway).before = lambda _: None
    assert nothing_reserved(here, gateway, app, now=NOW)
    later = NOW + (COOLING_S + 60) * 1000
    assert app.bind(gateway, A, B, now=later, request_id="r")["code"] == 200


def test_a_refusal_gives_cooling_legs_back_as_they_were(
    here: Stage, app: Backend, gateway: Gateway
) -> None:
    first = app.bind(gateway, A, B, now=NOW)
    app.call(gateway, "unbind", now=NOW, bindId=first["bindId"])
    keeper(gateway).before = fails("bind", errors.CarrierRefused("no"))
    assert app.bind(gateway, A, B, now=NOW + 1000)["code"] == 514
    keeper(gateway).before = lambda _: None
    cooled = NOW + COOLING_S * 1000
    assert app.bind(gateway, A, C, now=cooled - 1)["code"] == 603
    assert app.bind(gateway, A, C, now=cooled)["code"] == 200


def test_when_the_carrier_says_no_to_one_number_the_next_is_tried(
    here: Stage, gateway: Gateway, book: Book
) -> None:
    two = here.app("two", [Y, number(2)])
    keeper(gateway).before = fails("bind", errors.NumberTaken("taken"))
    assert two.bind(gateway, A, B, now=NOW)["code"] == 603
    assert keeper(gateway).asked["bind"] == 2

    def once(asked: str) -> None:
        if asked == "bind" and keeper(gateway).asked["bind"] == 3:
            raise errors.NumberTaken("taken")

    keeper(gateway).before = once
    assert two.bind(gateway, A, B, now=NOW)["code"] == 200
    assert len(book.live(now=NOW)) == 1
    assert here.quota_used("two") == 1


@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("end", [errors.Unavailable("silence"), Died()])
def test_a_bind_whose_answer_never_came_is_settled(
    here: Stage, app: Backend, gateway: Gateway, book: Book, point: str, end: BaseException
) -> None:
    setattr(keeper(gateway), point, fails("bind", end))
    with contextlib.suppress(Died):
        assert app.bind(gateway, A, B, now=NOW, request_id="r")["code"] == 514
    effect = point == "after"
    assert len(book.live(now=NOW)) == effect
    # Not acknowledged, so nobody sees it; reserved, so nobody is crossed.
    assert not shown(gateway, app, now=NOW)
    assert app.bind(gateway, A, C, now=NOW)["code"] == 603
    other = here.instance()
    keeping(other, book)
    assert settle(other, now=NOW + LOOK_MS - 1) == (0, 0, 0)
    assert settle(other, now=NOW + LOOK_MS) == (1, 0, 0)
    assert agree(other, app, book, now=NOW + LOOK_MS)
    if not effect:
        # It may be on its way, until it is over.
        assert app.bind(other, A, B, now=NOW + MINUTE, request_id="r")["code"] == 431
        assert settle(other, now=NOW + OVER_MS - 1) == (0, 0, 0)
        assert here.quota_used("demo") == 1
        assert settle(other, now=NOW + OVER_MS) == (1, 0, 0)
        assert here.quota_used("demo") == 0
    later = NOW + OVER_MS
    again = app.bind(other, A, B, now=later, request_id="r")
    assert again["code"] == 200
    assert shown(other, app, now=later) == [again["bindId"]]
    assert agree(other, app, book, now=later)
    assert here.quota_used("demo") == 1


@pytest.mark.parametrize("effect", [False, True])
def test_a_repeat_of_the_request_does_not_wait_for_the_schedule(
    here: Stage, app: Backend, gateway: Gateway, book: Book, effect: bool
) -> None:
    silence = fails("bind", errors.Unavailable("silence"))
    setattr(keeper(gateway), "after" if effect else "before", silence)
    assert app.bind(gateway, A, B, now=NOW, request_id="r")["code"] == 514
    keeper(gateway).before = keeper(gateway).after = lambda _: None
    soon = app.bind(gateway, A, B, now=NOW + 1000, request_id="r")
    assert soon["code"] == (200 if effect else 431)
    late = app.bind(gateway, A, B, now=NOW + OVER_MS - 1, request_id="r")
    assert late["code"] == soon["code"]
    later = app.bind(gateway, A, B, now=NOW + OVER_MS, request_id="r")
    assert later["code"] == 200
    assert agree(gateway, app, book, now=NOW + OVER_MS)
    assert here.quota_used("demo") == 1


def test_while_the_carrier_is_silent_nothing_is_torn_down_and_once_it_answers_all_agrees(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    keeper(gateway).after = fails("bind", errors.Unavailable("silence"))
    assert app.bind(gateway, A, B, now=NOW, minutes=600, request_id="r")["code"] == 514
    keeper(gateway).before = fails("find", errors.Unavailable("silence"))
    at = NOW + MINUTE
    # However long it lasts, each run of the schedule tries once.
    for _ in range(20):
        assert settle(gateway, now=at) == (0, 1, 0)
        assert not shown(gateway, app, now=at)
        at += MINUTE
    assert keeper(gateway).asked["find"] == 20
    keeper(gateway).before = lambda _: None
    assert settle(gateway, now=at) == (1, 0, 0)
    assert agree(gateway, app, book, now=at)
    assert len(shown(gateway, app, now=at)) == 1


@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("end", [errors.Unavailable("silence"), errors.NotReached("down"), Died()])
def test_an_unbind_whose_answer_never_came_is_carried_through(
    here: Stage, app: Backend, gateway: Gateway, book: Book, point: str, end: BaseException
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=100)["bindId"]
    setattr(keeper(gateway), point, fails("release", end))
    with contextlib.suppress(Died):
        assert app.call(gateway, "unbind", now=NOW, bindId=bound)["code"] == 514
    # It may still ring: nobody else gets these legs.
    assert app.bind(gateway, A, C, now=NOW)["code"] == 603
    assert app.call(gateway, "delay", now=NOW, bindId=bound, delta=1)["code"] == 404
    other = here.instance()
    keeping(other, book)
    looked = NOW + LOOK_MS
    assert settle(other, now=looked) == (1, 0, 0)
    assert agree(other, app, book, now=looked)
    assert not book.live(now=looked)
    assert app.call(other, "unbind", now=looked, bindId=bound)["code"] == 200
    assert here.quota_used("demo") == 0
    cooled = looked + COOLING_S * 1000
    assert app.bind(other, A, C, now=cooled - 1)["code"] == 603
    assert app.bind(other, A, C, now=cooled)["code"] == 200


def test_a_repeated_unbind_asks_the_carrier_again(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    bound = app.bind(gateway, A, B, now=NOW)["bindId"]
    keeper(gateway).before = fails("release", errors.NotReached("down"))
    for _ in range(2):
        assert app.call(gateway, "unbind", now=NOW, bindId=bound)["code"] == 514
    keeper(gateway).before = lambda _: None
    assert app.call(gateway, "unbind", now=NOW, bindId=bound)["code"] == 200
    assert not book.live(now=NOW)


def test_an_answer_that_comes_after_its_bind_was_given_up_is_taken_back(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    other = here.instance()
    keeping(other, Book())

    def given_up(asked: str) -> None:
        if asked == "bind":
            # Another process sees nothing at the carrier and gives the bind up.
            assert settle(other, now=NOW + OVER_MS) == (1, 0, 0)

    keeper(gateway).after = given_up
    assert app.bind(gateway, A, B, now=NOW, request_id="r")["code"] == 514
    assert not book.live(now=NOW)
    assert here.quota_used("demo") == 0


def test_two_schedules_at_once_do_nothing_twice(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    keeper(gateway).after = fails("bind", errors.Unavailable("silence"))
    assert app.bind(gateway, A, B, now=NOW, minutes=600, request_id="r")["code"] == 514
    other = here.instance()
    keeping(other, book)
    met: list[Any] = []

    def meanwhile(asked: str) -> None:
        # Both saw the same entry of the index; the other one comes while we ask.
        met.append(settle(other, now=NOW + LOOK_MS))

    keeper(gateway).before = meanwhile
    assert settle(gateway, now=NOW + LOOK_MS) == (1, 0, 0)
    assert met == [(0, 0, 0)]
    assert keeper(other).asked == {}
    # A claim does not outlive a process that died with it for long.
    assert CLAIM_MS <= 5 * MINUTE


@pytest.mark.parametrize("point", ["before", "after"])
def test_a_delay_that_is_not_known_to_have_happened_ends_when_the_app_was_told(
    here: Stage, app: Backend, gateway: Gateway, book: Book, point: str
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    setattr(keeper(gateway), point, fails("extend", errors.Unavailable("silence")))
    delayed = app.call(gateway, "delay", now=NOW, bindId=bound, delta=60, request_id="d")
    assert delayed["code"] == 514
    (info,) = app.call(gateway, "query", now=NOW, opType=1, bindId=bound)["bindInfos"]
    assert info["expireTime"] == NOW + 10 * MINUTE
    keeper(gateway).before = keeper(gateway).after = lambda _: None
    for minute in range(1, 13):
        settle(gateway, now=NOW + minute * MINUTE)
        attend(gateway, "lease", now=NOW + minute * MINUTE)
    assert not book.live(now=NOW + 12 * MINUTE)
    gateway.cleaner.clean(now=NOW + 10 * MINUTE + LATER_MS, time_left=lambda: True)
    assert here.quota_used("demo") == 0


def test_delays_in_vain_reserve_what_each_may_have_added_until_the_schedule_has_looked(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    for i in range(6):
        keeper(gateway).before = fails("find" if i else "extend", errors.Unavailable("silence"))
        delayed = app.call(gateway, "delay", now=NOW + i, bindId=bound, delta=525_000)
        assert delayed["code"] == 514
    (entry,) = book.live(now=NOW)
    one = keeper(gateway).lease_ms * 5 // 4
    for reusable_at in reserved(here):
        assert NOW + 6 * (one - 10 * MINUTE) < reusable_at
        assert reusable_at < NOW + 6 * one + HOUR
    keeper(gateway).before = lambda _: None
    assert settle(gateway, now=NOW + OVER_MS + 5) == (1, 0, 0)
    # The carrier's clock and its minutes are its own.
    exactly = entry.until + MINUTE + CARRIER_SLACK_MS + COOLING_S * 1000
    assert reserved(here) == [exactly, exactly]


def test_routes_stay_reserved_for_what_a_removed_carrier_may_connect(
    here: Stage, app: Backend, gateway: Gateway, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper(gateway).after = fails("bind", errors.Unavailable("silence"))
    assert app.bind(gateway, A, B, now=NOW, minutes=3 * 1440, phoneX=X)["code"] == 514
    (entry,) = book.live(now=NOW)

    def gone(*_: object) -> Carrier:
        raise errors.NoSuchCarrier

    monkeypatch.setitem(vars(gateway.carriers), "of", gone)
    assert settle(gateway, now=NOW + MINUTE) == (1, 0, 0)
    assert here.quota_used("demo") == 0
    assert min(reserved(here)) >= entry.until + COOLING_S * 1000
