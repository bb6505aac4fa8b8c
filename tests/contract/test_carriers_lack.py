"""What a carrier can not do is refused by the facade's own code, before anybody is asked."""

from uuid import uuid4

import pytest

from tests.contract.apps import App
from tests.contract.carriers import that
from tests.contract.worlds import World

NO_AUTHORIZATION = {"code": 403, "msg": "no authorization"}
NOT_RELAYED = {"code": 403, "desc": "no authorization"}
MESSAGE = {"from": "x", "ope": 0, "to": "y", "type": 0, "body": "{}"}


def lacks(world: World, app: App, carrier: str, path: str, **parameters: object) -> bool:
    """Whether this is refused for good, and nothing went to the vendor."""
    wanted = NOT_RELAYED if path.startswith("/nimserver/") else NO_AUTHORIZATION
    vendor = world.vendor(carrier)
    before = vendor.asked() if vendor else 0
    reply = app.ask(path, **parameters)
    assert reply == wanted
    return not vendor or vendor.asked() == before


def test_no_message_is_relayed_that_the_app_may_not_send(
    world: World, app: App, carrier: str
) -> None:
    # NetEase can, but this app has no allow-list.
    assert lacks(world, app, carrier, "/nimserver/msg/sendMsg.action", **MESSAGE)


@pytest.mark.parametrize("carrier", that(lambda each: not each.phone_login), indirect=True)
def test_one_click_login(world: World, app: App, carrier: str) -> None:
    assert lacks(world, app, carrier, "/phoneauth/login/getMobile", token="token")


@pytest.mark.parametrize("carrier", that(lambda each: not each.dialler), indirect=True)
@pytest.mark.parametrize("conference", [False, True], ids=["call", "conference"])
def test_placed_calls(
    world: World, app: App, carrier: str, a: str, b: str, conference: bool
) -> None:
    vendor = world.vendor(carrier)
    before = vendor.asked() if vendor else 0
    # A user of a carrier without a messaging API is registered with ourselves.
    accid = f"u{uuid4().hex[:12]}"
    assert app.register(accid)["code"] == 200
    assert app.start(accid, a, [b] if conference else b) == NO_AUTHORIZATION
    assert app.status("session", conference=conference)["code"] == 404
    assert not vendor or vendor.asked() == before
