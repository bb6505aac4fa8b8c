"""20,000 random and mutated requests through the whole handler: never a fault, always our shape."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chalicelib.api import http
from tests.attacks.lambda_events import answer, event
from tests.gateways import NOW, Backend, Stage, Switch, number, stage, subscriber
from tests.vendor_here import ACCOUNT, account_at, vendor_here

# The whole of it takes some minutes: it is the gate's, a developer's run takes a sample.
EXAMPLES = int(
    os.environ.get("FUZZ_EXAMPLES") or (20_000 if os.environ.get("CI") == "true" else 2_000)
)
SEED = os.environ.get("FUZZ_SEED") or None
"""Every run sends the same requests; with this set to a number, others."""

OPERATIONS = ("bind", "unbind", "delay", "query")
CODES = {200, 403, 404, 414, 416, 417, 431, 601, 602, 603}
"""The document's table without what would be our own fault or a broken store: 500 and 514."""
METHODS = ("GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "POST")

ANY_TEXT = st.text(st.characters(categories=None), max_size=30)
ODD = (
    st.sampled_from(
        [
            *("", " ", "0", "-1", "1.0", "1e3", "0x10", "+1", "1 ", "٣", "²", "525600", "525601"),
            *("9" * 25, "9" * 5_000, "\x00", "1\x00", "\ud800", "\udfff\ud800", "\ufffd", "\u202e"),
            *(
                "null",
                "[]",
                "{}",
                "' OR 1=1 --",
                "<script>",
                "%00",
                "%zz",
                "../../etc",
                "${jndi:x}",
            ),
            *("é" * 200, "\U0001f4de" * 151, "x" * 70_000, "a\r\nSet-Cookie: b", "B#1", "X#1|L#2"),
        ]
    )
    | ANY_TEXT
)
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
CONTENT_TYPES = st.sampled_from(
    [
        *("application/json", "text/plain", "multipart/form-data; boundary=x", "*/*", "", ";"),
        *("application/octet-stream", "application/x-www-form-urlencoded; charset=gbk"),
    ]
)
BYTES = st.binary(max_size=60) | st.sampled_from(
    [
        b"&" * 500,
        b"=&=&=",
        b"\xff\xfe",
        b"phoneA=%ff%fe",
        b"phoneA=%ED%A0%80",
        b"a=1;b=2",
        b"\r\n",
        b"&".join(b"n%d=1" % i for i in range(101)),
        b"x" * 70_000,
        b"\x00" * 100,
        b"{}",
        b"[" * 3_000,
    ]
)
PEOPLE = st.integers(0, 30).map(subscriber)
NUMBERS = st.integers(0, 6).map(number)


class Draft:
    """A request that was right before it was mutated."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        self.method = "POST"
        self.path = path
        self.headers = headers
        self.parameters: list[tuple[str, str]] = []
        self.in_query = False
        self.raw: bytes | None = None
        self.binary = False

    def event(self) -> dict[str, Any]:
        """What the function gets."""
        form = "&".join(
            urlencode([(name, value)], errors="surrogatepass") for name, value in self.parameters
        ).encode()
        return event(
            self.method,
            self.path,
            headers=self.headers,
            query=self.parameters if self.in_query else (),
            body=self.raw if self.raw is not None else (None if self.in_query else form),
            binary=self.binary,
        )


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
def _valid_elsewhere(draw: st.DrawFn, app: Backend, sessions: list[str]) -> Draft:
    """A right request to one of NetEase's other services."""
    operation = draw(st.sampled_from(sorted(PATHS)))
    request_id = draw(st.none() | st.sampled_from(["one", "two"]))
    headers = app.headers(now=NOW, nonce=str(draw(st.integers(0, 9))), request_id=request_id)
    draft = Draft(PATHS[operation], headers)
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
def _valid(draw: st.DrawFn, app: Backend, bindings: list[str]) -> Draft:
    operation = draw(st.sampled_from(OPERATIONS))
    request_id = draw(st.none() | st.sampled_from(["one", "two"]))
    headers = app.headers(now=NOW, nonce=str(draw(st.integers(0, 9))), request_id=request_id)
    draft = Draft(f"/smallphone/axb/{operation}", headers)
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


def _set_parameter(draw: st.DrawFn, draft: Draft) -> None:
    if draft.parameters:
        i = draw(st.integers(0, len(draft.parameters) - 1))
        draft.parameters[i] = (draft.parameters[i][0], draw(ODD))


def _add_parameter(draw: st.DrawFn, draft: Draft) -> None:
    draft.parameters.append((draw(NAMES), draw(ODD)))


def _drop_parameter(draw: st.DrawFn, draft: Draft) -> None:
    if draft.parameters:
        draft.parameters.pop(draw(st.integers(0, len(draft.parameters) - 1)))


def _repeat_parameter(draw: st.DrawFn, draft: Draft) -> None:
    if draft.parameters:
        draft.parameters.append(draw(st.sampled_from(draft.parameters)))


def _set_header(draw: st.DrawFn, draft: Draft) -> None:
    draft.headers[draw(HEADER_NAMES).lower()] = draw(ODD)


def _drop_header(draw: st.DrawFn, draft: Draft) -> None:
    if draft.headers:
        draft.headers.pop(draw(st.sampled_from(sorted(draft.headers))))


def _spell_header(draw: st.DrawFn, draft: Draft) -> None:
    draft.headers = {name.upper(): value for name, value in draft.headers.items()}


def _no_headers(draw: st.DrawFn, draft: Draft) -> None:
    draft.headers = {}


def _content_type(draw: st.DrawFn, draft: Draft) -> None:
    draft.headers["content-type"] = draw(CONTENT_TYPES)


def _body(draw: st.DrawFn, draft: Draft) -> None:
    draft.raw = draw(BYTES)


def _tail(draw: st.DrawFn, draft: Draft) -> None:
    draft.in_query = False
    draft.raw = urlencode(draft.parameters, errors="replace").encode() + draw(BYTES)


def _binary(draw: st.DrawFn, draft: Draft) -> None:
    draft.binary = True


def _method(draw: st.DrawFn, draft: Draft) -> None:
    draft.method = draw(st.sampled_from(METHODS))


def _path(draw: st.DrawFn, draft: Draft) -> None:
    parts = st.sampled_from(["smallphone", "axb", "bind", "Bind", "%2e%2e", "a b", "é", ".", "x"])
    draft.path = "/" + "/".join(draw(st.lists(parts, max_size=5)))


MUTATIONS: list[Callable[[st.DrawFn, Draft], None]] = [
    _set_parameter,
    _set_parameter,
    _add_parameter,
    _drop_parameter,
    _repeat_parameter,
    _set_header,
    _set_header,
    _drop_header,
    _spell_header,
    _no_headers,
    _content_type,
    _body,
    _tail,
    _binary,
    _method,
    _path,
]


@pytest.fixture(scope="module")
def fuzzed(dynamodb_local: str) -> Iterator[Stage]:
    clock = pytest.MonkeyPatch()
    clock.setattr(http, "now_ms", lambda: NOW)
    with stage(dynamodb_local) as own:
        own.app("demo", [number(i) for i in range(5)])
        own.app("other", [number(5)])
        own.switch()
        with vendor_here([number(6)], now=NOW) as vendor:
            account_at(vendor.url)
            own.app("kept", [number(6)], carrier=ACCOUNT, im_calls=["msg/sendMsg"])
            yield own
    clock.undo()


def _many(share: float) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Runs a test on its share of the examples."""

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        test = settings(
            max_examples=max(1, int(EXAMPLES * share)),
            derandomize=SEED is None,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(test)
        return hypothesis.seed(int(SEED))(test) if SEED is not None else test

    return decorate


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
        assert body.keys() <= {"code", "desc", "msg", "header"}
        assert ("desc" in body) != ("msg" in body)
    return code


def test_the_other_services(fuzzed: Stage) -> None:
    app = fuzzed.apps["kept"]

    def ask(path: str, **parameters: str) -> dict[str, Any]:
        draft = Draft(path, app.headers(now=NOW, nonce=os.urandom(8).hex()))
        draft.parameters = list(parameters.items())
        reply: dict[str, Any] = json.loads(answer(draft.event())["body"])
        return reply

    assert ask(PATHS["create"], accid="bob")["code"] == 200
    people = [subscriber(i).removeprefix("86") for i in (100, 101)]
    call = {"callerAcc": "bob", "caller": people[0], "callee": people[1], "maxDur": "60"}
    sessions = [ask(PATHS["startcall"], **call)["obj"]["session"]]
    # A few examples alone need not come upon the same people twice.
    counted = Counter([int(ask(PATHS["startcall"], **call)["code"])])

    @_many(0.2)
    @given(
        draft=_valid_elsewhere(app, sessions),
        mutations=st.lists(st.sampled_from(MUTATIONS), max_size=4),
        data=st.data(),
    )
    def send(draft: Draft, mutations: list[Any], data: st.DataObject) -> None:
        for mutate in mutations:
            mutate(data.draw, draft)
        counted[_is_the_facades(answer(draft.event()))] += 1

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

    @_many(0.6)
    @given(
        draft=_valid(app, bindings),
        mutations=st.lists(st.sampled_from(MUTATIONS), max_size=4),
        data=st.data(),
    )
    def send(draft: Draft, mutations: list[Any], data: st.DataObject) -> None:
        for mutate in mutations:
            mutate(data.draw, draft)
        counted[_is_the_facades(answer(draft.event()))] += 1

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

    @_many(0.2)
    @given(sent=_from_a_switch(switch))
    def send(sent: dict[str, Any]) -> None:
        response = answer(sent)
        counted[response["statusCode"]] += 1
        assert response["headers"]["Content-Type"].startswith("application/json")
        body = json.loads(response["body"])
        if sent["path"] in ("/switch", "/switch/route/x"):
            # Outside the switch's own paths it is the facade that answers.
            assert _is_the_facades(response) == 404
            return
        assert response["statusCode"] in SWITCH_STATUSES, response
        if response["statusCode"] == 200:
            assert body.keys() & {"accepted", "action"}
        else:
            assert isinstance(body["error"], str)

    send()
    print(f"replies by status: {sorted(counted.items())}")
    assert counted.keys() >= {200, 400, 401, 404, 405}
