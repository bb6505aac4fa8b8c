"""NetEase in trouble: what the app hears, and that in the end gateway and carrier agree."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.contract.apps import App, deciphered, national
from tests.contract.here import Here

pytestmark = pytest.mark.parametrize("world", ["here"], indirect=True, scope="module")

BIND, UNBIND, DELAY = (f"/smallphone/axb/{call}" for call in ("bind", "unbind", "delay"))
CREATE = "/nimserver/user/create.action"
BEFORE = ["refuse", "hang_before", "502", "code_500"]
AFTER = ["hang_after", "html_after", "half_json_after", "502_after"]
"""What goes wrong before and after the effect; tests of the client have all the combinations."""
AS_SAID = (416, 601, 602, 603)
SETTLED_MINUTES = 6
"""After so long nothing of what was asked is on its way any more."""
MINUTE_MS = 60_000


@pytest.fixture
def carrier() -> str:
    return "netease"


@pytest.fixture(autouse=True)
def afterwards_all_is_well(world: Here) -> Iterator[None]:
    yield
    world.netease.recover()


def agree(world: Here, app: App, x: str, a: str, b: str) -> bool:
    """Whether over X the gateway shows of these two what the carrier has, which has no more of them
    than one binding."""
    held = [each["userData"] for each in world.netease.holds(a, b)]
    shown = [
        info["bindId"] for info in app.shown_on(x) if {info["phoneA"], info["phoneB"]} == {a, b}
    ]
    return held == shown and len(held) <= 1


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_a_bind_without_an_answer_is_settled(
    world: Here, app: App, a: str, b: str, somebody: Callable[[], str], kind: str
) -> None:
    x, request_id = app.numbers[0], uuid4().hex
    asked = world.netease.asked(BIND)
    world.netease.fail(BIND, kind)
    assert app.bind(a, b, minutes=60, phoneX=x, request_id=request_id)["code"] == 514
    # It is not safe to repeat.
    assert world.netease.asked(BIND) == asked + 1
    assert len(world.netease.holds(a, b)) == (kind in AFTER)
    # Not acknowledged, so it is not shown; not known, so nobody else gets its legs.
    assert [info for info in app.shown_on(x) if info["phoneA"] == a] == []
    assert app.bind(a, somebody(), phoneX=x)["code"] == 602

    world.work(minutes=SETTLED_MINUTES, every=SETTLED_MINUTES)
    assert agree(world, app, x, a, b)
    reply = app.bind(a, b, minutes=60, phoneX=x, request_id=request_id)
    assert reply["code"] == 200, reply
    assert agree(world, app, x, a, b)
    assert [each["userData"] for each in world.netease.holds(a, b)] == [reply["bindId"]]
    assert world.rings(a, x) == (b, x)


@pytest.mark.parametrize("kind", ["502", "502_after"])
def test_who_repeats_the_request_need_not_wait_for_the_schedule(
    world: Here, app: App, a: str, b: str, kind: str
) -> None:
    request_id = uuid4().hex
    world.netease.fail(BIND, kind)
    assert app.bind(a, b, request_id=request_id)["code"] == 514
    # What is not there may still come, for a while.
    soon = app.bind(a, b, request_id=request_id)["code"]
    assert soon == (200 if kind in AFTER else 431)
    world.wait(minutes=SETTLED_MINUTES)
    reply = app.bind(a, b, request_id=request_id)
    assert reply["code"] == 200
    assert len(world.netease.holds(a, b)) == 1
    assert agree(world, app, reply["phoneX"], a, b)


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_an_unbind_without_an_answer_is_carried_through(
    world: Here, app: App, a: str, b: str, kind: str
) -> None:
    bind_id, x = app.bound(a, b, minutes=60)
    world.netease.fail(UNBIND, kind)
    assert app.unbind(bind_id) == 514
    assert len(world.netease.holds(a, b)) == (kind in BEFORE)
    world.work(minutes=SETTLED_MINUTES, every=SETTLED_MINUTES)
    assert world.netease.holds(a, b) == []
    assert agree(world, app, x, a, b)
    assert world.rings(a, x) is None
    assert app.unbind(bind_id) == 200


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_a_delay_without_an_answer_is_repeated_or_never_was(
    world: Here, app: App, a: str, b: str, somebody: Callable[[], str], kind: str
) -> None:
    c, request_id = somebody(), uuid4().hex
    repeated, x = app.bound(a, b, minutes=10)
    left, y = app.bound(c, b, minutes=10)
    for bind_id in (repeated, left):
        world.netease.fail(DELAY, kind)
        assert app.delay(bind_id, 60, request_id=f"{bind_id}{request_id}") == 514
        world.netease.recover()
    before = app.shown(repeated)
    assert before is not None
    assert app.delay(repeated, 60, request_id=f"{repeated}{request_id}") == 200
    after = app.shown(repeated)
    assert after is not None
    assert after["expireTime"] - before["expireTime"] == 60 * MINUTE_MS
    (held,) = world.netease.holds(a, b)
    assert held["expireTime"] == after["expireTime"]

    world.work(minutes=12, every=6)
    assert world.rings(c, y) is None
    assert agree(world, app, y, c, b)
    assert world.netease.holds(c, b) == []
    assert world.rings(a, x) == (b, x)
    world.work(minutes=58, every=29)
    assert world.rings(a, x) is None
    assert world.netease.holds(a, b) == []


@pytest.mark.parametrize(
    ("said", "heard"),
    [(code, 514) for code in (403, 404, 414)]
    + [(419, 601)]
    + [(code, code) for code in (416, 601, 602, 603)],
)
def test_a_refusal_leaves_nothing_behind(
    world: Here, app: App, a: str, b: str, somebody: Callable[[], str], said: int, heard: int
) -> None:
    x, request_id = app.numbers[1], uuid4().hex
    used = world.used(app.name)
    world.netease.fail(BIND, f"code_{said}")
    assert app.bind(a, b, phoneX=x, request_id=request_id)["code"] == heard
    assert world.netease.holds(a, b) == []
    assert world.used(app.name) == used
    assert app.bound(a, somebody(), phoneX=x)[1] == x
    # A refusal is not remembered.
    assert app.bind(a, b, phoneX=x, request_id=request_id)["code"] == 602


def test_when_the_carrier_says_no_to_one_number_the_next_is_tried(
    world: Here, app: App, a: str, b: str
) -> None:
    asked = world.netease.asked(BIND)
    world.netease.fail(BIND, "code_602")
    _, x = app.bound(a, b)
    assert world.netease.asked(BIND) == asked + 2
    assert world.rings(a, x) == (b, x)
    assert agree(world, app, x, a, b)


def test_a_carrier_that_is_not_there_leaves_nothing_behind(world: Here, a: str, b: str) -> None:
    stranded = world.app("stranded")
    for _ in range(2):
        assert stranded.bind(a, b, request_id=a)["code"] == 514
    assert world.used(stranded.name) == 0
    assert stranded.shown_on(stranded.numbers[0]) == []
    for _ in range(2):
        assert stranded.start("anybody", a, b)["code"] == 514
        assert stranded.register("anybody")["code"] == 514
    assert stranded.login("token")["code"] == 514


def test_while_the_carrier_is_away_nothing_is_torn_down(
    world: Here, app: App, a: str, b: str
) -> None:
    bind_id, x = app.bound(a, b, minutes=3 * 24 * 60)
    world.work(minutes=17 * 60, every=17 * 60)
    world.netease.fail("*", "502", times=None)
    for _ in range(6):
        world.work(minutes=60, every=60)
        assert app.shown(bind_id) is not None
    world.netease.recover()
    assert world.rings(a, x) == (b, x)
    for _ in range(12):
        world.work(minutes=60, every=60)
        assert world.rings(a, x) == (b, x)
    assert agree(world, app, x, a, b)
    assert app.unbind(bind_id) == 200


@pytest.mark.parametrize("conference", [False, True], ids=["call", "conference"])
@pytest.mark.parametrize("kind", ["502", "502_after", "hang_before", "hang_after", "html_after"])
def test_a_call_without_an_answer_is_told_of_if_it_came_about(
    world: Here, app: App, a: str, b: str, kind: str, conference: bool
) -> None:
    accid, request_id, callee = f"u{uuid4().hex[:12]}", uuid4().hex, [b] if conference else b
    assert app.register(accid)["code"] == 200
    path = f"/call/ecp/{'startconf' if conference else 'startcall'}.action"
    asked = world.netease.asked(path)
    world.netease.fail(path, kind)
    assert app.start(accid, a, callee, max_s=20, request_id=request_id)["code"] == 514
    assert world.netease.asked(path) == asked + 1
    if kind in AFTER:
        (callback,) = app.told(national(a))
        assert callback["eventType"] == "10"
        assert accid in callback["callback"]
    else:
        repeat = app.start(accid, a, callee, max_s=20, request_id=request_id)
        assert repeat["code"] == 431
        assert app.start(accid, a, callee)["code"] == 417
        world.wait(minutes=4)
    again = app.start(accid, a, callee, max_s=20)
    assert again["code"] == 200, again


@pytest.mark.parametrize(
    ("said", "heard"), [(403, 514), (414, 514), (416, 416), (417, 417), (404, 514)]
)
def test_a_call_that_is_refused_leaves_its_people_free(
    world: Here, app: App, a: str, b: str, said: int, heard: int
) -> None:
    accid = f"u{uuid4().hex[:12]}"
    assert app.register(accid)["code"] == 200
    world.netease.fail("/call/ecp/startcall.action", f"code_{said}")
    assert app.start(accid, a, b)["code"] == heard
    assert app.start(accid, a, b)["code"] == 200


@pytest.mark.parametrize("kind", ["502", "hang_before", "half_json", "code_500"])
def test_a_number_that_is_not_told_can_be_asked_for_again(
    world: Here, app: App, a: str, kind: str
) -> None:
    token, path = world.netease.token(a), "/phoneauth/login/getMobile"
    asked = world.netease.asked(path)
    world.netease.fail(path, kind)
    assert app.login(token)["code"] == 514
    # By the app: whether the token was used up is not known.
    assert world.netease.asked(path) == asked + 1
    assert deciphered(app.login(token)["mobilePhone"], secret=app.secret) == national(a)
    world.netease.fail(path, f"{'hang' if kind == 'hang_before' else kind}_after")
    used = world.netease.token(a)
    assert app.login(used)["code"] == 514
    assert app.login(used)["code"] == 414


@pytest.mark.parametrize("kind", ["502", "502_after", "hang_after", "refuse"])
def test_a_user_whose_registration_had_no_answer_is_the_apps(
    world: Here, app: App, other: App, a: str, b: str, kind: str
) -> None:
    accid = f"u{uuid4().hex[:12]}"
    world.netease.fail(CREATE, kind)
    assert app.register(accid)["code"] == 514
    assert other.register(accid) == {"code": 414, "desc": "already register"}
    assert app.register(accid)["code"] == (414 if kind in AFTER else 200)
    assert app.start(accid, a, b)["code"] == 200
