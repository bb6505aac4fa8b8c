"""The simulated NetEase's number masking over HTTP: signatures, bindings, expiry, routing."""

import socket
import subprocess
import sys
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests

from simulator.netease.parameters import Refused
from simulator.netease.signature import Account, fault_of
from simulator.netease.vendor import DoneOnce, Vendor
from tests.simulator.netease_api import (
    ALICE,
    BOB,
    CAROL,
    NUMBERS,
    X1,
    X2,
    X_LONG,
    X_SHANGHAI,
    NeteaseApi,
    signed,
)
from tests.simulator.outside import NOON_MS, PROJECT, StoppedClock

BIND = "/smallphone/axb/bind"
DAY_S = 86_400


def bad(name: str) -> dict[str, Any]:
    return {"msg": f"bad param '{name}'", "code": 414}


def header_error(desc: str) -> dict[str, Any]:
    return {"desc": desc, "code": 414}


def test_a_known_signature() -> None:
    # printf %s "s3cret1234561790000000" | sha1sum
    headers = {
        "appkey": "k",
        "NONCE": "123456",
        "CurTime": "1790000000",
        "checkSum": "5a70bf852a935438f41abca8131452877a9fc22e",
    }
    account = Account("k", "s3cret", "http://127.0.0.1/")
    assert fault_of(headers, account, now_ms=1_790_000_000_000) is None
    assert fault_of(headers, account, now_ms=1_790_000_300_000) is None
    assert fault_of(headers, account, now_ms=1_790_000_301_000) == "CurTime is expired"
    assert fault_of(headers, account, now_ms=1_789_999_699_000) == "CurTime is expired"
    account.secret = "another"
    assert fault_of(headers, account, now_ms=1_790_000_000_000) == "checksum"


@pytest.mark.parametrize(
    ("headers", "desc"),
    [
        ({"CheckSum": "0" * 40}, "checksum"),
        ({"CheckSum": "é"}, "checksum"),
        ({"AppKey": "nobody"}, "appkey"),
        ({"CurTime": "1"}, "CurTime is expired"),
        ({"CurTime": "9" * 5000}, "CurTime is expired"),
        ({"CurTime": "now"}, "bad http header"),
        ({"Nonce": ""}, "bad http header"),
        ({"Nonce": "n" * 1025}, "bad http header"),
    ],
)
def test_a_wrong_header(api: NeteaseApi, headers: dict[str, str], desc: str) -> None:
    good = signed(nonce="1", now_ms=NOON_MS)
    encoded = {name: value.encode() for name, value in (good | headers).items()}
    answer = requests.post(api.url + BIND, headers=encoded, timeout=10)
    assert (answer.status_code, answer.json()) == (200, header_error(desc))


def test_a_nonce_that_grew(api: NeteaseApi) -> None:
    headers = signed(nonce="n" * 384, now_ms=NOON_MS)
    answer = requests.post(f"{api.url}{BIND}", headers=headers, timeout=10)
    assert answer.json() == bad("phoneA")


def test_parameters_in_the_query_string_or_with_a_trailing_ampersand(api: NeteaseApi) -> None:
    query = urlencode({"phoneA": ALICE, "phoneB": BOB, "phoneX": X1, "expiration": 1})
    headers = signed(nonce="1", now_ms=NOON_MS)
    bound = requests.post(f"{api.url}{BIND}?{query}", headers=headers, timeout=10).json()
    assert (bound["code"], bound["phoneX"]) == (200, X1)
    body = f"bindId={bound['bindId']}&"
    url = f"{api.url}/smallphone/axb/delay?delta=1"
    assert requests.post(url, data=body, headers=headers, timeout=10).json() == {"code": 200}


def test_what_is_wrong_as_http_gets_400(api: NeteaseApi) -> None:
    answer = api.send(BIND, b"phoneA=%ff")
    assert (answer.status_code, answer.json()["code"]) == (400, 400)
    host, port = urlsplit(api.url).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"POST /smallphone/axb/bind HTTP/1.1\r\nContent-Length: many\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 400 ")
    assert requests.get(api.url + BIND, timeout=10).status_code == 405
    assert api.send("/smallphone/axb/other").status_code == 404


def test_bind_and_what_a_query_tells(api: NeteaseApi, vendor: Vendor) -> None:
    bound = api.bind(phoneX=X2, recordFlag=1, userData="订单 1&2", unheardOf="x")
    assert list(bound) == ["code", "bindId", "phoneX"]
    assert bound["bindId"].startswith("02" + "20260921221320")  # China's time
    assert len(bound["bindId"]) == 26
    info = {
        "bindId": bound["bindId"],
        "phoneA": ALICE,
        "phoneB": BOB,
        "phoneX": X2,
        "expireTime": NOON_MS + 600_000,
        "recordFlag": 1,
        "userData": "订单 1&2",
        "createTime": NOON_MS,
        "updateTime": NOON_MS,
    }
    assert api.on(X2) == [info]
    by_id = api.post("/smallphone/axb/query", opType=1, bindId=bound["bindId"])
    assert by_id == {"code": 200, "bindInfos": [info]}
    assert api.on(X1) == []
    assert vendor.privacy.all() == [info | {"state": "live"}]


def test_which_x_is_given(api: NeteaseApi) -> None:
    assert api.bind(areaCode=21)["phoneX"] == X_SHANGHAI
    # Alice is on Shanghai's only number now.
    assert api.bind(ALICE, CAROL, areaCode=21)["code"] == 603
    assert api.bind(areaCode=755)["code"] == 603
    assert api.bind(CAROL, BOB, phoneX=X1, areaCode=21)["phoneX"] == X1
    given = [api.bind()["phoneX"], api.bind()["phoneX"]]
    assert given == [X2, X_LONG]
    assert api.bind() == {"msg": "no available phoneX", "code": 603}


