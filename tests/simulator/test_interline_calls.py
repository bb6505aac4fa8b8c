"""Calls and messages to the simulated interline's X, and the callbacks that tell of them."""

from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests

from simulator.interline.vendor import Vendor
from tests.receivers import Receiver
from tests.simulator.interline_api import (
    ALICE,
    APPID,
    BOB,
    CAROL,
    DEVID,
    X1,
    X2,
    InterlineApi,
)
from tests.simulator.outside import NOON_MS, ON_SWITCH, StoppedClock, StubGateway, post

NOON_S = NOON_MS // 1000
RESULTS = [
    "answered",
    *(str(cause) for cause in (1, 2, 3, 4, 16, 17, 18, 19, 20, 21, 22, 27, 28, 29, 31, 34, 42)),
    *(str(cause) for cause in (50, 53, 55, 57, 58, 65, 69, 87, 88, 90, 91, 95, 97, 99)),
    *(str(cause) for cause in (102, 103, 110, 111, 127, 202, 203, 204, 205, 206, 207, 209)),
    "carrier-7",
]


def dial(simulator: str, caller: str = ALICE, number: str = X1, **more: Any) -> Any:
    """A call to X."""
    answer = post(f"{simulator}/calls", {"from": caller, "to": number, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(inbox: Receiver) -> list[dict[str, str]]:
    """The forms that came, oldest first."""
    return [dict(parse_qsl(body.decode(), keep_blank_values=True)) for _, body in inbox.received]


def records(inbox: Receiver) -> list[dict[str, str]]:
    """The records of calls among them."""
    return [form for form in told(inbox) if "result" in form]


def test_a_call_through_x(
    simulator: str, gateway: StubGateway, interline_api: InterlineApi, inbox: Receiver
) -> None:
    subid = interline_api.bind(userData="订单 1&2", ansanu="n1,n2", anucode="b,a,o")["subid"]
    seen = dial(simulator, talk_s=30, hangup_by="callee")
    assert seen == {
        "call_id": seen["call_id"],
        "connected": True,
        "answered": True,
        "caller": {"number": f"86{ALICE}", "dialled": X1, "saw": X1, "heard": "a"},
        "callee": {"number": f"86{BOB}", "showed": X1, "heard": "n1,n2"},
        "reason": None,
        "talk_s": 30,
        "ended_by": "callee",
        "cause": 16,
        "binding": subid,
        "record": False,
        "events_accepted": 2,
    }
    assert gateway.asked == gateway.reports == []
    about = {
        "devid": DEVID,
        "appid": APPID,
        "taskid": seen["call_id"],
        "subid": subid,
        "caller": ALICE,
        "rcaller": X1,
        "callee": BOB,
        "userData": "订单 1&2",
    }
    start, record = told(inbox)
    assert start == about | {"callTime": str(NOON_S)}
    assert record == about | {
        "result": "answered",
        "beginTime": str(NOON_S),
        "ringTime": str(NOON_S),
        "answerTime": str(NOON_S + 3),
        "releaseTime": str(NOON_S + 33),
        "duration": "30",
        "releasedir": "2",
    }
    kinds = {headers["Content-Type"] for headers, _ in inbox.received}
    assert kinds == {"application/x-www-form-urlencoded; charset=utf-8"}


def test_json_by_setting(simulator: str, interline_api: InterlineApi, inbox: Receiver) -> None:
    requests.put(f"{simulator}/interline/account", json={"json": True}, timeout=10)
    interline_api.bind(userData="订单")
    dial(simulator)
    start, record = inbox.bodies()
    assert (start["callTime"], start["userData"]) == (NOON_S, "订单")
    assert (record["result"], record["duration"], record["releasedir"]) == ("answered", 30, "1")
    assert inbox.received[0][0]["Content-Type"].startswith("application/json")


@pytest.mark.parametrize(
    ("answer", "result", "releasedir"),
    [
        ("abandoned", "16", "1"),
        ("no_answer", "19", "0"),
        ("busy", "17", "2"),
        ("unreachable", "27", "0"),
        ("off", "20", "0"),
        ("rejected", "21", "2"),
        ("unallocated", "1", "0"),
    ],
)
def test_how_a_call_ends(
    simulator: str,
    interline_api: InterlineApi,
    inbox: Receiver,
    *,
    answer: str,
    result: str,
    releasedir: str,
) -> None:
    interline_api.bind()
    dial(simulator, BOB, answer=answer)
    (record,) = records(inbox)
    assert (record["result"], record["releasedir"]) == (result, releasedir)
    assert (record["caller"], record["callee"], record["duration"]) == (BOB, ALICE, "0")
    assert "answerTime" not in record
    assert "userData" not in record


@pytest.mark.parametrize("result", RESULTS)
def test_every_result_on_demand(
    simulator: str, interline_api: InterlineApi, inbox: Receiver, result: str
) -> None:
    interline_api.bind()
    url = f"{simulator}/interline/results"
    wanted = {"result": result, "releasedir": "2", "x": f"86{X1}"}
    left = requests.put(url, json=wanted, timeout=10).json()
    assert left == [wanted | {"x": X1, "times": 1}]
    seen = dial(simulator, answer="busy", hangup_by="callee")
    assert seen["answered"] is (result == "answered")
    assert requests.get(url, timeout=10).json() == []
    dial(simulator, answer="busy")
    first, second = records(inbox)
    assert (first["result"], first["releasedir"]) == (result, "2")
    assert second["result"] == "17"


def test_what_is_no_result(simulator: str) -> None:
    url = f"{simulator}/interline/results"
    for wrong in ({"result": 16}, {"result": ""}, {"x": "1"}, {"times": "1"}, {"releasedir": 1}):
        answer = requests.put(url, json={"result": "16", **wrong}, timeout=10)
        assert answer.status_code == 400, wrong
    requests.put(url, json={"result": "16", "times": None}, timeout=10)
    assert len(requests.get(url, timeout=10).json()) == 1
    assert requests.delete(url, timeout=10).json() == []


def test_who_is_not_connected_to_a_pair(
    simulator: str, interline_api: InterlineApi, clock: StoppedClock, inbox: Receiver
) -> None:
    assert dial(simulator)["connected"] is False
    subid = interline_api.bind(anucode=",,others", ttl=60, userData="u")["subid"]
    for caller in (CAROL, "", "anonymous"):
        seen = dial(simulator, caller)
        assert (seen["connected"], seen["callee"], seen["reason"]) == (False, None, "206")
        assert seen["caller"]["heard"] == "others"
    clock.advance(60)
    assert dial(simulator)["connected"] is False
    forms = told(inbox)
    assert {form["result"] for form in forms} == {"206"}
    assert [form["caller"] for form in forms] == [ALICE, CAROL, "anonymous", "anonymous", ALICE]
    assert [form["subid"] for form in forms] == ["", subid, subid, subid, ""]
    assert {(form["callee"], form["duration"], form["releasedir"]) for form in forms} == {
        ("", "0", "0")
    }


def test_everybody_reaches_the_a_of_a_transfer(
    simulator: str, interline_api: InterlineApi, inbox: Receiver
) -> None:
    subid = interline_api.transfer(anucode="hi")["subid"]
    for caller in (BOB, "anonymous"):
        seen = dial(simulator, caller)
        assert (seen["callee"]["number"], seen["callee"]["showed"]) == (f"86{ALICE}", X1)
        assert seen["caller"]["heard"] == "hi"
    own = dial(simulator, ALICE)
    assert (own["connected"], own["reason"], own["caller"]["heard"]) == (False, "207", "hi")
    assert [(form["result"], form["subid"]) for form in records(inbox)] == [
        ("answered", subid),
        ("answered", subid),
        ("207", subid),
    ]


def test_a_pair_goes_before_a_transfer(simulator: str, interline_api: InterlineApi) -> None:
    interline_api.transfer(a=CAROL)
    interline_api.bind()
    reached = {
        caller: dial(simulator, caller)["callee"]["number"]
        for caller in (ALICE, BOB, "10012340009")
    }
    assert reached == {ALICE: f"86{BOB}", BOB: f"86{ALICE}", "10012340009": f"86{CAROL}"}


def test_the_newest_of_two_that_overlap(simulator: str, interline_api: InterlineApi) -> None:
    interline_api.bind()
    second = interline_api.bind(reqid="r2")["subid"]
    assert dial(simulator)["binding"] == second
    interline_api.release(second)
    assert dial(simulator)["binding"] == interline_api.bind()["subid"]


@pytest.mark.parametrize(
    ("display", "alice_calls", "bob_calls"),
    [("0,0", X1, X1), ("1,0", f"86{ALICE}", X1), ("0,1", X1, f"86{BOB}")],
)
def test_what_is_shown(
    simulator: str,
    interline_api: InterlineApi,
    *,
    display: str,
    alice_calls: str,
    bob_calls: str,
) -> None:
    interline_api.bind(display=display)
    shown = [dial(simulator, caller)["callee"]["showed"] for caller in (ALICE, BOB)]
    assert shown == [alice_calls, bob_calls]


def test_a_transfer_that_shows_who_calls(simulator: str, interline_api: InterlineApi) -> None:
    interline_api.transfer(display=1)
    assert dial(simulator, BOB)["callee"]["showed"] == f"86{BOB}"
    assert dial(simulator, "anonymous")["callee"]["showed"] == X1


def test_a_recorded_call(simulator: str, interline_api: InterlineApi, inbox: Receiver) -> None:
    interline_api.bind(record=1)
    seen = dial(simulator)
    dial(simulator, answer="busy")
    answered, busy = records(inbox)
    assert answered["recording"] == f"http://recordings.test/recordings/{seen['call_id']}.wav"
    assert "recording" not in busy


def test_messages(simulator: str, interline_api: InterlineApi, inbox: Receiver) -> None:
    subid = interline_api.bind()["subid"]
    for caller, text in ((ALICE, "在门口"), (BOB, ""), (CAROL, "x")):
        post(f"{simulator}/messages", {"from": caller, "to": X1, "text": text})
    first, second = told(inbox)
    assert first == {
        "devid": DEVID,
        "appid": APPID,
        "taskid": first["taskid"],
        "subid": subid,
        "caller": ALICE,
        "rcaller": X1,
        "callee": BOB,
        "callTime": str(NOON_S),
        "smsContent": "在门口",
    }
    assert (second["caller"], second["smsContent"]) == (BOB, "")


def test_a_callback_is_repeated_until_it_is_taken(
    simulator: str, interline: Vendor, interline_api: InterlineApi, inbox: Receiver
) -> None:
    interline_api.bind()
    inbox.status = 503
    seen = dial(simulator)
    assert (seen["events_accepted"], len(inbox.received)) == (0, 8)
    assert seen["events_error"] == "a callback was not answered 200"
    inbox.status = 200
    again = post(f"{simulator}/interline/callbacks", {"last": 2, "reverse": True}).json()
    assert again == {"sent": 2, "accepted": 2}
    assert ["result" in form for form in told(inbox)[-2:]] == [True, False]


def test_callbacks_go_to_two_addresses(
    simulator: str, interline_api: InterlineApi, inbox: Receiver
) -> None:
    interline_api.bind()
    dial(simulator)
    assert inbox.paths == ["/callbacks/start", "/callbacks/cdr"]


def test_one_telephone_however_it_is_written(
    simulator: str, interline_api: InterlineApi, inbox: Receiver
) -> None:
    interline_api.bind(X2, f"86{ALICE}", "01012345678")
    for caller in (ALICE, f"86{ALICE}"):
        for number in (X2, f"86{X2}"):
            seen = dial(simulator, caller, number)
            assert seen["callee"] == {"number": "861012345678", "showed": number, "heard": None}
            assert seen["caller"]["number"] == f"86{ALICE}"
    assert {(form["rcaller"], form["callee"]) for form in records(inbox)} == {(X2, "01012345678")}
    for caller in ("01012345678", "861012345678"):
        assert dial(simulator, caller, X2)["callee"]["number"] == f"86{ALICE}"


def test_a_number_of_the_switch_is_written_as_its_app_does(
    simulator: str, gateway: StubGateway
) -> None:
    gateway.routes = [{"action": "reject", "reason": "no_binding", "binding": "b1"}]
    for number in (ON_SWITCH, f"86{ON_SWITCH}"):
        dial(simulator, number=number)
        post(f"{simulator}/messages", {"from": ALICE, "to": number, "text": "x"})
    assert {asked["to"] for asked in gateway.asked} == {ON_SWITCH}
    assert {asked["from"] for asked in gateway.asked} == {f"86{ALICE}"}
    assert {event["binding"] for event in gateway.events} == {"b1"}


def test_the_log_of_calls(
    simulator: str, gateway: StubGateway, interline_api: InterlineApi
) -> None:
    gateway.routes = [{"action": "reject", "reason": "no_binding"}]
    interline_api.bind()
    made = [dial(simulator), dial(simulator, number=ON_SWITCH)]
    made.append(post(f"{simulator}/messages", {"from": ALICE, "to": X1, "text": "x"}).json())
    assert requests.get(f"{simulator}/calls", timeout=10).json() == made
