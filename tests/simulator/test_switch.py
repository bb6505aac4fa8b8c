"""The simulated switch over HTTP: what people see, and what it reports to the gateway."""

import hashlib
from base64 import b64encode
from typing import Any

import pytest
import requests

from tests.simulator.outside import NOON_MS, StubGateway, post

ALICE = "447700900001"
BOB = "447700900002"
X = "8610000000001"
CONNECT = {
    "action": "connect",
    "to": BOB,
    "show": X,
    "record": False,
    "max_duration_s": 7200,
    "announcement": None,
    "on_answer": None,
    "binding": "b1",
}


def dial(simulator: str, **more: Any) -> dict[str, Any]:
    """A call from Alice to X."""
    response = post(f"{simulator}/calls", {"from": ALICE, "to": X, **more})
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


def test_an_answered_call(simulator: str, gateway: StubGateway) -> None:
    gateway.routes = [CONNECT | {"announcement": "recorded", "on_answer": "masked"}]
    told = dial(simulator, talk_s=30, hangup_by="callee")

    call_id = told["call_id"]
    assert told == {
        "call_id": call_id,
        "connected": True,
        "answered": True,
        "caller": {"number": ALICE, "dialled": X, "saw": X, "heard": "recorded"},
        "callee": {"number": BOB, "showed": X, "heard": "masked"},
        "reason": None,
        "talk_s": 30,
        "ended_by": "callee",
        "cause": 16,
        "binding": "b1",
        "record": False,
        "events_accepted": 4,
    }
    assert next(iter(told)) == "call_id"
    assert gateway.asked == [{"call_id": call_id, "kind": "call", "from": ALICE, "to": X}]
    assert gateway.authorization == {"Basic " + b64encode(b"pbx:secret").decode()}
    timeline = [(event["type"], event["at"] - NOON_MS) for event in gateway.events]
    assert timeline == [
        ("call.started", 0),
        ("call.ringing", 0),
        ("call.answered", 3_000),
        ("call.ended", 33_000),
    ]
    for event in gateway.events:
        about = {name: event[name] for name in ("call_id", "binding", "from", "to", "callee")}
        assert about == {
            "call_id": call_id,
            "binding": "b1",
            "from": ALICE,
            "to": X,
            "callee": BOB,
        }
    assert len({event["event_id"] for event in gateway.events}) == 4
    ended = gateway.events[-1]
    assert (ended["reason"], ended["released_by"]) == (16, "callee")


def test_what_a_call_is_if_nothing_is_said(simulator: str, gateway: StubGateway) -> None:
    gateway.routes = [CONNECT]
    told = dial(simulator)
    assert (told["answered"], told["talk_s"], told["ended_by"]) == (True, 30, "caller")


@pytest.mark.parametrize(
    ("answer", "cause", "released_by", "rings"),
    [
        (False, 19, "platform", True),
        ("no_answer", 19, "platform", True),
        ("busy", 17, "callee", False),
        ("rejected", 21, "callee", True),
        ("abandoned", 16, "caller", True),
        ("unreachable", 27, "platform", False),
        ("off", 20, "platform", False),
        ("unallocated", 1, "platform", False),
    ],
)
def test_a_call_that_nobody_answers(
    simulator: str,
    gateway: StubGateway,
    *,
    answer: object,
    cause: int,
    released_by: str,
    rings: bool,
) -> None:
    gateway.routes = [CONNECT | {"record": True, "on_answer": "masked"}]
    told = dial(simulator, answer=answer)

    assert (told["connected"], told["answered"], told["talk_s"]) == (True, False, 0)
    assert (told["cause"], told["ended_by"]) == (cause, released_by)
    assert told["callee"]["heard"] is None
    types = [event["type"] for event in gateway.events]
    assert types == ["call.started", *(["call.ringing"] if rings else []), "call.ended"]
    ended = gateway.events[-1]
    assert (ended["reason"], ended["released_by"]) == (cause, released_by)


def test_a_call_ends_at_the_longest_duration(simulator: str, gateway: StubGateway) -> None:
    gateway.routes = [CONNECT | {"max_duration_s": 60}]
    told = dial(simulator, talk_s=61, hangup_by="caller")
    assert (told["talk_s"], told["ended_by"]) == (60, "platform")
    assert gateway.events[-1]["at"] - NOON_MS == 63_000
    assert dial(simulator, talk_s=60)["ended_by"] == "caller"


@pytest.mark.parametrize("caller", [ALICE, "", "anonymous"])
def test_a_rejected_call_leaves_a_record(simulator: str, gateway: StubGateway, caller: str) -> None:
    gateway.routes = [{"action": "reject", "reason": "third_party", "announcement": "no_entry"}]
    told = dial(simulator, **{"from": caller})

    assert (told["connected"], told["answered"], told["callee"]) == (False, False, None)
    assert (told["reason"], told["caller"]["heard"]) == ("third_party", "no_entry")
    assert (told["talk_s"], told["ended_by"], told["cause"]) == (0, "platform", 21)
    assert gateway.asked[0]["from"] == caller
    started, ended = gateway.events
    assert (started["type"], ended["type"]) == ("call.started", "call.ended")
    assert (ended["rejected"], ended["binding"], ended["callee"]) == ("third_party", None, None)
    assert (ended["from"], ended["to"]) == (caller, X)


def test_a_rejected_call_tells_of_the_binding_that_it_is_about(
    simulator: str, gateway: StubGateway
) -> None:
    gateway.routes = [{"action": "reject", "reason": "blocked", "binding": "b1"}]
    assert dial(simulator)["binding"] == "b1"
    assert {event["binding"] for event in gateway.events} == {"b1"}


