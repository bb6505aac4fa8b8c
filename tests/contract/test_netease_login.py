"""One-click login and messaging by NetEase: from the operator's token to the app's own secret, and
what is relayed for whom."""

from typing import Any
from uuid import uuid4

import pytest

from tests.contract.apps import App, deciphered, national
from tests.contract.here import Here
from tests.contract.worlds import World
from tests.running import LOGIN_SECRET

NOT_ALLOWED = {"code": 403, "desc": "no authorization"}
SEND = "/nimserver/msg/sendMsg.action"


def is_bad_token(reply: dict[str, Any]) -> bool:
    return (reply["code"], reply.get("msg")) == (414, "bad param 'token'")


@pytest.fixture
def carrier() -> str:
    return "netease"


def test_the_apps_secret_alone_opens_the_number(world: World, app: App, other: App, a: str) -> None:
    reply = app.login(world.netease.token(a))
    assert reply.keys() == {"code", "mobilePhone"}
    assert (reply["code"], deciphered(reply["mobilePhone"], secret=app.secret)) == (
        200,
        national(a),
    )
    for secret in (other.secret, LOGIN_SECRET, world.account_with_netease["app_secret"]):
        assert deciphered(reply["mobilePhone"], secret=secret) != national(a)


def test_an_app_may_have_a_login_secret_of_its_own(world: World, other: App, a: str) -> None:
    text = other.login(world.netease.token(a, "unicom"))["mobilePhone"]
    assert deciphered(text, secret=LOGIN_SECRET) == national(a)
    assert deciphered(text, secret=other.secret) != national(a)


def test_a_token_is_good_once(world: World, app: App, other: App, a: str) -> None:
    token = world.netease.token(a)
    assert app.login(token)["code"] == 200
    assert is_bad_token(app.login(token))
    assert is_bad_token(other.login(token))


def test_a_repeat_uses_no_token_up(world: World, app: App, a: str) -> None:
    token, request_id = world.netease.token(a), uuid4().hex
    first = app.login(token, request_id=request_id)
    assert first["code"] == 200
    assert app.login(token, request_id=request_id) == first
    assert is_bad_token(app.login(token))


@pytest.mark.parametrize("token", ["made up", "0" * 64, "", "令牌"])
def test_a_token_that_nobody_made_is_bad(app: App, token: str) -> None:
    assert is_bad_token(app.login(token))


@pytest.mark.parametrize(("operator", "minutes"), [("mobile", 2), ("telecom", 10), ("unicom", 30)])
@pytest.mark.parametrize("world", ["here"], indirect=True, scope="module")
def test_a_token_expires(world: Here, app: App, a: str, operator: str, minutes: int) -> None:
    good, late = (world.netease.token(a, operator) for _ in range(2))
    world.wait(minutes=minutes - 1, s=59)
    reply = app.login(good)
    assert deciphered(reply["mobilePhone"], secret=app.secret) == national(a)
    world.wait(s=1)
    assert is_bad_token(app.login(late))


def test_what_is_on_the_apps_list_is_relayed_and_nothing_else(
    world: World, app: App, other: App
) -> None:
    sender, reader = (f"u{uuid4().hex[:12]}" for _ in range(2))
    assert other.register(sender)["code"] == 200
    message = {"from": sender, "to": reader, "ope": "0", "type": "0", "body": '{"msg":"你好"}'}
    assert other.ask(SEND, **message) == {"code": 200, "data": message}
    asked = world.netease.asked(SEND), world.netease.asked("/nimserver/user/update.action")
    assert app.ask(SEND, **message) == NOT_ALLOWED
    assert other.ask("/nimserver/user/update.action", accid=sender) == NOT_ALLOWED
    # In nobody else's name.
    theirs = f"u{uuid4().hex[:12]}"
    assert app.register(theirs)["code"] == 200
    assert other.ask(SEND, **message | {"from": theirs.upper()}) == NOT_ALLOWED
    assert asked == (
        world.netease.asked(SEND),
        world.netease.asked("/nimserver/user/update.action"),
    )


def test_a_user_is_registered_with_the_carrier(world: World, app: App) -> None:
    accid, before = f"u{uuid4().hex[:12]}", world.netease.asked("/nimserver/user/create.action")
    reply = app.register(accid, token="a token of ours")
    assert reply == {"code": 200, "info": {"token": "a token of ours", "accid": accid, "name": ""}}
    assert world.netease.asked("/nimserver/user/create.action") == before + 1
