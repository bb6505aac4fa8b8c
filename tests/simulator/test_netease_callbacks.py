"""Calls and messages to the simulated NetEase's X, and the signed callbacks that tell of them."""

import hashlib
import time
from typing import Any

import pytest

from simulator.netease.callbacks import Callbacks
from simulator.netease.vendor import Vendor
from simulator.recordings import chunks
from tests.receivers import Receiver
from tests.simulator.netease_api import ALICE, BOB, CAROL, KEY, SECRET, X1, NeteaseApi
from tests.simulator.outside import NOON_MS, StoppedClock, StubGateway, post

NOON = "20260921221320"


def dial(simulator: str, caller: str = ALICE, **more: Any) -> Any:
    """A call to X1."""
    answer = post(f"{simulator}/calls", {"from": caller, "to": X1, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_call_through_x(
    simulator: str, gateway: StubGateway, api: NeteaseApi, inbox: Receiver
) -> None:
    bind_id = api.bind(phoneX=X1, userData="abc")["bindId"]
    told = dial(simulator, talk_s=30, hangup_by="callee")
    assert told == {
        "call_id": told["call_id"],
        "connected": True,
        "answered": True,
        "caller": {"number": ALICE, "dialled": X1, "saw": X1, "heard": None},
        "callee": {"number": BOB, "showed": X1, "heard": None},
        "reason": None,
        "talk_s": 30,
        "ended_by": "callee",
        "cause": 16,
        "binding": bind_id,
        "record": False,
        "events_accepted": 1,
    }
    assert gateway.asked == gateway.reports == []
    assert inbox.bodies() == [
        {
            "callId": told["call_id"],
            "callDuration": "30",
            "finishTime": "20260921221353",
            "userData": "abc",
            "callNo": ALICE,
            "phoneX": X1,
            "eventType": "32",
            "bindId": bind_id,
            "finishType": "2",
            "finishState": "2",
            "startTime": "20260921221323",
            "peerNo": BOB,
            "callTime": NOON,
        }
    ]
    assert (told["call_id"][:15], len(told["call_id"])) == ("2" + NOON, 26)


def test_how_a_callback_is_signed(simulator: str, api: NeteaseApi, inbox: Receiver) -> None:
    api.bind(phoneX=X1, userData="订单")
    dial(simulator)
    ((headers, body),) = inbox.received
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    text = f"{SECRET}{digest}{NOON_MS}".encode()
    assert "订单".encode() in body
    assert headers["Content-Type"] == "application/json"
    assert (headers["AppKey"], headers["CurTime"], headers["MD5"]) == (KEY, str(NOON_MS), digest)
    assert headers["CheckSum"] == hashlib.sha1(text, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(
    ("more", "finish_type", "finish_state"),
    [
        ({}, "1", "1"),
        ({"hangup_by": "platform"}, "0", "10"),
        ({"answer": "abandoned"}, "1", "3"),
        ({"answer": "no_answer"}, "0", "4"),
        ({"answer": "busy"}, "2", "5"),
        ({"answer": "unreachable"}, "0", "6"),
        ({"answer": "off"}, "0", "11"),
        ({"answer": "rejected"}, "2", "13"),
        ({"answer": "unallocated"}, "0", "14"),
    ],
)
def test_how_a_call_ends(
    simulator: str,
    api: NeteaseApi,
    inbox: Receiver,
    *,
    more: dict[str, str],
    finish_type: str,
    finish_state: str,
) -> None:
    api.bind(phoneX=X1)
    dial(simulator, BOB, **more)
    (body,) = inbox.bodies()
    assert (body["finishType"], body["finishState"]) == (finish_type, finish_state)
    assert (body["callNo"], body["peerNo"], body["userData"]) == (BOB, ALICE, "")
    if "answer" in more:
        assert body["callDuration"] == "0"
        assert body["startTime"] == body["finishTime"]


def test_who_is_not_connected(
    simulator: str, api: NeteaseApi, clock: StoppedClock, inbox: Receiver
) -> None:
    assert dial(simulator)["reason"] == "no_binding"
    api.bind(phoneX=X1, expiration=1)
    for caller, reason in ((CAROL, "third_party"), ("", "anonymous"), ("anonymous", "anonymous")):
        seen = dial(simulator, caller)
        assert (seen["connected"], seen["callee"], seen["reason"]) == (False, None, reason)
    clock.advance(60)
    assert dial(simulator)["reason"] == "expired"
    bodies = inbox.bodies()
    assert [body["finishState"] for body in bodies] == ["0", "0", "0", "0", "9"]
    assert [body["callNo"] for body in bodies] == [ALICE, CAROL, "", "", ALICE]
    for body in bodies:
        refused = {name: body[name] for name in ("peerNo", "bindId", "callDuration", "finishType")}
        assert refused == {"peerNo": "", "bindId": "", "callDuration": "0", "finishType": "0"}


def test_a_recording_comes_after_its_call(simulator: str, api: NeteaseApi, inbox: Receiver) -> None:
    bind_id = api.bind(phoneX=X1, recordFlag=1, userData="abc")["bindId"]
    assert dial(simulator)["events_accepted"] == 2
    call, ready = inbox.bodies()
    assert call["eventType"] == "32"
    call_id = call["callId"]
    assert ready == {
        "callId": call_id,
        "userData": "abc",
        "eventType": "34",
        "bindId": bind_id,
        "url": f"http://recordings.test/recordings/{call_id}.wav",
        "md5": hashlib.md5(b"".join(chunks(call_id)), usedforsecurity=False).hexdigest(),
    }


def test_messages(simulator: str, api: NeteaseApi, clock: StoppedClock, inbox: Receiver) -> None:
    bind_id = api.bind(phoneX=X1, expiration=1)["bindId"]
    for caller, result in ((ALICE, "ok"), (BOB, "failed"), (BOB, "timeout"), (CAROL, "ok")):
        message = {"from": caller, "to": X1, "text": "I am here", "result": result}
        seen = post(f"{simulator}/messages", message).json()
        assert seen["delivered"] is (result == "ok" and caller != CAROL)
    clock.advance(60)
    post(f"{simulator}/messages", {"from": ALICE, "to": X1, "text": "late"})
    bodies = inbox.bodies()
    assert bodies[0] == {
        "callId": bodies[0]["callId"],
        "callNo": ALICE,
        "phoneX": X1,
        "eventType": "33",
        "smsResult": "1",
        "bindId": bind_id,
        "peerNo": BOB,
        "smsTime": NOON,
    }
    assert [body["smsResult"] for body in bodies] == ["1", "0", "2", "6", "7"]
    assert not any(b"I am here" in body for _, body in inbox.received)


def test_a_message_has_the_user_data_if_there_is_any(
    simulator: str, api: NeteaseApi, inbox: Receiver
) -> None:
    api.bind(phoneX=X1, userData="abc")
    post(f"{simulator}/messages", {"from": ALICE, "to": X1, "text": "hello"})
    assert inbox.bodies()[0]["userData"] == "abc"


def test_a_callback_is_repeated_until_it_is_taken(vendor: Vendor, inbox: Receiver) -> None:
    inbox.status = 503
    assert vendor.callbacks.send({"eventType": "32"}) is False
    assert inbox.bodies() == [{"eventType": "32"}] * 4
    inbox.status = 200
    assert vendor.callbacks.send({"eventType": "33"}) is True
    assert len(inbox.received) == 5


def test_pauses_between_repeats(vendor: Vendor, inbox: Receiver, clock: StoppedClock) -> None:
    inbox.status = 500
    started = time.monotonic()
    Callbacks(vendor.account, clock, pauses_s=(0.1, 0.1)).send({})
    assert time.monotonic() - started >= 0.2
    assert len(inbox.received) == 3


def test_nobody_at_the_callback_address(vendor: Vendor) -> None:
    vendor.account.callback_url = "http://127.0.0.1:1/"
    assert vendor.callbacks.send({}) is False
    assert vendor.callbacks.check_address() is False


def test_the_address_check(simulator: str, inbox: Receiver) -> None:
    assert post(f"{simulator}/netease/check_address", {}).json() == {"ok": True}
    inbox.status = 404
    assert post(f"{simulator}/netease/check_address", {}).json() == {"ok": False}
    ((headers, body), _) = inbox.received
    assert (body, headers["MD5"]) == (b"{}", "99914b932bd37a50b983c5e7c90ae93b")


def test_sending_again_in_any_order(
    simulator: str, api: NeteaseApi, clock: StoppedClock, inbox: Receiver
) -> None:
    api.bind(phoneX=X1, recordFlag=1)
    dial(simulator)
    clock.advance(5)
    answer = post(f"{simulator}/netease/callbacks", {"last": 2, "reverse": True}).json()
    assert answer == {"sent": 2, "accepted": 2}
    kinds = [body["eventType"] for body in inbox.bodies()]
    assert kinds == ["32", "34", "34", "32"]
    (first, *_, last) = inbox.received
    assert first[1] == last[1]
    assert int(last[0]["CurTime"]) - int(first[0]["CurTime"]) == 5000
    for wrong in ({"last": 0}, {"last": True}, {"reverse": 1}, {"first": 1}):
        assert post(f"{simulator}/netease/callbacks", wrong).status_code == 400


def test_numbers_of_the_switch_still_go_to_the_gateway(
    simulator: str, gateway: StubGateway, inbox: Receiver
) -> None:
    gateway.routes = [{"action": "reject", "reason": "no_binding", "announcement": "x"}]
    seen = post(f"{simulator}/calls", {"from": ALICE, "to": "8610000000001"}).json()
    assert seen["reason"] == "no_binding"
    assert len(gateway.asked) == 1
    assert inbox.received == []
