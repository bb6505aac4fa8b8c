"""20,000 random and mutated requests through the whole handler: never a fault, always our shape."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.lambda_events import answer, event
from tests.attacks.mutations import BYTES, METHODS, MUTATIONS, ODD, Draft, many
from tests.gateways import NOW, Backend, Stage, Switch, number, stage, subscriber
from tests.runtimes import run_with
from tests.vendor_here import ACCOUNT, account_at, vendor_here

OPERATIONS = ("bind", "unbind", "delay", "query")
CODES = {200, 403, 404, 414, 416, 417, 431, 601, 602, 603}
"""The document's table without what would be our own fault or a broken store: 500 and 514."""
PARTS = st.sampled_from(["smallphone", "axb", "bind", "Bind", "%2e%2e", "a b", "é", ".", "x"])
NAMES = st.sampled_from(
    [
        *("phoneA", "phoneB", "phoneX", "areaCode", "expiration", "recordFlag", "userData"),
        *("bindId", "delta", "opType", "PHONEA", "", "phoneA[]", "\ud800"),
    ]
)
HEADER_NAMES = st.sampled_from(
    [
        *("AppKey", "Nonce", "CurTime", "CheckSum", "RequestId", "X-custom-traceid"),
        *("Content-Type", "Accept", "Content-Encoding", "Authorization", "X-Forwarded-For"),
    ]
)
PEOPLE = st.integers(0, 30).map(subscriber)
NUMBERS = st.integers(0, 6).map(number)


class NeteaseDraft(Draft):
    """A request to one of NetEase's facades."""

    names = NAMES
    header_names = HEADER_NAMES
    parts = PARTS


NATIONAL = st.integers(0, 30).map(lambda i: subscriber(i).removeprefix("86"))
PATHS = {
    "startcall": "/call/ecp/startcall.action",
    "startconf": "/call/ecp/startconf.action",
    "queryBySession": "/call/ecp/queryBySession.action",
    "getMobile": "/phoneauth/login/getMobile",
    "create": "/nimserver/user/create.action",
    "relay": "/nimserver/msg/sendMsg.action",
    "forbidden": "/nimserver/user/block.action",
}


@st.composite
def _valid_elsewhere(draw: st.DrawFn, app: Backend, sessions: list[str]) -> NeteaseDraft:
    """A right request to one of NetEase's other services."""
    operation = draw(st.sampled_from(sorted(PATHS)))
    request_id = draw(st.none() | st.sampled_from(["one", "two"]))
    headers = app.headers(now=NOW, nonce=str(draw(st.integers(0, 9))), request_id=request_id)
    draft = NeteaseDraft(PATHS[operation], headers)
    callees = draw(st.lists(NATIONAL, min_size=1, max_size=9))
    call = [("callerAcc", draw(st.sampled_from(["bob", "BOB", "eve"]))), ("caller", draw(NATIONAL))]
    match operation:
        case "startcall":
            draft.parameters = [*call, ("callee", callees[0]), ("maxDur", "60")]
        case "startconf":
            listed = draw(st.sampled_from([json.dumps(callees), str(callees)]))
            draft.parameters = [*call, ("callee", listed), ("maxDur", "60")]
        case "queryBySession":
            session = draw(st.sampled_from([*sessions, "none"]))
            draft.parameters = [("session", session), ("type", draw(st.sampled_from("12")))]
        case "getMobile":
            draft.parameters = [("token", draw(ODD)), ("certname", "x")]
        case "create":
            draft.parameters = [("accid", draw(st.sampled_from("abcd") | ODD)), ("name", draw(ODD))]
        case _:
            draft.parameters = [("from", "bob"), ("to", draw(ODD)), ("body", draw(ODD))]
    draft.in_query = draw(st.booleans())
    return draft


