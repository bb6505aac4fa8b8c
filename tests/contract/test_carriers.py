"""What every carrier does for a binding, as an app and two people see it."""

import random
from collections.abc import Callable
from uuid import uuid4

import pytest

from simulator.numbers import SHANGHAI
from tests.contract.apps import App
from tests.contract.worlds import World

MINUTE_MS = 60_000
PLACEHOLDER = ("02201808081112181234567890", "1", "x" * 64, "绑定")
SHANGHAIS = ("6", "7", "8", "9")
"""How the numbers of Shanghai end in the local stack."""


def over(world: World, app: App, a: str, b: str) -> list[str]:
    """The app's X over which a reaches b, found out by dialling them all."""
    return [x for x in app.numbers if world.rings(a, x) == (b, x)]


@pytest.mark.parametrize("wish", ["number", "long number", "area", "nothing"])
def test_both_ring_each_other_and_see_the_number(
    world: World, app: App, a: str, b: str, wish: str
) -> None:
    wishes = {
        "number": {"phoneX": random.choice(app.numbers)},
        "long number": {"phoneX": app.numbers[-1]},
        "area": {"areaCode": SHANGHAI},
        "nothing": {},
    }
    _, x = app.bound(a, b, **wishes[wish])
    assert len(app.numbers[-1]) == 15
    assert x in app.numbers
    assert x == wishes[wish].get("phoneX", x)
    assert wish != "area" or x.endswith(SHANGHAIS)
    assert world.rings(a, x) == (b, x)
    assert world.rings(b, x) == (a, x)


def test_a_stranger_reaches_nobody(
    world: World, app: App, a: str, b: str, somebody: Callable[[], str]
) -> None:
    _, x = app.bound(a, b)
    for stranger in (somebody(), "", "anonymous"):
        assert world.rings(stranger, x) is None


def test_a_query_shows_the_binding_under_the_apps_own_id(app: App, a: str, b: str) -> None:
    bind_id, x = app.bound(a, b, recordFlag=1, userData="订单 7", minutes=15)
    info = app.shown(bind_id)
    assert info is not None
    assert info in app.shown_on(x)
    assert [info[name] for name in ("bindId", "phoneA", "phoneB", "phoneX")] == [bind_id, a, b, x]
    assert (info["recordFlag"], info["userData"]) == (1, "订单 7")
    assert info["expireTime"] - info["createTime"] == 15 * MINUTE_MS


def test_a_delay_moves_the_expiry_once_for_each_request(app: App, a: str, b: str) -> None:
    bind_id, _ = app.bound(a, b, minutes=10)
    before = app.shown(bind_id)
    request_id = uuid4().hex
    assert [app.delay(bind_id, 7, request_id=request_id) for _ in range(3)] == [200] * 3
    assert app.delay(bind_id, 2) == 200
    after = app.shown(bind_id)
    assert before is not None
    assert after is not None
    assert after["expireTime"] - before["expireTime"] == 9 * MINUTE_MS
    assert app.delay(bind_id, 525_600) == 414


def test_after_an_unbind_nobody_is_reached(world: World, app: App, a: str, b: str) -> None:
    bind_id, x = app.bound(a, b)
    assert app.unbind(bind_id) == 200
    assert app.unbind(bind_id) == 200
    assert world.rings(a, x) is None
    assert world.rings(b, x) is None
    assert app.shown(bind_id) is None
    assert bind_id not in [info["bindId"] for info in app.shown_on(x)]
    assert app.delay(bind_id, 1) == 404


def test_a_number_serves_nobody_twice(
    world: World, app: App, a: str, b: str, somebody: Callable[[], str]
) -> None:
    bind_id, x = app.bound(a, b)
    c = somebody()
    for pair in ((a, b), (b, a), (a, c), (c, b)):
        assert app.bind(*pair, phoneX=x)["code"] == 602
    assert app.bound(a, b)[1] != x
    # Nor right after it ended.
    assert app.unbind(bind_id) == 200
    assert app.bind(a, c, phoneX=x)["code"] == 602
    assert app.bound(a, b, phoneX=x)[1] == x
    assert world.rings(a, x) == (b, x)


def test_when_every_number_serves_somebody_there_is_none_left(
    app: App, a: str, somebody: Callable[[], str]
) -> None:
    taken = {app.bound(a, somebody())[1] for _ in app.numbers}
    assert taken == set(app.numbers)
    assert app.bind(a, somebody())["code"] == 603
    assert app.bind(a, somebody(), areaCode=SHANGHAI)["code"] == 603
    assert app.bind(somebody(), somebody(), areaCode="999")["code"] == 603


def test_a_repeated_request_gets_the_first_answer_and_makes_one_binding(
    world: World, app: App, a: str, b: str
) -> None:
    request_id = uuid4().hex
    replies = [app.bind(a, b, request_id=request_id) for _ in range(3)]
    assert replies == [replies[0]] * 3
    assert replies[0]["code"] == 200
    assert over(world, app, a, b) == [replies[0]["phoneX"]]
    assert app.bind(a, b, minutes=11, request_id=request_id)["code"] == 417


def test_what_is_another_apps_is_unknown(
    world: World, app: App, other: App, a: str, b: str
) -> None:
    bind_id, x = app.bound(a, b)
    assert (other.unbind(bind_id), other.delay(bind_id, 1)) == (404, 404)
    assert other.shown(bind_id) is None
    assert other.shown_on(x) == []
    assert other.bind(a, b, phoneX=x)["code"] == 404
    assert world.rings(a, x) == (b, x)


@pytest.mark.parametrize("bind_id", PLACEHOLDER)
def test_an_id_that_nobody_gave_out_is_unknown(app: App, bind_id: str) -> None:
    assert (app.unbind(bind_id), app.delay(bind_id, 1)) == (404, 404)
    assert app.shown(bind_id) is None


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"phoneA": "+447700900001"}, "phoneA"),
        ({"phoneB": ""}, "phoneB"),
        ({"phoneX": "x"}, "phoneX"),
        ({"expiration": "0"}, "expiration"),
        ({"expiration": "525601"}, "expiration"),
        ({"areaCode": "abc"}, "areaCode"),
        ({"recordFlag": "2"}, "recordFlag"),
        ({"userData": "x" * 151}, "userData"),
    ],
)
def test_a_bad_parameter_is_named(
    app: App, a: str, b: str, parameters: dict[str, str], named: str
) -> None:
    good = {"phoneA": a, "phoneB": b, "expiration": "10"}
    reply = app.ask("/smallphone/axb/bind", **good | parameters)
    assert (reply["code"], reply["msg"]) == (414, f"bad param '{named}'")
    assert f"{named} must be " in reply["hint"]
