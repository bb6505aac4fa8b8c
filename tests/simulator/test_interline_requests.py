"""The simulated interline's API over HTTP: Keytime, bindings, codes, expiry."""

import subprocess
import sys
from typing import Any

import pytest
import requests

from simulator.interline.account import Account, fault_of
from simulator.interline.vendor import Vendor
from tests.simulator.interline_api import (
    ALICE,
    APPID,
    AUTH_KEY,
    BOB,
    CAROL,
    DEVID,
    INTERLINE,
    STATUS,
    X1,
    X2,
    X_LONG,
    InterlineApi,
    keytime,
)
from tests.simulator.outside import NOON_MS, PROJECT, StoppedClock

GIVEN = {"appid": APPID, "anum": ALICE, "bnum": BOB, "reqid": "r1", "ttl": "600"}


def test_a_known_signature() -> None:
    # printf %s "key1622020210513" | sha256sum | cut -c25-40
    signed = {"authorization": "Keytime 10000000,1622020210513,d953ed7cb0cd207f"}
    account = Account("10000000", "key", "app", "http://127.0.0.1/")
    for now_ms, fault in ((0, 0), (180_000, 0), (-180_000, 0), (180_001, 1101), (-180_001, 1101)):
        assert fault_of(signed, account, now_ms=1622020210513 + now_ms) == fault
    account.auth_key = "another"
    assert fault_of(signed, account, now_ms=1622020210513) == 1101


@pytest.mark.parametrize(
    ("header", "error"),
    [
        (f"Keytime 20000000,{NOON_MS},0123456789abcdef", 1100),
        (f"Keytime {DEVID},{NOON_MS},0123456789abcdef", 1101),
        (f"Keytime {DEVID},{NOON_MS}", 1101),
        (f"Keytime {DEVID},noon,0123456789abcdef", 1101),
        ("Basic abc", 1101),
        ("", 1101),
    ],
)
@pytest.mark.parametrize("path", [STATUS, f"{INTERLINE}/{X1}"])
def test_who_is_not_authorized(
    interline_api: InterlineApi, *, path: str, header: str, error: int
) -> None:
    method = "GET" if path == STATUS else "PUT"
    answer = interline_api.send(method, path, data=GIVEN, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, error)


def test_the_account(interline_api: InterlineApi, clock: StoppedClock) -> None:
    told = {
        "error": 0,
        "reason": "ok",
        "state": 1,
        "role": "developer",
        "balance": 1000.0,
        "overdraft": 0.0,
        "createTime": NOON_MS,
        "updateTime": NOON_MS,
    }
    assert interline_api.status() == told
    clock.advance(5)
    interline_api.bind()
    assert interline_api.status() == told | {"updateTime": NOON_MS + 5000}


def test_what_a_pair_is_kept_as(interline_api: InterlineApi, interline: Vendor) -> None:
    more = {"record": 1, "display": "0,1", "anucode": "b1,,o1", "ansanu": "n1,n2"}
    bound = interline_api.bind(userData="b64==", **more)
    assert (bound["error"], bound["reason"]) == (0, "ok")
    assert interline.bindings.all() == [
        {
            "subid": bound["subid"],
            "x": X1,
            "anum": ALICE,
            "bnum": BOB,
            "created": NOON_MS,
            "expires": NOON_MS + 600_000,
            "ended": None,
            "record": True,
            "display": [0, 1],
            "anucode": ["b1", "", "o1"],
            "ansanu": ["n1", "n2"],
            "userData": "b64==",
            "state": "live",
        }
    ]


def test_what_a_transfer_is_kept_as(interline_api: InterlineApi, interline: Vendor) -> None:
    bound = interline_api.transfer(X_LONG, anucode="hi", display=1)
    (kept,) = interline.bindings.all()
    assert kept["subid"] == bound["subid"]
    assert (kept["x"], kept["anum"], kept["bnum"]) == (X_LONG, ALICE, None)
    assert (kept["expires"], kept["display"], kept["ansanu"]) == (None, [0, 1], [])


