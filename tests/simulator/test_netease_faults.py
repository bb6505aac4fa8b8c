"""The simulated NetEase fails as it is told to, and its control side tells what it holds."""

import threading
import time
from typing import Any

import pytest
import requests

from simulator.netease.vendor import Vendor
from simulator.placing import Phones
from tests.receivers import Receiver
from tests.simulator.netease_api import ALICE, BOB, X1, NeteaseApi
from tests.simulator.outside import NOON_MS, wait_until

BIND = "/smallphone/axb/bind"
GIVEN = {"phoneA": ALICE, "phoneB": BOB, "expiration": 10}


def break_down(simulator: str, kind: str, **more: Any) -> requests.Response:
    """Makes bind fail."""
    fault = {"path": BIND, "kind": kind, **more}
    return requests.put(f"{simulator}/netease/faults", json=fault, timeout=10)


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        ("502", 502, "<html>"),
        ("html", 200, "<html>"),
        ("half_json", 200, "{"),
        ("code_500", 200, '{"msg":"told to fail","code":500}'),
        ("code_416", 200, '{"msg":"told to fail","code":416}'),
    ],
)
@pytest.mark.parametrize("effect", [False, True])
def test_a_wrong_answer(
    simulator: str,
    api: NeteaseApi,
    vendor: Vendor,
    *,
    kind: str,
    status: int,
    body: str,
    effect: bool,
) -> None:
    fault = kind + "_after" * effect
    left = break_down(simulator, fault, times=1).json()
    assert left == [{"path": BIND, "kind": fault, "times": 1}]
    answer = api.send(BIND, GIVEN)
    assert answer.status_code == status
    assert answer.text.startswith(body)
    if kind == "half_json":
        with pytest.raises(ValueError, match=r"\w"):
            answer.json()
    assert len(vendor.privacy.all()) == effect
    assert requests.get(f"{simulator}/netease/faults", timeout=10).json() == []
    assert api.bind(phoneX=X1)["code"] == (602 if effect else 200)


@pytest.mark.parametrize("effect", [False, True])
def test_the_connection_is_reset(
    simulator: str, api: NeteaseApi, vendor: Vendor, *, effect: bool
) -> None:
    break_down(simulator, "refuse" + "_after" * effect)
    with pytest.raises(requests.ConnectionError, match="ConnectionReset"):
        api.send(BIND, GIVEN)
    assert len(vendor.privacy.all()) == effect


@pytest.mark.parametrize(("kind", "effect"), [("hang_before", 0), ("hang_after", 1)])
def test_no_answer_until_it_is_repaired(
    simulator: str, api: NeteaseApi, vendor: Vendor, *, kind: str, effect: int
) -> None:
    break_down(simulator, kind)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            api.send(BIND, GIVEN)
        except requests.ConnectionError as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert wait_until(lambda: vendor.requests[BIND] == 1 and len(vendor.privacy.all()) == effect)
    time.sleep(0.2)
    assert asking.is_alive()
    assert requests.delete(f"{simulator}/netease/faults", timeout=10).json() == []
    asking.join(5)
    assert len(errors) == 1
    assert len(vendor.privacy.all()) == effect
    assert api.on(X1) is not None


def test_how_often_and_where(simulator: str, api: NeteaseApi) -> None:
    break_down(simulator, "code_500", times=2)
    assert [api.bind()["code"] for _ in range(3)] == [500, 500, 200]
    break_down(simulator, "code_514")
    assert [api.bind()["code"] for _ in range(3)] == [514] * 3
    assert api.on(X1)
    break_down(simulator, "code_403", path="*")
    assert api.unbind("x")["code"] == 403


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "flood"}, {"kind": "hang_before_after"}, {"times": "1"}, {"path": 1}, {"n": 1}],
)
def test_what_is_no_fault(simulator: str, wrong: dict[str, Any]) -> None:
    assert break_down(simulator, **{"kind": "502", **wrong}).status_code == 400


def test_requests_are_counted_by_path(simulator: str, api: NeteaseApi) -> None:
    break_down(simulator, "502", times=1)
    api.send(BIND, GIVEN)
    api.bind()
    api.on(X1)
    counted = requests.get(f"{simulator}/netease/requests", timeout=10).json()
    assert counted == {BIND: 2, "/smallphone/axb/query": 1}


def test_what_it_holds(simulator: str, api: NeteaseApi, inbox: Receiver) -> None:
    bind_id = api.bind(phoneX=X1)["bindId"]
    (binding,) = requests.get(f"{simulator}/netease/bindings", timeout=10).json()
    assert (binding["bindId"], binding["phoneX"], binding["state"]) == (bind_id, X1, "live")
    assert api.post("/nimserver/user/create.action", accid="a")["code"] == 200
    people = {"caller": ALICE[2:], "callee": BOB[2:]}
    api.post("/call/ecp/startcall.action", callerAcc="a", maxDur=5, **people)
    assert wait_until(lambda: len(inbox.received) == 1)
    (call,) = requests.get(f"{simulator}/netease/calls", timeout=10).json()
    assert (call["status"], call["durationSec"], len(call["legs"])) == ("SUCCESS", 5, 2)


def test_the_clock(simulator: str, api: NeteaseApi) -> None:
    url = f"{simulator}/netease/clock"
    assert requests.get(url, timeout=10).json() == {"now_ms": NOON_MS}
    bind_id = api.bind(phoneX=X1)["bindId"]
    moved = requests.post(url, json={"advance_s": 600}, timeout=10)
    assert moved.json() == {"now_ms": NOON_MS + 600_000}
    assert api.delay(bind_id, 1)["code"] == 404
    requests.post(url, json={"advance_s": -600}, timeout=10)
    assert api.delay(bind_id, 1)["code"] == 200
    assert requests.post(url, json={"advance_s": "1"}, timeout=10).status_code == 400


def test_phones(simulator: str, phones: Phones) -> None:
    taught = {"answer": "busy", "talk_s": 5}
    assert requests.put(f"{simulator}/phones/{ALICE}", json=taught, timeout=10).status_code == 200
    assert (phones.habit(ALICE).answer, phones.habit(ALICE).talk_s) == ("busy", 5)
    assert requests.put(f"{simulator}/phones", json={"lasts_s": 2.5}, timeout=10).status_code == 200
    assert phones.lasts_s == 2.5
    for path, wrong in (("/1", {"answer": "perhaps"}), ("/1", {"x": 1}), ("", {"lasts_s": -1})):
        answer = requests.put(f"{simulator}/phones{path}", json=wrong, timeout=10)
        assert answer.status_code == 400
