"""What is between the gateway and NetEase only: ids of its own, one binding for one request."""

from uuid import uuid4

import pytest

from tests.contract.apps import App
from tests.contract.worlds import World

BIND = "/smallphone/axb/bind"


@pytest.fixture
def carrier() -> str:
    return "netease"


def test_the_vendors_id_stays_between_it_and_us(world: World, app: App, a: str, b: str) -> None:
    bind_id, x = app.bound(a, b, userData="02201808081112181234567890", recordFlag=1)
    (held,) = world.netease.holds(a, b)
    assert held["bindId"] != bind_id
    assert (held["userData"], held["phoneX"], held["recordFlag"]) == (bind_id, x, 1)
    world.dial(a, x)
    world.write(b, x, "hello")
    told = app.told(bind_id, wanted=3)
    assert {each["userData"] for each in told} == {"02201808081112181234567890"}
    assert held["bindId"] not in str(told)
    assert app.unbind(held["bindId"]) == 404


def test_a_repeated_request_makes_one_binding_there(world: World, app: App, a: str, b: str) -> None:
    request_id, asked = uuid4().hex, world.netease.asked(BIND)
    first, *others = [app.bind(a, b, request_id=request_id) for _ in range(3)]
    assert others == [first, first]
    (held,) = world.netease.holds(a, b)
    assert (held["userData"], held["phoneX"]) == (first["bindId"], first["phoneX"])
    assert world.netease.asked(BIND) == asked + 1


@pytest.mark.parametrize("kind", ["502_after", "html_after", "half_json_after", "refuse_after"])
def test_who_heard_nothing_and_asks_again_gets_the_one_binding(
    world: World, app: App, a: str, b: str, kind: str
) -> None:
    request_id, asked = uuid4().hex, world.netease.asked(BIND)
    world.netease.fail(BIND, kind)
    assert app.bind(a, b, request_id=request_id)["code"] == 514
    reply = app.bind(a, b, request_id=request_id)
    assert reply["code"] == 200, reply
    assert [each["userData"] for each in world.netease.holds(a, b)] == [reply["bindId"]]
    assert world.netease.asked(BIND) == asked + 1
    assert world.rings(a, reply["phoneX"]) == (b, reply["phoneX"])


def test_a_binding_that_is_unbound_here_is_unbound_there(
    world: World, app: App, a: str, b: str
) -> None:
    bind_id, _ = app.bound(a, b, minutes=30)
    (held,) = world.netease.holds(a, b)
    info = app.shown(bind_id)
    assert info is not None
    # Each has a clock of its own, and the vendor heard of it a moment later.
    assert 0 <= held["expireTime"] - info["expireTime"] < 30_000
    assert app.unbind(bind_id) == 200
    assert world.netease.holds(a, b) == []
