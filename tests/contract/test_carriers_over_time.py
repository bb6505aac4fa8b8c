"""What only time shows of every carrier, on a clock that the test moves."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from chalicelib.core.bindings.lease import CARRIER_SLACK_MS
from simulator.seed import COOLING_S
from tests.contract.apps import App
from tests.contract.carriers import traits
from tests.contract.here import Here
from tests.contract.provisioned import FEW

pytestmark = pytest.mark.parametrize("world", ["here"], indirect=True, scope="module")

DAYS = 3
EVERY_HOURS = 4
LEASE_PLUS_S = 60 + CARRIER_SLACK_MS // 1000
"""By how much a carrier may keep a binding for longer than it was told: it counts in minutes, by a
clock of its own."""


def test_a_binding_ends_to_the_second(world: Here, app: App, a: str, b: str) -> None:
    bind_id, x = app.bound(a, b, minutes=10)
    world.wait(minutes=9, s=59)
    assert world.rings(a, x) == (b, x)
    world.wait(s=1)
    assert world.rings(a, x) is None
    assert world.rings(b, x) is None
    assert app.shown(bind_id) is None
    assert app.shown_on(x) == []
    assert app.delay(bind_id, 1) == 404
    assert app.unbind(bind_id) == 200


def test_a_call_after_the_end_is_told_as_such(
    world: Here, app: App, carrier: str, a: str, b: str
) -> None:
    _, x = app.bound(a, b, minutes=1)
    world.wait(minutes=1)
    assert world.dial(a, x)["connected"] is False
    (call,) = app.told(a)
    state = "9" if traits(carrier).tells_expired else "0"
    assert (call["eventType"], call["finishState"], call["phoneX"]) == ("32", state, x)


def test_a_delay_is_kept(world: Here, app: App, a: str, b: str) -> None:
    bind_id, x = app.bound(a, b, minutes=10)
    world.wait(minutes=5)
    assert app.delay(bind_id, 20) == 200
    for minutes, s in ((5, 0), (19, 59)):
        world.wait(minutes=minutes, s=s)
        assert world.rings(a, x) == (b, x)
        assert world.rings(b, x) == (a, x)
    world.wait(s=1)
    assert world.rings(a, x) is None


@pytest.mark.parametrize("end", ["unbind", "expiry"])
def test_a_number_cools_down(
    world: Here, app: App, a: str, b: str, somebody: Callable[[], str], end: str
) -> None:
    bind_id, x = app.bound(a, b, minutes=5)
    c = somebody()
    if end == "unbind":
        assert app.unbind(bind_id) == 200
    else:
        world.wait(minutes=5)
    world.wait(s=COOLING_S - 1)
    assert app.bind(a, c, phoneX=x)["code"] == 602
    assert world.rings(a, x) is None
    world.wait(s=1 + (LEASE_PLUS_S if end == "expiry" else 0))
    assert app.bound(a, c, phoneX=x)[1] == x
    assert world.rings(a, x) == (c, x)
    assert world.rings(b, x) is None


def test_the_quota_counts_what_lives(
    world: Here, carrier: str, somebody: Callable[[], str]
) -> None:
    few = world.app(f"few-{carrier}")
    (bind_id, _), *_ = [few.bound(somebody(), somebody(), minutes=10) for _ in range(FEW)]
    assert few.bind(somebody(), somebody())["code"] == 601
    assert few.unbind(bind_id) == 200
    few.bound(somebody(), somebody(), minutes=30)
    assert few.bind(somebody(), somebody())["code"] == 601
    world.wait(minutes=10)
    # What merely ran out is counted for another five minutes.
    assert few.bind(somebody(), somebody())["code"] == 601
    world.wait(minutes=5)
    few.bound(somebody(), somebody(), minutes=30)
    assert few.bind(somebody(), somebody())["code"] == 601
    world.wait(minutes=35)
    world.run_schedules()
    assert world.used(few.name) == 0


def test_a_request_is_known_for_longer_than_a_minute(world: Here, app: App, a: str, b: str) -> None:
    request_id = uuid4().hex
    first = app.bind(a, b, minutes=30, request_id=request_id)
    world.wait(minutes=5)
    assert app.bind(a, b, minutes=30, request_id=request_id) == first
    assert app.unbind(first["bindId"]) == 200


def test_a_binding_that_is_longer_than_a_lease_is_never_let_go(
    world: Here, app: App, carrier: str, a: str, b: str
) -> None:
    vendor = world.vendor(carrier)
    bind_id, x = app.bound(a, b, minutes=DAYS * 24 * 60)
    asked = vendor.asked(traits(carrier).keeps_longer) if vendor else 0
    for _ in range(DAYS * 24 // EVERY_HOURS - 1):
        world.work(minutes=EVERY_HOURS * 60, every=EVERY_HOURS * 60)
        assert world.rings(a, x) == (b, x)
    info = app.shown(bind_id)
    assert info is not None
    if vendor:
        # A carrier that keeps bindings for a day at most is asked once a day.
        assert DAYS - 1 <= vendor.asked(traits(carrier).keeps_longer) - asked <= DAYS
    world.wait(minutes=EVERY_HOURS * 60 - 1, s=59)
    assert world.rings(b, x) == (a, x)
    world.wait(s=1)
    assert world.clock.now == info["expireTime"]
    assert world.rings(a, x) is None
    assert world.rings(b, x) is None
    assert not vendor or vendor.held(a, b) == []