@st.composite
def _valid(draw: st.DrawFn, app: Backend, bindings: list[str]) -> NeteaseDraft:
    operation = draw(st.sampled_from(OPERATIONS))
    request_id = draw(st.none() | st.sampled_from(["one", "two"]))
    headers = app.headers(now=NOW, nonce=str(draw(st.integers(0, 9))), request_id=request_id)
    draft = NeteaseDraft(f"/smallphone/axb/{operation}", headers)
    binding = draw(st.sampled_from([*bindings, "0" * 26]))
    match operation:
        case "bind":
            draft.parameters = [
                ("phoneA", draw(PEOPLE)),
                ("phoneB", draw(PEOPLE)),
                ("expiration", str(draw(st.integers(1, 600)))),
            ]
            if draw(st.booleans()):
                draft.parameters.append(("phoneX", draw(NUMBERS)))
        case "query":
            draft.parameters = [("opType", "0"), ("phoneX", draw(NUMBERS))]
            if draw(st.booleans()):
                draft.parameters = [("opType", "1"), ("bindId", binding)]
        case "delay":
            draft.parameters = [("bindId", binding), ("delta", "1")]
        case _:
            draft.parameters = [("bindId", binding)]
    draft.in_query = draw(st.booleans())
    return draft


@pytest.fixture(scope="module")
def fuzzed(engine: str | None) -> Iterator[Stage]:
    clock = pytest.MonkeyPatch()
    run_with(clock, now_ms=lambda: NOW)
    with stage(engine) as own:
        own.app("demo", [number(i) for i in range(5)])
        own.app("other", [number(5)])
        own.switch()
        with vendor_here([number(6)], now=NOW) as vendor:
            account_at(vendor.url)
            own.app("kept", [number(6)], carrier=ACCOUNT, im_calls=["msg/sendMsg"])
            yield own
    clock.undo()


OTHERS = ("/switch", "/callbacks", "/api", "/igw", "/v1")
"""Where somebody else answers, in another shape."""


def _is_the_facades(response: dict[str, Any]) -> int:
    """Fails unless the reply has the facade's shape; its code."""
    assert response["statusCode"] in (200, 400), response
    assert response["headers"]["Content-Type"] == "application/json; charset=utf-8"
    body = json.loads(response["body"])
    assert isinstance(body, dict)
    code = body["code"]
    assert type(code) is int
    assert code in CODES, body
    if code != 200:
        assert isinstance(body.get("desc", body.get("msg")), str), body
        assert body.keys() <= {"code", "desc", "msg", "header", "hint", "serverTime"}
        assert ("desc" in body) != ("msg" in body)
    return code


def test_the_other_services(fuzzed: Stage) -> None:
    app = fuzzed.apps["kept"]

    def ask(path: str, **parameters: str) -> dict[str, Any]:
        draft = NeteaseDraft(path, app.headers(now=NOW, nonce=os.urandom(8).hex()))
        draft.parameters = list(parameters.items())
        reply: dict[str, Any] = json.loads(answer(draft.event())["body"])
        return reply

    assert ask(PATHS["create"], accid="bob")["code"] == 200
    people = [subscriber(i).removeprefix("86") for i in (100, 101)]
    call = {"callerAcc": "bob", "caller": people[0], "callee": people[1], "maxDur": "60"}
    sessions = [ask(PATHS["startcall"], **call)["obj"]["session"]]
    # A few examples alone need not come upon the same people twice.
    counted = Counter([int(ask(PATHS["startcall"], **call)["code"])])

    @many(0.2)
    @given(
        draft=_valid_elsewhere(app, sessions),
        mutations=st.lists(st.sampled_from(MUTATIONS), max_size=4),
        data=st.data(),
    )
    def send(draft: Draft, mutations: list[Any], data: st.DataObject) -> None:
        for mutate in mutations:
            mutate(data.draw, draft)
        response = answer(draft.event())
        if draft.path.startswith(OTHERS):
            assert response["statusCode"] < 500, response
        else:
            counted[_is_the_facades(response)] += 1

    send()
    print(f"replies by code: {sorted(counted.items())}")
    assert {200, 403, 404, 414, 417} <= counted.keys()


