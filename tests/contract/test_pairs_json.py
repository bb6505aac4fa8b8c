"""interline's callbacks are forms, or JSON where that was agreed on."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.backends import InterlineBackend, backend
from tests.contract.here import Here
from tests.contract.worlds import World

pytestmark = pytest.mark.parametrize("world", ["here"], indirect=True, scope="module")

TALK_S = 9


@pytest.fixture(params=[False, True], ids=["from forms", "from JSON"])
def carriers_json(request: pytest.FixtureRequest, world: Here) -> Iterator[bool]:
    """Whether the carrier tells in JSON."""
    wanted: bool = request.param
    world.interline.set(json=wanted)
    yield wanted
    world.interline.set(json=False)


@pytest.fixture(params=["demo-interline-igw", "json"])
def app(request: pytest.FixtureRequest, world: Here) -> InterlineBackend:
    """One that is told in forms, one that is told in JSON."""
    found = backend(world, "interline", request.param)
    assert isinstance(found, InterlineBackend)
    return found


def bodies(world: World, app: str, about: str) -> list[dict[str, Any]]:
    """What this app was told in JSON."""
    return [
        json.loads(each["body"])
        for each in world.received(app)
        if about in each["body"] and each["body"].startswith("{")
    ]


@pytest.mark.usefixtures("carriers_json")
def test_both_say_the_same(world: Here, app: InterlineBackend, a: str, b: str) -> None:
    reply = app.bind(a, b, record=True, user_data="订单=1&2")
    world.dial(a, reply.number, talk_s=TALK_S)
    world.write(b, reply.number, "你好")
    (call,) = app.calls(reply.id, recorded=True)
    (message,) = app.messages(reply.id)
    (start,) = app.developer.starts(reply.id)
    assert (call.result, call.talked_s, call.user_data) == ("answered", TALK_S, "订单=1&2")
    assert (call.caller, call.callee) == (app.person(a), app.person(b))
    assert (message.text, message.user_data) == ("你好", "订单=1&2")
    assert start["taskid"] == call.id

    told = bodies(world, app.name, reply.id)
    # Start, message, and the call's record, with its recording at once.
    assert len(told) == (3 if app.name == "json" else 0)
    for each in told:
        whole = {"beginTime", "ringTime", "answerTime", "releaseTime", "duration", "callTime"}
        kinds = {name: type(value) for name, value in each.items()}
        assert {name for name, kind in kinds.items() if kind is int} == whole & kinds.keys()
        assert {*kinds.values()} == {int, str}
