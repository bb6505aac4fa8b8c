"""The gateway over a real socket: real HTTP, real header case, real keep-alive."""

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.running import ANSWER_S, Running
from tests.stage import Client

_people = count(1)


@pytest.fixture
def pair() -> tuple[str, str]:
    """Two people whom no other test binds."""
    return person(), person()


def person() -> str:
    return f"86100{next(_people):08d}"


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def infos(client: Client, bind_id: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.call("query", {"opType": "1", "bindId": bind_id}).json[
        "bindInfos"
    ]
    return listed


def test_bind_query_delay_route_and_unbind_over_one_connection(
    running: Running, session: requests.Session, pair: tuple[str, str]
) -> None:
    a, b = pair
    demo = running.app("demo", session)
    bound = demo.bind(a, b, userData="订单 1")
    assert (bound.status, bound.code) == (200, 200)
    assert bound.headers["Content-Type"] == "application/json; charset=utf-8"
    bind_id, x = bound.json["bindId"], bound.json["phoneX"]
    assert re.fullmatch(r"\d{26}", bind_id)
    assert x in running.apps["demo"]["numbers"]

    (before,) = infos(demo, bind_id)
    assert (before["phoneA"], before["phoneB"], before["userData"]) == (a, b, "订单 1")
    assert demo.call("delay", {"bindId": bind_id, "delta": "7"}).json == {"code": 200}
    (after,) = infos(demo, bind_id)
    assert after["expireTime"] - before["expireTime"] == 7 * 60_000

    assert [running.route(a, x)["to"], running.route(b, x)["to"]] == [b, a]
    assert running.route(person(), x)["reason"] == "third_party"
    assert demo.call("unbind", {"bindId": bind_id}).json == {"code": 200}
    assert running.route(a, x)["reason"] == "cooling"
    assert infos(demo, bind_id) == []


def test_what_became_of_a_call_reaches_the_apps_receiver(
    running: Running, pair: tuple[str, str]
) -> None:
    a, b = pair
    bound = running.app("demo").bind(a, b, userData="订单 2").json
    parties = {"from": a, "to": bound["phoneX"], "callee": b, "binding": bound["bindId"]}
    fields = {"event_id": f"e-{a}", "call_id": f"c-{a}", "at": 1_577_444_027_000}
    ended = {"type": "call.ended", "reason": 17, "released_by": "callee"}
    report = f"{running.url}/switch/events"
    for _ in range(2):
        got = requests.post(
            report, json=[parties | fields | ended], auth=running.switch, timeout=ANSWER_S
        )
        assert (got.status_code, got.json()) == (200, {"accepted": 1})

    def told() -> list[dict[str, str]]:
        bodies = [json.loads(each["body"]) for each in running.received("demo")]
        return [body for body in bodies if body.get("bindId") == bound["bindId"]]

    until = time.monotonic() + 60
    while not told() and time.monotonic() < until:
        time.sleep(0.1)
    message = told()[0]
    assert (message["eventType"], message["finishState"]) == ("32", "5")
    assert (message["callNo"], message["peerNo"], message["userData"]) == (a, b, "订单 2")


def test_a_connection_is_kept(running: Running, session: requests.Session) -> None:
    demo = running.app("demo", session)
    adapter = session.get_adapter(running.url)
    for _ in range(5):
        demo.call("query", {"opType": "1", "bindId": "0"})
    (pool,) = [adapter.poolmanager.pools[key] for key in adapter.poolmanager.pools.keys()]  # noqa: SIM118
    assert (pool.num_connections, pool.num_requests) == (1, 5)


def test_another_app_sees_nothing(running: Running, pair: tuple[str, str]) -> None:
    bound = running.app("demo").bind(*pair).json
    other = running.app("other")
    assert infos(other, bound["bindId"]) == []
    assert other.call("unbind", {"bindId": bound["bindId"]}).code == 404
    assert other.bind(*pair, phoneX=bound["phoneX"]).code == 404


def test_parameters_in_the_query_string_and_nothing_else(
    running: Running, pair: tuple[str, str]
) -> None:
    demo = running.app("demo")
    parameters = {"phoneA": pair[0], "phoneB": pair[1], "expiration": "5", "userData": "a b&c+通"}
    got = requests.post(
        f"{running.url}/smallphone/axb/bind",
        params=parameters,
        headers=demo.headers(),
        timeout=ANSWER_S,
    )
    assert got.request.headers.get("Content-Type") is None
    assert got.json()["code"] == 200
    assert infos(demo, got.json()["bindId"])[0]["userData"] == "a b&c+通"


@pytest.mark.parametrize("place", ["params", "data"])
def test_a_parameter_that_comes_twice_is_seen(running: Running, place: str) -> None:
    twice = [("opType", "0"), ("phoneX", "8610000000001"), ("phoneX", "8610000000001")]
    got = requests.post(
        f"{running.url}/smallphone/axb/query",
        headers=running.app("demo").headers(),
        timeout=ANSWER_S,
        **{place: twice},
    )
    body = got.json()
    assert body.pop("hint").startswith("it comes twice; phoneX must be ")
    assert body == {"code": 414, "msg": "bad param 'phoneX'"}


def raw(running: Running, *lines: str, headers: dict[str, str], body: bytes = b"") -> Any:
    """Sends bytes as they are; the JSON of the first answer."""
    host, port = running.url.removeprefix("http://").split(":")
    head = [*lines, f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection((host, int(port)), timeout=ANSWER_S) as connection:
        connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
        reader = connection.makefile("rb")
        assert reader.readline().startswith(b"HTTP/1.1 200")
        length = 0
        while (line := reader.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        return json.loads(reader.read(length))


def test_a_post_without_content_type_and_with_a_line_break_after_the_body(
    running: Running, pair: tuple[str, str]
) -> None:
    demo = running.app("demo")
    body = urlencode({"phoneA": pair[0], "phoneB": pair[1], "expiration": "5"}).encode()
    length = {"Content-Length": str(len(body))}
    answer = raw(
        running,
        "POST /smallphone/axb/bind HTTP/1.1",
        headers=demo.headers() | length,
        body=body + b"\r\n",
    )
    assert answer["code"] == 200
    assert len(infos(demo, answer["bindId"])) == 1


def test_a_line_break_that_counts_as_body(running: Running, pair: tuple[str, str]) -> None:
    demo = running.app("demo")
    body = urlencode({"phoneA": pair[0], "phoneB": pair[1], "expiration": "5"}).encode() + b"\r\n"
    answer = raw(
        running,
        "POST /smallphone/axb/bind HTTP/1.1",
        headers=demo.headers() | {"Content-Length": str(len(body))},
        body=body,
    )
    assert answer["code"] == 200


def test_json_at_a_form_door_hears_that_a_form_is_wanted(
    running: Running, pair: tuple[str, str]
) -> None:
    url = f"{running.url}/smallphone/axb/bind"
    parameters = {"phoneA": pair[0], "phoneB": pair[1], "expiration": "5"}
    headers = running.app("demo").headers()
    signed = requests.post(url, json=parameters, headers=headers, timeout=ANSWER_S)
    assert (signed.status_code, signed.json()["code"]) == (400, 414)
    assert signed.json()["desc"].startswith("the body is JSON; send the parameters as a form")
    unsigned = requests.post(url, json=parameters, timeout=ANSWER_S)
    assert (unsigned.json()["desc"], unsigned.json()["header"]) == ("bad http header", "AppKey")
    assert "send the parameters as a form" in unsigned.json()["hint"]
    for answer in (signed, unsigned):
        assert not any(person in answer.text for person in pair)


def test_nonce_and_time_can_not_be_cut_elsewhere(running: Running, pair: tuple[str, str]) -> None:
    query = urlencode({"phoneA": pair[0], "phoneB": pair[1], "expiration": "5"})
    line = f"POST /smallphone/axb/bind?{query} HTTP/1.1"
    signed = running.app("demo").headers(nonce="abc0")
    cut = signed | {"Nonce": "abc", "CurTime": f"0{signed['CurTime']}"}
    answer = raw(running, line, headers=cut)
    assert (answer["code"], answer["desc"]) == (414, "bad http header")
    assert answer["header"] == "CurTime"
    assert raw(running, line, headers=signed)["code"] == 200


def test_a_time_that_is_off_is_told_by_how_much(running: Running) -> None:
    demo = running.app("demo")
    old = str(int(demo.headers()["CurTime"]) - 1000)
    answer = raw(running, "POST /smallphone/axb/query HTTP/1.1", headers=demo.headers(cur_time=old))
    assert (answer["code"], answer["desc"]) == (414, "CurTime is expired")
    off = answer["serverTime"] - int(old)
    assert 1000 <= off < 1060
    assert answer["hint"].startswith(f"CurTime is {off} s behind serverTime")


@pytest.mark.parametrize("length", [{}, {"Content-Length": "0"}])
def test_a_post_with_neither_body_nor_content_type(
    running: Running, pair: tuple[str, str], length: dict[str, str]
) -> None:
    query = urlencode({"phoneA": pair[0], "phoneB": pair[1], "expiration": "5"})
    answer = raw(
        running,
        f"POST /smallphone/axb/bind?{query} HTTP/1.1",
        headers=running.app("demo").headers() | length,
    )
    assert answer["code"] == 200


@pytest.mark.parametrize("write", [str.lower, str.upper, str.swapcase])
def test_header_names_in_any_case(running: Running, write: Any) -> None:
    signed = {write(name): value for name, value in running.app("demo").headers().items()}
    body = b"opType=1&bindId=0"
    answer = raw(
        running,
        "POST /smallphone/axb/query HTTP/1.1",
        headers=signed | {write("Content-Length"): str(len(body))},
        body=body,
    )
    assert answer == {"code": 200, "bindInfos": []}


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/b/c/d/e", "/a/b/c/d/e/f"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path_is_answered_in_the_facades_shape(
    running: Running, path: str, method: str
) -> None:
    got = requests.request(method, running.url + path, data=b"x=1", timeout=ANSWER_S)
    assert got.status_code in (400, 404)
    assert {"desc": "unknown path", "code": 404}.items() <= got.json().items()


@pytest.mark.parametrize("path", ["/switch/x", "/switch/route/"])
def test_an_unknown_path_of_the_switch(running: Running, path: str) -> None:
    got = requests.post(running.url + path, timeout=ANSWER_S)
    assert got.status_code in (400, 401, 404)
    assert "error" in got.json() or got.json()["code"] == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_wrong_method_is_answered_in_the_right_shape(running: Running, method: str) -> None:
    demo = running.app("demo")
    url = f"{running.url}/smallphone/axb/bind"
    got = requests.request(method, url, headers=demo.headers(), timeout=ANSWER_S)
    assert (got.status_code, got.json()["code"]) == (400, 403)
    switch = requests.request(
        method, f"{running.url}/switch/route", auth=running.switch, timeout=ANSWER_S
    )
    assert (switch.status_code, switch.json()["error"]) == (405, "method")


@pytest.mark.parametrize(
    ("body", "desc"),
    [
        (b"phoneA=" + b"1" * 1_000_000, "body of more than 65536 bytes"),
        (b"phoneA=\xff\xfe", "body is not UTF-8"),
        (b"phoneA=%ff", "body is not UTF-8"),
        (b"\x00\x80" * 100, "body is not UTF-8"),
    ],
)
def test_a_body_that_can_not_be_read(running: Running, body: bytes, desc: str) -> None:
    got = requests.post(
        f"{running.url}/smallphone/axb/bind",
        data=body,
        headers=running.app("demo").headers(),
        timeout=ANSWER_S,
    )
    assert got.status_code == 400
    assert got.json() == {"desc": desc, "code": 414}


def test_a_query_string_that_is_not_utf8(running: Running) -> None:
    demo = running.app("demo")
    got = requests.post(
        f"{running.url}/smallphone/axb/bind?phoneA=%ff",
        headers=demo.headers(),
        timeout=ANSWER_S,
    )
    assert got.status_code in (200, 400)
    assert got.json()["code"] == 414


def test_48_clients_at_once(running: Running) -> None:
    pairs = [(person(), person()) for _ in range(48)]

    def one(pair: tuple[str, str]) -> tuple[int, list[str]]:
        bound = running.app("demo").bind(*pair)
        x = bound.json.get("phoneX", "")
        a, b = pair
        return bound.code, [running.route(a, x).get("to"), running.route(b, x).get("to")]

    with ThreadPoolExecutor(48) as together:
        answers = list(together.map(one, pairs))
    assert answers == [(200, [b, a]) for a, b in pairs]
