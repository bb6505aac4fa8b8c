"""The apps' receivers over HTTP: what they keep, and how they fail."""

import time
from typing import Any

import pytest
import requests

BODY = '{"eventType":"32","userData":"订单"}'


def deliver(simulator: str, app: str = "demo", body: str = BODY) -> requests.Response:
    """A callback as the gateway sends it."""
    return requests.post(
        f"{simulator}/apps/{app}/callback",
        data=body.encode(),
        headers={"AppKey": "key", "CurTime": "1790000000000", "Content-Type": "application/json"},
        timeout=10,
    )


def received(simulator: str, app: str = "demo") -> list[dict[str, Any]]:
    """What the app has."""
    listed: list[dict[str, Any]] = requests.get(f"{simulator}/received/{app}", timeout=10).json()
    return listed


def break_down(simulator: str, **fault: Any) -> requests.Response:
    """Makes the demo app's receiver fail."""
    return requests.put(f"{simulator}/apps/demo/receiver", json=fault, timeout=10)


def test_a_callback_is_kept_as_it_came(simulator: str) -> None:
    before_ms = int(time.time() * 1000)
    answer = deliver(simulator)
    assert (answer.status_code, answer.json()) == (200, {"code": 200})

    (kept,) = received(simulator)
    assert sorted(kept) == ["body", "headers", "received_at"]
    assert kept["body"] == BODY
    assert (kept["headers"]["AppKey"], kept["headers"]["CurTime"]) == ("key", "1790000000000")
    assert before_ms <= kept["received_at"] <= int(time.time() * 1000)


def test_the_newest_is_last_and_each_app_has_its_own(simulator: str) -> None:
    for n in range(3):
        deliver(simulator, body=str(n))
    deliver(simulator, app="other", body="theirs")
    assert [kept["body"] for kept in received(simulator)] == ["0", "1", "2"]
    assert [kept["body"] for kept in received(simulator, "other")] == ["theirs"]
    assert received(simulator, "unheard-of") == []


def test_emptying_one_and_all(simulator: str) -> None:
    for app in ("demo", "other"):
        deliver(simulator, app=app)
    assert requests.delete(f"{simulator}/received/demo", timeout=10).json() == {"deleted": 1}
    assert received(simulator) == []
    assert len(received(simulator, "other")) == 1
    requests.delete(f"{simulator}/received", timeout=10)
    assert received(simulator, "other") == []


def test_failing_a_few_times(simulator: str) -> None:
    state = break_down(simulator, status=503, times=2).json()
    assert state["fault"] == {"status": 503, "delay_s": 0, "times": 2, "share": 1}
    assert [deliver(simulator).status_code for _ in range(3)] == [503, 503, 200]
    # What was not accepted was not received.
    assert len(received(simulator)) == 1
    state = requests.get(f"{simulator}/apps/demo/receiver", timeout=10).json()
    assert state == {"app": "demo", "requests": 3, "kept": 1, "fault": None}


def test_failing_until_repaired(simulator: str) -> None:
    break_down(simulator, status=500)
    assert {deliver(simulator).status_code for _ in range(5)} == {500}
    assert deliver(simulator, app="other").status_code == 200
    requests.delete(f"{simulator}/apps/demo/receiver", timeout=10)
    assert deliver(simulator).status_code == 200


def test_a_late_answer(simulator: str) -> None:
    break_down(simulator, status=200, delay_s=1, times=1)
    with pytest.raises(requests.Timeout):
        requests.post(f"{simulator}/apps/demo/callback", data=b"{}", timeout=0.3)
    # The sender does not know, but the app has it.
    assert len(received(simulator)) == 1


def test_the_same_seed_fails_the_same_requests(simulator: str) -> None:
    runs = []
    for _ in range(2):
        break_down(simulator, status=500, share=0.5, seed=7)
        runs.append([deliver(simulator).status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"status": 42}, "status must be from 200 to 599"),
        ({"status": "500"}, "status must be a number"),
        ({"delay_s": -1}, "delay_s must be from 0 to 60"),
        ({"share": 2}, "share must be from 0 to 1"),
        ({"code": 500}, "unknown field 'code'"),
    ],
)
def test_a_fault_that_is_none(simulator: str, fault: dict[str, Any], error: str) -> None:
    response = break_down(simulator, **fault)
    assert response.status_code == 400
    assert error in response.json()["error"]