def test_the_facade(fuzzed: Stage) -> None:
    app = fuzzed.apps["demo"]
    gateway = fuzzed.instance()
    bindings = [
        app.bind(gateway, subscriber(100 + i), subscriber(200 + i), now=NOW)["bindId"]
        for i in range(4)
    ]
    counted: Counter[int] = Counter()

    @many(0.6)
    @given(
        draft=_valid(app, bindings),
        mutations=st.lists(st.sampled_from(MUTATIONS), max_size=4),
        data=st.data(),
    )
    def send(draft: Draft, mutations: list[Any], data: st.DataObject) -> None:
        for mutate in mutations:
            mutate(data.draw, draft)
        response = answer(draft.event())
        if draft.path.startswith(OTHERS):
            assert response["statusCode"] < 500, response
        else:
            counted[_is_the_facades(response)] += 1

    send()
    print(f"replies by code: {sorted(counted.items())}")
    assert {200, 404, 414, 417, 602} <= counted.keys()


def _report() -> dict[str, Any]:
    return {
        "event_id": "e1",
        "type": "call.ended",
        "call_id": "c1",
        "binding": None,
        "from": subscriber(1),
        "to": number(1),
        "callee": None,
        "at": NOW,
        "reason": 16,
        "released_by": "caller",
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=3),
    max_leaves=5,
)
REPORT_FIELDS = st.sampled_from([*_report(), "result", "url", "md5", "text", "rejected", "\ud800"])
EVENT_TYPES = st.sampled_from(
    [
        *("call.started", "call.ringing", "call.answered", "call.ended", "sms.sent"),
        *("recording.ready", "unknown", "call.transferred"),
    ]
)
NOT_JSON = st.sampled_from([b"", b"[", b"[" * 100_000, b"9" * 5_000, b"\xff", b"[NaN]", b"{}"])
SWITCH_STATUSES = {200, 400, 401, 404, 405, 413}


@st.composite
def _from_a_switch(draw: st.DrawFn, switch: Switch) -> dict[str, Any]:
    headers = switch.headers()
    path = draw(st.sampled_from(["/switch/route", "/switch/events"]))
    body: bytes
    if path == "/switch/route":
        sent: Any = {"call_id": "c", "kind": "call", "from": draw(PEOPLE), "to": draw(NUMBERS)}
        targets = [sent]
    else:
        sent = [_report() | {"type": draw(EVENT_TYPES)} for _ in range(draw(st.integers(0, 2)))]
        targets = sent
    for target in targets:
        for _ in range(draw(st.integers(0, 2))):
            target[draw(REPORT_FIELDS | st.sampled_from(["kind", "call_id"]))] = draw(JSON)
    body = json.dumps(sent).encode()
    match draw(st.integers(0, 20)):
        case 0:
            body = draw(NOT_JSON | BYTES)
        case 1:
            body = json.dumps(draw(JSON)).encode()
        case 2:
            headers["authorization"] = draw(
                ODD | st.sampled_from(["Basic", "Basic eA==", "Basic OjovLw==", "Bearer x"])
            )
        case 3:
            path = draw(st.sampled_from(["/switch", "/switch/x", "/switch/route/x"]))
        case 4:
            return event(draw(st.sampled_from(METHODS)), path, headers=headers, body=body)
        case 5:
            headers = {}
    return event("POST", path, headers=headers, body=body)


def test_the_switchboard(fuzzed: Stage) -> None:
    switch = fuzzed.switches["switch"]
    counted: Counter[int] = Counter()

    @many(0.2)
    @given(sent=_from_a_switch(switch))
    def send(sent: dict[str, Any]) -> None:
        response = answer(sent)
        counted[response["statusCode"]] += 1
        assert response["headers"]["Content-Type"].startswith("application/json")
        body = json.loads(response["body"])
        assert response["statusCode"] in SWITCH_STATUSES, response
        if response["statusCode"] == 200:
            assert body.keys() & {"accepted", "action"}
        else:
            assert isinstance(body["error"], str)

    send()
    print(f"replies by status: {sorted(counted.items())}")
    assert counted.keys() >= {200, 400, 401, 404, 405}