def test_parameters_in_the_query_string_or_the_body(interline_api: InterlineApi) -> None:
    query = {"appid": APPID, "anum": ALICE, "bnum": BOB, "reqid": "q1", "ttl": "60"}
    bound = interline_api.send("PUT", f"{INTERLINE}/{X1}", params=query).json()
    body = {"appid": APPID, "subid": bound["subid"]}
    assert interline_api.send("DELETE", INTERLINE, data=body).json()["error"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"appid": ""},
        {"anum": ""},
        {"anum": "+8610012340001"},
        {"anum": "1" * 25},
        {"bnum": ALICE},
        {"reqid": ""},
        {"ttl": ""},
        {"ttl": "0"},
        {"ttl": "-1"},
        {"ttl": "ten"},
        {"record": "2"},
        {"display": "1"},
        {"display": "0,2"},
        {"anucode": "a,b,c,d"},
        {"anucode": "a b"},
        {"ansanu": "a,"},
        {"userData": "x" * 1025},
    ],
)
def test_a_bad_parameter(
    interline_api: InterlineApi, interline: Vendor, wrong: dict[str, str]
) -> None:
    answer = interline_api.send("PUT", f"{INTERLINE}/{X1}", data=GIVEN | wrong).json()
    assert answer["error"] == 1002
    assert interline.bindings.all() == []


def test_a_body_that_is_no_form(interline_api: InterlineApi) -> None:
    assert interline_api.send("PUT", f"{INTERLINE}/{X1}", data=b"anum=%ff").json()["error"] == 1002


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", f"{INTERLINE}/{X1}"),
        ("GET", INTERLINE),
        ("PUT", f"{INTERLINE}/{X1}/other"),
        ("POST", STATUS),
        ("GET", "/nowhere"),
    ],
)
def test_an_unknown_path(interline_api: InterlineApi, method: str, path: str) -> None:
    answer = interline_api.send(method, path)
    assert (answer.status_code, answer.json()["error"]) == (200, 1001)


def test_whose_app_and_x_it_is(interline_api: InterlineApi) -> None:
    assert interline_api.bind(appid="app-2")["error"] == 1103
    assert interline_api.bind("10030000009")["error"] == 1300
    assert interline_api.transfer("10030000009")["error"] == 1300


def test_a_repeat_gets_the_first_answer(interline_api: InterlineApi, interline: Vendor) -> None:
    first = interline_api.bind()
    assert interline_api.bind(unknown="x") == first
    assert interline_api.bind(ttl=601)["error"] == 1004
    assert interline_api.bind(X2)["error"] == 1004
    assert interline_api.transfer(reqid="r1")["error"] == 1004
    interline_api.release(first["subid"])
    assert interline_api.bind() == first
    assert len(interline.bindings.all()) == 1


def test_a_refusal_is_not_remembered(interline_api: InterlineApi) -> None:
    first = interline_api.bind(reqid="r0")
    assert interline_api.bind(b=CAROL)["error"] == 1302
    interline_api.release(first["subid"])
    assert interline_api.bind(b=CAROL)["error"] == 0


@pytest.mark.parametrize("pair", [(ALICE, CAROL), (CAROL, ALICE), (BOB, CAROL), (CAROL, BOB)])
def test_a_real_number_stands_once_on_an_x(
    interline_api: InterlineApi, pair: tuple[str, str]
) -> None:
    interline_api.bind()
    assert interline_api.bind(X1, *pair, reqid="r2")["error"] == 1302
    assert interline_api.bind(X2, *pair, reqid="r2")["error"] == 0


@pytest.mark.parametrize("overlap", [True, False])
def test_the_same_pair_once_more(
    interline_api: InterlineApi, interline: Vendor, *, overlap: bool
) -> None:
    interline.account.overlap = overlap
    first = interline_api.bind()
    second = interline_api.bind(a=BOB, b=ALICE, reqid="r2")
    assert second["error"] == (0 if overlap else 1302)
    assert second.get("subid") != first["subid"]


def test_one_transfer_on_an_x_beside_pairs(
    interline_api: InterlineApi, clock: StoppedClock
) -> None:
    interline_api.bind()
    assert interline_api.transfer(ttl=60)["error"] == 0
    assert interline_api.transfer(reqid="t2")["error"] == 1302
    assert interline_api.transfer(X2, reqid="t2")["error"] == 0
    clock.advance(60)
    assert interline_api.release_transfer()["error"] == 1300
    assert interline_api.transfer(reqid="t3")["error"] == 0
    clock.advance(10**8)
    assert interline_api.release_transfer()["error"] == 0
    assert interline_api.release_transfer()["error"] == 1300


