"""Calls that the switch places for the gateway: signed requests, and the one event at the end."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from simulator.phones import Answer
from simulator.placing import Habit, Phones
from tests.simulator.outside import NOON_MS, SWITCH_SECRET, StubGateway, wait_until

ALICE, BOB, CAROL, DAVE = (f"44770090000{n}" for n in range(1, 5))
ORDER = {
    "call_id": "c1",
    "kind": "call",
    "account": "somebody",
    "parties": [ALICE, BOB],
    "show": "8610000000001",
    "max_duration_s": 100,
    "record": False,
}


def signed(body: str, *, secret: str = SWITCH_SECRET, late_s: int = 0) -> dict[str, str]:
    """The three headers of Standard Webhooks."""
    now = datetime.fromtimestamp(NOON_MS // 1000 - late_s, UTC)
    return {
        "webhook-id": "c1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign("c1", now, body),
    }


def originate(simulator: str, **more: Any) -> requests.Response:
    """An order, with whatever is different."""
    body = json.dumps(ORDER | more)
    return requests.post(f"{simulator}/originate", data=body, headers=signed(body), timeout=10)


def status(simulator: str, call_id: str = "c1") -> Any:
    """What the switch says of a call."""
    url = f"{simulator}/originate/{call_id}"
    return requests.get(url, headers=signed(""), timeout=10).json()


def ended(gateway: StubGateway) -> dict[str, Any]:
    """The event of the only call."""
    assert wait_until(lambda: len(gateway.reports) == 1)
    ((event,),) = gateway.reports
    return event


def test_a_call(simulator: str, gateway: StubGateway, phones: Phones) -> None:
    phones.lasts_s = 0.3
    phones.teach(BOB, Habit(talk_s=20))
    answer = originate(simulator)
    assert (answer.status_code, answer.json()) == (202, {"call_id": "c1"})
    assert status(simulator) == {
        "call_id": "c1",
        "kind": "call",
        "account": "somebody",
        "created": NOON_MS,
        "started": None,
        "duration_s": 0,
        "status": "inited",
        "show": "8610000000001",
    }
    event = ended(gateway)
    assert len(event.pop("event_id")) == 32
    assert event == {
        "type": "placed.ended",
        "call_id": "c1",
        "at": NOON_MS + 23_000,
        "kind": "call",
        "account": "somebody",
        "from": ALICE,
        "parties": [ALICE, BOB],
        "created": NOON_MS,
        "started": NOON_MS + 3_000,
        "duration_s": 20,
        "status": "success",
        "legs": [
            {"number": ALICE, "ended_at": NOON_MS + 23_000, "cause": 16},
            {"number": BOB, "ended_at": NOON_MS + 23_000, "cause": 16},
        ],
    }
    assert status(simulator)["status"] == "success"


def test_what_the_library_signs_is_taken(simulator: str) -> None:
    body = json.dumps(ORDER)
    headers = signed(body, late_s=300)
    several = headers | {"webhook-signature": "v1,AAAA " + headers["webhook-signature"]}
    for given, status_code in ((headers, 202), (several, 409)):
        answer = requests.post(f"{simulator}/originate", data=body, headers=given, timeout=10)
        assert answer.status_code == status_code


def test_a_call_is_cut(simulator: str, gateway: StubGateway) -> None:
    originate(simulator, max_duration_s=7)
    assert ended(gateway)["duration_s"] == 7


def test_a_call_is_hung_up(simulator: str, gateway: StubGateway, phones: Phones) -> None:
    phones.lasts_s = 60
    originate(simulator)
    url = f"{simulator}/originate/c1"
    assert requests.delete(url, headers=signed("", secret="AAAA"), timeout=10).status_code == 401
    answer = requests.delete(url, headers=signed(""), timeout=10)
    assert (answer.status_code, answer.json()["call_id"]) == (200, "c1")
    event = ended(gateway)
    assert (event["status"], event["duration_s"]) == ("success", 1)
    assert status(simulator)["status"] == "success"
    # Once more changes nothing, and its people can be called again.
    assert requests.delete(url, headers=signed(""), timeout=10).status_code == 200
    unknown = requests.delete(f"{simulator}/originate/c9", headers=signed(""), timeout=10)
    assert unknown.status_code == 404
    assert originate(simulator, call_id="c2").status_code == 202
    assert len(gateway.reports) == 1


def test_a_conference_is_cut_at_the_sum_of_its_legs(
    simulator: str, gateway: StubGateway, phones: Phones
) -> None:
    phones.teach(DAVE, Habit(Answer.BUSY))
    originate(simulator, kind="conference", parties=[ALICE, BOB, CAROL, DAVE], max_duration_s=60)
    event = ended(gateway)
    assert (event["kind"], event["status"], event["duration_s"]) == ("conference", "success", 60)
    ends = [(leg["ended_at"] - NOON_MS, leg["cause"]) for leg in event["legs"]]
    assert ends == [(23_000, 16)] * 3 + [(0, 17)]


@pytest.mark.parametrize("kind", ["call", "conference"])
def test_nobody_to_talk_to(simulator: str, gateway: StubGateway, phones: Phones, kind: str) -> None:
    phones.teach(BOB, Habit(Answer.NO_ANSWER))
    originate(simulator, kind=kind)
    event = ended(gateway)
    assert (event["status"], event["started"], event["duration_s"]) == ("failed", None, 0)
    assert [leg["cause"] for leg in event["legs"]] == [16, 19]
    assert event["at"] == NOON_MS + 60_000
    assert status(simulator)["status"] == "failed"


def test_nobody_twice_at_once(simulator: str, gateway: StubGateway, phones: Phones) -> None:
    phones.lasts_s = 0.3
    assert originate(simulator).status_code == 202
    assert originate(simulator, parties=[ALICE, CAROL]).status_code == 409
    assert originate(simulator, call_id="c2", parties=[BOB, ALICE]).status_code == 409
    ended(gateway)
    assert originate(simulator, call_id="c2").status_code == 202


def test_it_is_reported_until_the_gateway_has_it(simulator: str, gateway: StubGateway) -> None:
    gateway.failures = [503]
    originate(simulator)
    assert wait_until(lambda: len(gateway.reports) == 2)
    assert gateway.reports[0] == gateway.reports[1]


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "none"},
        {"webhook-timestamp": "soon"},
        {"webhook-id": ""},
        {"webhook-id": "c2"},
        signed(json.dumps(ORDER), secret="YW5vdGhlciBzZWNyZXQ="),
        signed(json.dumps(ORDER), late_s=301),
        signed(json.dumps(ORDER), late_s=-301),
        {"webhook-timestamp": "9" * 5000},
    ],
)
def test_only_the_gateway_may_order(simulator: str, headers: dict[str, str]) -> None:
    body = json.dumps(ORDER)
    url = f"{simulator}/originate"
    given = signed(body) | headers
    assert requests.post(url, data=body, headers=given, timeout=10).status_code == 401
    changed = body.replace(BOB, CAROL)
    assert requests.post(url, data=changed, headers=signed(body), timeout=10).status_code == 401
    assert requests.post(url, data=b"\xff", headers=signed(body), timeout=10).status_code == 401
    assert requests.get(f"{url}/c1", timeout=10).status_code == 401
    assert requests.get(f"{url}/c1", headers=signed(""), timeout=10).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "party"},
        {"kind": ["call"]},
        {"parties": [ALICE]},
        {"parties": [ALICE, ALICE]},
        {"parties": [ALICE, BOB, CAROL]},
        {"parties": [ALICE, "+447700900002"]},
        {"parties": ALICE},
        {"kind": "conference", "parties": [f"4477009001{n:02d}" for n in range(10)]},
        {"max_duration_s": 0},
        {"max_duration_s": "60"},
        {"call_id": ""},
        {"account": None},
        {"record": None},
        {"show": 1},
        {"to": ALICE},
    ],
)
def test_what_is_no_order(simulator: str, gateway: StubGateway, wrong: dict[str, Any]) -> None:
    assert originate(simulator, **wrong).status_code == 400
    assert status(simulator) == {"error": "no such call"}


def test_nine_in_a_conference_and_no_number_to_show(simulator: str, gateway: StubGateway) -> None:
    parties = [f"4477009001{n:02d}" for n in range(9)]
    answer = originate(simulator, kind="conference", parties=parties, show=None, max_duration_s=9)
    assert answer.status_code == 202
    assert ended(gateway)["duration_s"] == 9
