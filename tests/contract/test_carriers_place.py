"""Calls and conferences that are placed for an app, whoever the carrier is that can."""

import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.contract.apps import App, national
from tests.contract.carriers import that
from tests.contract.worlds import World

BRIEF_S = 0.1
LONG_S = 1.5
"""How many real seconds a call takes: as good as none; long enough to be asked about meanwhile."""
MAX_S = 18
"""Shorter than two people talk, and than the nine of a conference do together."""

pytestmark = pytest.mark.parametrize("carrier", that(lambda each: each.dialler), indirect=True)


@pytest.fixture(autouse=True)
def calls_are_brief(world: World) -> Iterator[None]:
    world.pace(lasts_s=BRIEF_S)
    yield
    world.pace(lasts_s=BRIEF_S)


@pytest.fixture
def accid(app: App) -> str:
    """A user of the app's."""
    name = f"u{uuid4().hex[:12]}"
    reply = app.register(name, name="客服")
    assert reply["code"] == 200, reply
    assert (reply["info"]["accid"], reply["info"]["name"]) == (name, "客服")
    assert reply["info"]["token"]
    return name


@pytest.mark.parametrize("conference", [False, True], ids=["call", "conference"])
def test_from_the_first_ring_to_the_end(
    world: World, app: App, accid: str, a: str, somebody: Callable[[], str], conference: bool
) -> None:
    callee = [somebody() for _ in range(8)] if conference else somebody()
    world.pace(lasts_s=LONG_S)
    request_id = uuid4().hex
    reply = app.start(accid, a, callee, max_s=MAX_S, request_id=request_id)
    assert reply["code"] == 200, reply
    session = reply["obj"]["session"]
    assert app.status(session, conference=conference)["obj"]["status"] == "INITED"
    assert app.start(accid, a, callee, max_s=MAX_S)["code"] == 417
    assert app.start(accid, a, callee, max_s=MAX_S, request_id=request_id) == reply

    told = app.told_of_end(session)
    assert (told["initAccount"], told["status"], told["durationSec"]) == (accid, "SUCCESS", MAX_S)
    assert type(told["createtime"]) is int
    people = [national(each) for each in (a, *([callee] if isinstance(callee, str) else callee))]
    if conference:
        assert sorted(json.loads(told["members"])) == sorted(people)
        assert not told.keys() & {"caller", "callee", "legs"}
    else:
        assert [told["caller"], told["callee"]] == people
        assert sorted(route["endpoint"] for route in told["legs"]) == sorted(people)
        assert {route["hangCause"] for route in told["legs"]} == {"NORMAL_CLEARING"}
    ended = app.status(session, conference=conference)["obj"]
    assert (ended["session"], ended["status"]) == (session, "SUCCESS")

    world.pace(lasts_s=BRIEF_S)
    again = app.start(accid, a, callee)
    assert again["code"] == 200, again
    assert again["obj"]["session"] != session


def test_a_telephone_that_is_busy_ends_a_call_that_never_was(
    world: World, app: App, accid: str, a: str, b: str
) -> None:
    world.control("PUT", f"/phones/{b}", {"answer": "busy"})
    told = app.told_of_end(app.start(accid, a, b)["obj"]["session"])
    assert told["durationSec"] == 0
    causes = {route["endpoint"]: route["hangCause"] for route in told["legs"]}
    assert causes[national(b)] == "USER_BUSY"


@pytest.mark.parametrize("conference", [False, True], ids=["call", "conference"])
def test_only_the_apps_own_users_may_call(
    app: App, other: App, a: str, b: str, conference: bool
) -> None:
    callee = [b] if conference else b
    theirs = f"theirs{uuid4().hex[:12]}"
    assert other.register(theirs)["code"] == 200
    for accid in (uuid4().hex, theirs):
        reply = app.start(accid, a, callee)
        assert (reply["code"], reply["msg"]) == (414, "bad param 'callerAcc'")


def test_another_apps_session_is_unknown(app: App, other: App, accid: str, a: str, b: str) -> None:
    session = app.start(accid, a, b)["obj"]["session"]
    assert app.status(session, conference=False)["code"] == 200
    assert app.status(session, conference=True)["code"] == 404
    assert other.status(session, conference=False) == app.status("x", conference=False)
    assert other.status(session, conference=False)["code"] == 404
    assert app.told_of_end(session)


def test_a_user_is_registered_once(app: App, other: App, accid: str, carrier: str) -> None:
    registered = {"code": 414, "desc": "already register"}
    assert app.register(accid) == registered
    assert app.register(accid.upper()) == registered
    # With a messaging API the account has one of a name; else each app has users of its own.
    others = other.register(accid)
    shared = carrier in that(lambda each: each.messenger)
    assert others == registered if shared else others["code"] == 200
    bad = app.register("no spaces")
    assert (bad["code"], bad["desc"]) == (414, "bad param 'accid'")


def test_a_repeat_of_a_registration_gets_the_first_answer(app: App) -> None:
    accid, request_id = f"u{uuid4().hex[:12]}", uuid4().hex
    first = app.register(accid, request_id=request_id)
    assert first["code"] == 200
    assert app.register(accid, request_id=request_id) == first


@pytest.mark.parametrize(
    ("path", "parameters", "named"),
    [
        ("startcall", {"callee": ""}, "callee"),
        ("startcall", {"caller": "8610010000001"}, "caller"),
        ("startcall", {"maxDur": "0"}, "maxDur"),
        ("startconf", {"callee": "10010000002"}, "callee"),
        ("startconf", {"callee": "[]"}, "callee"),
        ("startconf", {"callee": str([f"1001000000{n}" for n in range(9)])}, "callee"),
    ],
)
def test_a_bad_parameter_is_named(
    app: App, accid: str, path: str, parameters: dict[str, str], named: str
) -> None:
    good = {"callerAcc": accid, "caller": "10010000001", "maxDur": "60"}
    good["callee"] = "10010000002" if path == "startcall" else "['10010000002']"
    reply = app.ask(f"/call/ecp/{path}.action", **good | parameters)
    assert (reply["code"], reply["msg"]) == (414, f"bad param '{named}'")
    assert f"{named} must be " in reply["hint"]