def test_a_release_is_done_once(interline_api: InterlineApi, clock: StoppedClock) -> None:
    subid = interline_api.bind(ttl=60)["subid"]
    assert interline_api.release(subid) == {"error": 0, "reason": "ok"}
    assert interline_api.release(subid)["error"] == 1300
    assert interline_api.release("")["error"] == 1002
    expires = interline_api.bind(reqid="r2", ttl=60)["subid"]
    clock.advance(60)
    assert interline_api.release(expires)["error"] == 1300
    assert interline_api.release(interline_api.transfer()["subid"])["error"] == 1300


def test_an_account_that_may_not(
    interline_api: InterlineApi, interline: Vendor, simulator: str
) -> None:
    def change(**account: Any) -> int:
        url = f"{simulator}/interline/account"
        return requests.put(url, json=account, timeout=10).status_code

    subid = interline_api.bind()["subid"]
    assert change(state=2) == 200
    assert interline_api.bind()["error"] == interline_api.release(subid)["error"] == 1102
    assert interline_api.status()["state"] == 2
    assert change(state=0, balance=-5.5, overdraft=5.5) == 200
    assert interline_api.bind(X2, reqid="r2")["error"] == 1110
    assert interline_api.release(subid)["error"] == 0
    assert change(overdraft=6) == 200
    assert interline_api.bind(X2, reqid="r2")["error"] == 0
    for wrong in ({"state": "0"}, {"state": True}, {"json": 1}, {"devid": "1"}):
        assert change(**wrong) == 400
    assert interline.account.state == 0


def test_the_control_side(simulator: str, interline_api: InterlineApi) -> None:
    def control(method: str, what: str, **body: Any) -> Any:
        url = f"{simulator}/interline/{what}"
        return requests.request(method, url, json=body, timeout=10).json()

    operation = f"PUT {INTERLINE}/{{x}}"
    left = control("PUT", "faults", path=operation, kind="code_1500_after", times=1)
    assert left == [{"path": operation, "kind": "code_1500_after", "times": 1}]
    assert interline_api.bind() == {"error": 1500, "reason": "told to fail"}
    assert interline_api.transfer()["error"] == 0
    assert interline_api.release_transfer()["error"] == 0
    counted = {f"{method} {INTERLINE}/{{x}}/transfer": 1 for method in ("PUT", "DELETE")}
    assert control("GET", "requests") == counted | {operation: 1}
    assert [each["state"] for each in control("GET", "bindings")] == ["live", "released"]
    assert control("POST", "clock", advance_s=600) == {"now_ms": NOON_MS + 600_000}
    assert [each["state"] for each in control("GET", "bindings")] == ["expired", "released"]
    assert control("DELETE", "bindings") == {"deleted": 2}
    assert interline_api.bind()["error"] == 0
    assert control("PUT", "faults", path="transfer", kind="502")["error"]


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [("502", 502, "<html>"), ("html", 200, "<html>"), ("half_json", 200, '{"error"')],
)
def test_a_wrong_answer(
    interline_api: InterlineApi, interline: Vendor, *, kind: str, status: int, body: str
) -> None:
    interline.faults.add("*", f"{kind}_after", 1)
    answer = interline_api.send("PUT", f"{INTERLINE}/{X1}", data=GIVEN)
    assert answer.status_code == status
    assert answer.text.startswith(body)
    assert interline_api.bind()["subid"] == interline.bindings.all()[0]["subid"]


def test_what_is_wrong_as_http(interline_api: InterlineApi) -> None:
    answer = interline_api.send("SPELL", STATUS)
    assert (answer.status_code, answer.json()["error"]) == (501, 1002)


def test_it_shares_no_code_with_the_gateway() -> None:
    look = "import sys, simulator.interline.control; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    imported = {name.split(".")[0] for name in done.stdout.split()}
    assert "simulator" in imported
    assert "chalicelib" not in imported


def test_the_client_signs_as_documented() -> None:
    header = keytime(now_ms=1622020210513, auth_key="key")["Authorization"]
    assert header == "Keytime 10000000,1622020210513,d953ed7cb0cd207f"
    assert AUTH_KEY not in header


def test_the_log_has_no_number(
    interline_api: InterlineApi, capfd: pytest.CaptureFixture[str]
) -> None:
    interline_api.bind()
    requests.put(f"{interline_api.url}/{ALICE}?anum={ALICE}", timeout=10)
    logged = capfd.readouterr().out
    assert "vendor PUT /igw/service/uc/interline/{x} code 0" in logged
    assert "(unknown path) code 1001" in logged
    assert ALICE not in logged