def test_a_person_stands_once_on_an_x(api: NeteaseApi) -> None:
    assert api.bind(phoneX=X1)["code"] == 200
    for a, b in ((ALICE, BOB), (BOB, ALICE), (ALICE, CAROL), (CAROL, BOB)):
        assert api.bind(a, b, phoneX=X1) == {"msg": "already bind", "code": 602}
    assert api.bind(CAROL, "8610012340004", phoneX=X1)["code"] == 200


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"a": ""}, bad("phoneA")),
        ({"b": "+8610012340002"}, bad("phoneB")),
        ({"b": ALICE}, bad("phoneB")),
        ({"expiration": 0}, bad("expiration")),
        ({"expiration": 525_601}, bad("expiration")),
        ({"expiration": "9" * 5000}, bad("expiration")),
        ({"expiration": "1.5"}, bad("expiration")),
        ({"recordFlag": 2}, bad("recordFlag")),
        ({"areaCode": "010"}, bad("areaCode")),
        ({"userData": "字" * 151}, bad("userData")),
        ({"phoneX": "8610090000099"}, {"msg": "phoneX not exist", "code": 404}),
    ],
)
def test_what_can_not_be_bound(
    api: NeteaseApi, vendor: Vendor, given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert api.bind(**given) == wanted
    assert vendor.privacy.all() == []


def test_the_quota(vendor: Vendor) -> None:
    small = Vendor(vendor.account, NUMBERS, recordings_url="", clock=vendor.clock, quota=1)
    answers = [
        small.answer(
            "POST",
            BIND,
            query=urlencode({"phoneA": ALICE, "phoneB": BOB, "expiration": 1}),
            headers=signed(nonce="1", now_ms=NOON_MS),
            body=b"",
        )[1]["code"]
        for _ in range(2)
    ]
    assert answers == [200, 601]


def test_an_unbound_one_is_gone(api: NeteaseApi, vendor: Vendor) -> None:
    bind_id = api.bind(phoneX=X1)["bindId"]
    assert api.unbind(bind_id) == {"code": 200}
    assert api.on(X1) == []
    gone = {"msg": "bindId not exist", "code": 404}
    assert api.unbind(bind_id) == api.delay(bind_id, 1) == api.unbind("02") == gone
    assert api.unbind("") == bad("bindId")
    assert [each["state"] for each in vendor.privacy.all()] == ["unbound"]
    assert api.bind(phoneX=X1)["code"] == 200


def test_it_expires_by_the_vendors_clock(
    api: NeteaseApi, vendor: Vendor, clock: StoppedClock
) -> None:
    bind_id = api.bind(phoneX=X1, expiration=1440)["bindId"]
    for _ in range(10):
        clock.advance(DAY_S - 1)
        assert api.delay(bind_id, 1440) == {"code": 200}
        clock.advance(1)
    (info,) = api.on(X1)
    assert info["expireTime"] == NOON_MS + 11 * DAY_S * 1000
    assert info["updateTime"] == NOON_MS + (10 * DAY_S - 1) * 1000
    clock.advance(DAY_S - 0.001)
    assert len(api.on(X1)) == 1
    clock.advance(0.001)
    assert api.on(X1) == []
    assert api.delay(bind_id, 1)["code"] == api.unbind(bind_id)["code"] == 404
    assert vendor.privacy.all()[0]["state"] == "expired"


def test_a_delay_has_its_limits(api: NeteaseApi) -> None:
    bind_id = api.bind()["bindId"]
    assert api.delay(bind_id, 525_591) == bad("delta")
    assert api.delay(bind_id, 0) == bad("delta")
    assert api.delay(bind_id, 525_590) == {"code": 200}


@pytest.mark.parametrize("header", ["RequestId", "X_custom_traceid"])
def test_the_same_request_id_is_done_once_a_minute(
    api: NeteaseApi, vendor: Vendor, clock: StoppedClock, header: str
) -> None:
    given = {"phoneA": ALICE, "phoneB": BOB, "expiration": 10}
    first, again = (api.send(BIND, given, **{header: "r1"}).json() for _ in range(2))
    assert first["code"] == 200
    assert again == first
    assert api.send(BIND, given, **{header: "r2"}).json()["bindId"] != first["bindId"]
    # Another path is another request, and a failure is not remembered.
    query = {"opType": 1, "bindId": first["bindId"]}
    assert len(api.send("/smallphone/axb/query", query, **{header: "r1"}).json()["bindInfos"]) == 1
    assert api.send(BIND, {}, **{header: "r3"}).json()["code"] == 414
    assert api.send(BIND, given, **{header: "r3"}).json()["code"] == 200
    clock.advance(60)
    assert api.send(BIND, given, **{header: "r1"}).json()["bindId"] != first["bindId"]
    assert len(vendor.privacy.all()) == 4


def test_the_same_request_id_while_the_first_still_runs(clock: StoppedClock) -> None:
    done = DoneOnce(clock)
    codes = []

    def again() -> dict[str, Any]:
        with pytest.raises(Refused) as refused:
            done.once(BIND, {"requestid": "r1"}, dict)
        codes.append(refused.value.answer["code"])
        return {"code": 200}

    assert done.once(BIND, {"RequestId": "r1"}, again) == {"code": 200}
    assert done.once(BIND, {"RequestId": "r1"}, dict) == {"code": 200}
    assert codes == [431]


def test_it_shares_no_code_with_the_gateway() -> None:
    look = "import sys, simulator.netease.vendor, simulator.vendor_server; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    imported = {name.split(".")[0] for name in done.stdout.split()}
    assert "simulator" in imported
    assert "chalicelib" not in imported
