"""What an app is told of calls and messages over its bindings, whoever the carrier is."""

import hashlib
import re
from collections.abc import Callable

import pytest

from tests.contract.apps import App
from tests.contract.worlds import World

USER_DATA = {
    "none": "",
    "a word": "order 4711",
    "150 characters": "x" * 149 + "&",
    "Chinese": "订单" * 75,
    "like an id of ours": "02201808081112181234567890",
    "like JSON": '{"a": "\\u4e00", "b": [1, "2"]}',
}
COMPACT = re.compile(r"20[0-9]{12}")


@pytest.mark.parametrize("user_data", USER_DATA.values(), ids=USER_DATA)
def test_a_recorded_call_is_told_under_the_apps_own_id_and_data(
    world: World, app: App, a: str, b: str, user_data: str
) -> None:
    bind_id, x = app.bound(a, b, recordFlag=1, userData=user_data)
    info = app.shown(bind_id)
    assert info is not None
    assert info["userData"] == user_data
    assert world.dial(b, x, talk_s=42, hangup_by="callee")["talk_s"] == 42

    told = {each["eventType"]: each for each in app.told(bind_id, wanted=2)}
    assert told.keys() == {"32", "34"}
    call, recording = told["32"], told["34"]
    assert call["callId"] == recording["callId"]
    assert {each["bindId"] for each in told.values()} == {bind_id}
    assert {each["userData"] for each in told.values()} == {user_data}
    assert (call["callNo"], call["peerNo"], call["phoneX"]) == (b, a, x)
    assert (call["callDuration"], call["finishType"], call["finishState"]) == ("42", "2", "2")
    times = [call[name] for name in ("callTime", "startTime", "finishTime")]
    assert all(COMPACT.fullmatch(time) for time in times)
    assert times == sorted(times)
    assert f"{world.simulator_url}/recordings" not in str(told)
    sound = world.download(recording["url"], auth=app.auth)
    assert sound.startswith(b"RIFF")
    assert recording["md5"] == hashlib.md5(sound, usedforsecurity=False).hexdigest()


def test_a_recording_is_nobody_elses(world: World, app: App, other: App, a: str, b: str) -> None:
    bind_id, x = app.bound(a, b, recordFlag=1)
    world.dial(a, x)
    told = {each["eventType"]: each for each in app.told(bind_id, wanted=2)}
    address, _, _ = told["34"]["url"].partition("?")
    got = world.session.get(address, auth=other.auth, timeout=60)
    assert (got.status_code, got.json()["status"]) == (404, 404)


def test_messages_both_ways(world: World, app: App, a: str, b: str) -> None:
    bind_id, x = app.bound(a, b, userData="订单 8")
    for sender, reader in ((a, b), (b, a)):
        seen = world.write(sender, x, "hello")
        assert seen["callee"] == {"number": reader, "showed": x, "text": "hello"}
    told = app.told(bind_id, wanted=2)
    assert {(each["callNo"], each["peerNo"]) for each in told} == {(a, b), (b, a)}
    for each in told:
        assert (each["eventType"], each["smsResult"], each["phoneX"]) == ("33", "1", x)
        assert (each["bindId"], each["userData"]) == (bind_id, "订单 8")
        assert COMPACT.fullmatch(each["smsTime"])


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ("busy", "5"),
        ("no_answer", "4"),
        ("rejected", "13"),
        ("abandoned", "3"),
        ("unreachable", "6"),
        ("off", "11"),
        ("unallocated", "14"),
    ],
)
def test_a_call_that_nobody_answers_is_told_with_its_cause(
    world: World, app: App, a: str, b: str, answer: str, state: str
) -> None:
    bind_id, x = app.bound(a, b, recordFlag=1)
    assert world.dial(a, x, answer=answer)["answered"] is False
    (call,) = app.told(bind_id)
    assert (call["eventType"], call["finishState"], call["callDuration"]) == ("32", state, "0")
    assert call["startTime"] == call["finishTime"]
    assert (call["callNo"], call["peerNo"], call["bindId"]) == (a, b, bind_id)


def test_a_strangers_call_is_told_to_the_app_whose_number_it_is(
    world: World, app: App, a: str, b: str, somebody: Callable[[], str]
) -> None:
    stranger = somebody()
    _, x = app.bound(a, b, userData="not his")
    assert world.dial(stranger, x)["connected"] is False
    (call,) = app.told(stranger)
    assert (call["eventType"], call["finishState"]) == ("32", "0")
    assert (call["callNo"], call["peerNo"], call["phoneX"]) == (stranger, "", x)
    assert (call["bindId"], call["userData"]) == ("", "")


def test_a_call_after_the_unbind_is_told_too(world: World, app: App, a: str, b: str) -> None:
    bind_id, x = app.bound(a, b)
    assert app.unbind(bind_id) == 200
    assert world.dial(a, x)["connected"] is False
    (call,) = app.told(a)
    assert (call["finishState"], call["callNo"], call["phoneX"]) == ("0", a, x)
    assert (call["bindId"], call["peerNo"]) == ("", "")
