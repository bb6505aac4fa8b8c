"""NetEase's callbacks on their way through the gateway: repeated, out of order, of unknown kind,
and not NetEase's at all."""

import hashlib
from uuid import uuid4

import pytest

from tests.contract.apps import App
from tests.contract.worlds import World


@pytest.fixture
def carrier() -> str:
    return "netease"


def messages(world: World, a: str, b: str) -> tuple[dict[str, str], dict[str, str]]:
    """What the vendor tells of a recorded call over its binding of these two, and of the
    recording."""
    (held,) = world.netease.holds(a, b)
    about = {
        "callId": uuid4().hex,
        "bindId": held["bindId"],
        "userData": held["userData"],
    }
    call = {
        **about,
        "eventType": "32",
        "callNo": a,
        "peerNo": b,
        "phoneX": held["phoneX"],
        "callTime": "20300318014640",
        "startTime": "20300318014643",
        "finishTime": "20300318014713",
        "callDuration": "30",
        "finishType": "1",
        "finishState": "1",
    }
    url = f"{world.simulator_url}/recordings/{about['callId']}.wav"
    digest = hashlib.md5(world.file(url), usedforsecurity=False).hexdigest()
    recording = {**about, "eventType": "34", "url": url, "md5": digest}
    return call, recording


def test_what_is_sent_again_is_stored_once(world: World, app: App, a: str, b: str) -> None:
    bind_id, x = app.bound(a, b, recordFlag=1, userData="once")
    world.dial(a, x)
    world.write(b, x, "hello")
    told = app.told(bind_id, wanted=3)
    before = world.stored()
    for reverse in (False, True, True):
        again = world.netease.send_again(last=3, reverse=reverse)
        assert again == {"sent": 3, "accepted": 3}
    assert world.stored() == before
    assert app.told(bind_id, wanted=3) == told


def test_a_recording_may_come_before_its_call(world: World, app: App, a: str, b: str) -> None:
    bind_id, _ = app.bound(a, b, recordFlag=1, userData="first things last")
    call, recording = messages(world, a, b)
    before = world.stored()
    send = world.netease.callbacks().send
    assert send(recording)
    (told,) = app.told(bind_id)
    ours = {"bindId": bind_id, "userData": "first things last"}
    assert told == recording | ours | {"url": told["url"]}
    assert world.download(told["url"], auth=app.auth) == world.file(recording["url"])
    assert all([send(call), send(recording), send(call)])
    assert world.stored() == before + 2
    assert call | ours in app.told(bind_id, wanted=2)


def test_what_the_vendor_did_not_sign_leaves_no_trace(
    world: World, app: App, a: str, b: str
) -> None:
    bind_id, _ = app.bound(a, b)
    call, recording = messages(world, a, b)
    before = world.stored()
    forged = world.netease.callbacks(secret=app.secret)
    assert [forged.send(each) for each in (call, recording, {})] == [False] * 3
    assert world.stored() == before
    assert app.told(bind_id, wanted=0) == []


def test_a_kind_that_is_not_known_is_kept_and_told_nobody(
    world: World, app: App, a: str, b: str
) -> None:
    bind_id, _ = app.bound(a, b)
    call, _ = messages(world, a, b)
    before = world.stored()
    send = world.netease.callbacks().send
    assert send(call | {"eventType": "99"})
    assert send({name: call[name] for name in ("callId", "eventType")})
    assert world.stored() == before + 2
    assert app.told(bind_id, wanted=0) == []


def test_the_address_is_taken_and_nothing_is_stored_of_it(world: World) -> None:
    before = world.stored()
    assert world.netease.checks_address()
    assert world.stored() == before