def test_a_recorded_call(simulator: str, gateway: StubGateway) -> None:
    gateway.routes = [CONNECT | {"record": True}]
    told = dial(simulator)

    assert (told["record"], told["events_accepted"]) == (True, 5)
    ready = gateway.events[-1]
    assert (ready["type"], ready["binding"]) == ("recording.ready", "b1")
    sound = requests.get(ready["url"], timeout=10).content
    assert sound[:4] == b"RIFF"
    assert hashlib.md5(sound, usedforsecurity=False).hexdigest() == ready["md5"]


@pytest.mark.parametrize("record", [True, False])
def test_a_message(simulator: str, gateway: StubGateway, record: bool) -> None:
    gateway.routes = [CONNECT | {"record": record}]
    told = post(f"{simulator}/messages", {"from": ALICE, "to": X, "text": "hello"}).json()

    assert (told["connected"], told["delivered"]) == (True, True)
    assert told["callee"] == {"number": BOB, "showed": X, "text": "hello"}
    assert gateway.asked[0]["kind"] == "sms"
    (sent,) = gateway.events
    assert (sent["type"], sent["result"], sent["binding"]) == ("sms.sent", "ok", "b1")
    # What people write to each other is nobody's business unless the binding records.
    assert sent.get("text") == ("hello" if record else None)


def test_a_message_that_the_network_loses(simulator: str, gateway: StubGateway) -> None:
    gateway.routes = [CONNECT]
    body = {"from": ALICE, "to": X, "text": "hello", "result": "failed"}
    told = post(f"{simulator}/messages", body).json()
    assert (told["delivered"], told["callee"]["text"]) == (False, None)
    assert gateway.events[0]["result"] == "failed"


def test_a_rejected_message_leaves_a_record(simulator: str, gateway: StubGateway) -> None:
    gateway.routes = [{"action": "reject", "reason": "no_binding", "announcement": None}]
    told = post(f"{simulator}/messages", {"from": ALICE, "to": X, "text": "hello"}).json()
    assert (told["delivered"], told["callee"], told["reason"]) == (False, None, "no_binding")
    assert not {"answered", "talk_s", "ended_by", "cause"} & set(told)
    (sent,) = gateway.events
    assert (sent["result"], sent["rejected"]) == ("rejected", "no_binding")
    assert "text" not in sent


def test_a_report_is_repeated_with_the_same_ids(simulator: str, gateway: StubGateway) -> None:
    gateway.routes = [CONNECT]
    gateway.failures = [503, 500]
    told = dial(simulator)
    assert told["events_accepted"] == 4
    assert len(gateway.reports) == 3
    assert gateway.reports[0] == gateway.reports[1] == gateway.reports[2]


def test_a_refused_report_is_told(simulator: str, gateway: StubGateway) -> None:
    gateway.routes = [CONNECT]
    gateway.failures = [401]
    told = dial(simulator)
    assert (told["connected"], told["events_accepted"]) == (True, 0)
    assert told["events_error"] == "the gateway answered 401"
    assert len(gateway.reports) == 1


def test_the_gateway_is_down(simulator: str, gateway: StubGateway) -> None:
    gateway.close()
    response = post(f"{simulator}/calls", {"from": ALICE, "to": X})
    assert response.status_code == 502
    assert "can't be reached" in response.json()["error"]


def test_the_gateway_answers_nonsense(simulator: str, gateway: StubGateway) -> None:
    gateway.routes = [{"code": 500}]
    response = post(f"{simulator}/calls", {"from": ALICE, "to": X})
    assert response.status_code == 502
    assert response.json()["gateway_answer"] == {"code": 500}


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"to": X}, "from must be"),
        ({"from": 447700900001, "to": X}, "from must be"),
        ({"from": ALICE}, "to must be"),
        ({"from": ALICE, "to": X, "answer": "maybe"}, "answer must be"),
        ({"from": ALICE, "to": X, "answer": 1}, "answer must be"),
        ({"from": ALICE, "to": X, "talk_s": -1}, "talk_s must be"),
        ({"from": ALICE, "to": X, "talk_s": "30"}, "talk_s must be"),
        ({"from": ALICE, "to": X, "talk_s": True}, "talk_s must be"),
        ({"from": ALICE, "to": X, "hangup_by": "god"}, "hangup_by must be"),
        ({"from": ALICE, "to": X, "duration": 30}, "unknown field 'duration'"),
        ([], "must be a JSON object"),
    ],
)
def test_a_call_that_can_not_be_made(
    simulator: str, gateway: StubGateway, body: Any, error: str
) -> None:
    response = post(f"{simulator}/calls", body)
    assert response.status_code == 400
    assert error in response.json()["error"]
    assert not gateway.asked


def test_what_is_no_request(simulator: str) -> None:
    bad = requests.post(f"{simulator}/calls", data=b"{", timeout=10)
    assert (bad.status_code, bad.json()["error"]) == (400, "the body is not JSON")
    unknown = requests.get(f"{simulator}/nothing", timeout=10)
    assert unknown.status_code == 404
    assert "POST /calls" in unknown.json()["paths"]
    wrong = requests.get(f"{simulator}/messages", timeout=10)
    assert (wrong.status_code, wrong.json()["error"]) == (405, "this path takes POST, not GET")


def test_the_log_has_no_number(
    simulator: str, gateway: StubGateway, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway.routes = [CONNECT]
    dial(simulator)
    requests.get(f"{simulator}/{ALICE}?from={ALICE}", timeout=10)
    logged = capfd.readouterr()
    assert "POST /calls 200" in logged.out
    assert ALICE not in logged.out + logged.err
    assert BOB not in logged.out + logged.err
