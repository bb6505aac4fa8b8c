"""What we ask of NetEase, what we make of its answers, and of it not answering."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import pytest

from chalicelib.carriers.netease import cipher, codes
from chalicelib.carriers.registry import carrier
from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.credentials import ACCOUNT_BROKEN, CarrierAccount
from chalicelib.core.ports import Carrier
from chalicelib.core.subscribers import Subscriber
from tests.carriers.vendor import (
    FAULTS,
    IMPATIENT_S,
    PATIENT_S,
    SILENT,
    Told,
    Vendor,
    closed_port,
    egress,
    full_port,
    patience,
    vendor,
)
from tests.core.samples import binding

NOW = 1_768_464_000_123
KEY, SECRET = "the-app-key", "the-app-secret"
ID = "12202601151600000123456789"
X = "8610000000001"
A, B = "8610010000001", "8610010000002"
BOUND = binding(id=ID, number=X, a=Subscriber(A), b=Subscriber(B), user_data="the app's own")
CALL = CallAsk("caller", Subscriber(A), (Subscriber(B),), conference=False, max_s=60, record=False)
CONFERENCE = replace(CALL, conference=True, callees=(Subscriber(B), Subscriber("861000000003")))
SESSION = "00000000-0000-4000-8000-000000000001"
INFO = {
    "bindId": "9" * 26,
    "phoneA": A,
    "phoneB": B,
    "phoneX": X,
    "expireTime": NOW + 1,
    "recordFlag": 0,
    "userData": ID,
    "createTime": NOW - 5,
    "updateTime": NOW - 5,
}
TOKEN = "one-click-token"


def asked(lease_ms: int) -> Operation:
    """What is asked of the carrier, for so long."""
    return Operation("0123456789", "bind", NOW, NOW, lease_ms, "abcdef0123")


@dataclass(frozen=True)
class Call:
    """One southbound call: how it is made, a reply that says it is done, what is made of that."""

    operation: str
    path: str
    make: Callable[[Carrier], Any]
    reply: dict[str, Any]
    result: Any
    repeatable: bool = False


CALLS = {
    call.operation: call
    for call in (
        Call(
            "netease.bind",
            "/smallphone/axb/bind",
            lambda made: made.bindings.bind(BOUND, asked(60_001), now=NOW),
            {"code": 200, "bindId": "9" * 26, "phoneX": X},
            Lease("9" * 26, until=NOW + 120_000),
        ),
        Call(
            "netease.unbind",
            "/smallphone/axb/unbind",
            lambda made: made.bindings.release("9" * 26, now=NOW),
            {"code": 200},
            None,
            repeatable=True,
        ),
        Call(
            "netease.delay",
            "/smallphone/axb/delay",
            lambda made: made.bindings.extend("9" * 26, delta_ms=60_000, now=NOW),
            {"code": 200},
            None,
        ),
        Call(
            "netease.query",
            "/smallphone/axb/query",
            lambda made: made.bindings.find(BOUND, [asked(60_001)], now=NOW),
            {"code": 200, "bindInfos": [INFO]},
            [Lease("9" * 26, until=NOW + 1)],
            repeatable=True,
        ),
        Call(
            "netease.startcall",
            "/call/ecp/startcall.action",
            lambda made: made.dialler.place(CALL, session="ours", now=NOW),
            {"code": 200, "obj": {"session": SESSION}},
            SESSION,
        ),
        Call(
            "netease.startconf",
            "/call/ecp/startconf.action",
            lambda made: made.dialler.place(CONFERENCE, session="ours", now=NOW),
            {"code": 200, "obj": {"session": SESSION}},
            SESSION,
        ),
        Call(
            "netease.queryBySession",
            "/call/ecp/queryBySession.action",
            lambda made: made.dialler.status(SESSION, conference=True, now=NOW),
            {"code": 200, "obj": {"session": SESSION, "status": "INITED", "n": 1, "legs": []}},
            {"session": SESSION, "status": "inited", "n": 1},
            repeatable=True,
        ),
        Call(
            "netease.getMobile",
            "/phoneauth/login/getMobile",
            lambda made: made.phone_login.number(TOKEN, certificate="cert", now=NOW),
            {
                "code": 200,
                "mobilePhone": cipher.encrypt("10010000001", secret=SECRET, scheme=None),
            },
            "10010000001",
        ),
        Call(
            "netease.relay",
            "/nimserver/user/create.action?name=n",
            lambda made: made.messenger.relay(
                "user/create", body=b"accid=a", query="name=n", headers={}, now=NOW
            ),
            {"code": 200, "info": {"accid": "a"}},
            (200, b'{"code": 200, "info": {"accid": "a"}}'),
        ),
    )
}
RELAYED = CALLS["netease.relay"]
EVERY = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
JUDGED = [call for call in CALLS.values() if call is not RELAYED]
"""Whatever code a relayed call has goes back as it came."""
UNSURE = [
    (call, fault)
    for call in CALLS.values()
    for fault in (*FAULTS, *SILENT)
    if call is not RELAYED or fault != "code 500"
]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def first() -> Iterator[Vendor]:
    with vendor() as server:
        yield server


@pytest.fixture
def second() -> Iterator[Vendor]:
    with vendor() as server:
        yield server


def account(*urls: str, **more: Any) -> CarrierAccount:
    values: dict[str, Any] = {"name": "our-account", "kind": "netease", "key": KEY}
    return CarrierAccount(**(values | {"secrets": (SECRET,), "urls": urls} | more))


def made_of(told: Told, *urls: str, timeout_s: float = PATIENT_S, **more: Any) -> Carrier:
    return carrier(
        account(*urls, **more), timeout_s=timeout_s, log_call=told, egress=egress, runtime=SYSTEM
    )


def ready(call: Call, *servers: Vendor) -> None:
    for server in servers:
        server.content = json.dumps(call.reply).encode()


def one_clean_line(told: Told, call: Call) -> dict[str, Any]:
    """The facts of the one line; fails if they hold what nobody may read in a log."""
    ((operation, facts),) = told.lines
    assert operation == call.operation
    assert facts["account"] == "our-account"
    assert facts["host"].startswith("127.0.0.1:")
    assert isinstance(facts["ms"], int)
    assert ("code" in facts) != (facts.get("outcome") in ("not reached", "unknown"))
    forbidden = (A, B, X, A[2:], B[2:], SECRET, KEY, TOKEN, ID, "the app's own", "9" * 26)
    assert not [each for each in forbidden if each in repr(told.lines)]
    return facts


@EVERY
def test_done(call: Call, told: Told, first: Vendor, second: Vendor) -> None:
    ready(call, first, second)
    assert call.make(made_of(told, first.url, second.url)) == call.result
    (seen,) = first.seen
    assert (seen.method, seen.path) == ("POST", call.path)
    assert not second.seen
    facts = one_clean_line(told, call)
    assert (facts["code"], facts["tries"]) == (200, 1)


@EVERY
def test_a_request_is_signed_with_the_current_secret(call: Call, told: Told, first: Vendor) -> None:
    ready(call, first)
    made = made_of(told, first.url, secrets=(SECRET, "the previous one"))
    call.make(made)
    call.make(made)
    nonces = set()
    for seen in first.seen:
        nonce, cur_time = seen.headers["Nonce"], seen.headers["CurTime"]
        assert seen.headers["AppKey"] == KEY
        assert cur_time == str(NOW // 1000)
        signed = hashlib.sha1((SECRET + nonce + cur_time).encode()).hexdigest()  # noqa: S324
        assert seen.headers["CheckSum"] == signed
        nonces.add(nonce)
    assert len(nonces) == 2


@EVERY
def test_nobody_there(call: Call, told: Told, second: Vendor) -> None:
    ready(call, second)
    with closed_port() as nobody:
        if call.repeatable:
            assert call.make(made_of(told, nobody, second.url)) == call.result
            assert one_clean_line(told, call)["tries"] == 2
        else:
            with pytest.raises(errors.NotReached):
                call.make(made_of(told, nobody, second.url))
            assert one_clean_line(told, call)["outcome"] == "not reached"
        assert len(second.seen) == call.repeatable


@pytest.mark.parametrize(
    ("call", "fault"), UNSURE, ids=lambda each: getattr(each, "operation", each)
)
def test_nobody_knows(call: Call, fault: str, told: Told, first: Vendor, second: Vendor) -> None:
    ready(call, first, second)
    first.fault = fault
    first.headers = {"Location": second.url} if fault == "redirect" else {}
    made = made_of(told, first.url, second.url, timeout_s=patience(fault))
    if call.repeatable:
        assert call.make(made) == call.result
    else:
        with pytest.raises(errors.Unavailable) as raised:
            call.make(made)
        assert type(raised.value) is errors.Unavailable
    assert len(first.seen) == (fault != "hangs before it reads")
    assert first.connections == 1
    assert len(second.seen) == call.repeatable
    facts = one_clean_line(told, call)
    assert facts["tries"] == 1 + call.repeatable
    assert facts.get("outcome", "unknown") == "unknown"


@EVERY
def test_no_data_centre_knows(call: Call, told: Told, first: Vendor, second: Vendor) -> None:
    first.fault = second.fault = "502"
    with pytest.raises(errors.Unavailable) as raised:
        call.make(made_of(told, first.url, second.url))
    assert type(raised.value) is errors.Unavailable
    assert (len(first.seen), len(second.seen)) == (1, int(call.repeatable))
    assert one_clean_line(told, call)["why"] == "HTTP 502"


@pytest.mark.parametrize("order", [1, -1])
def test_who_might_have_done_it_counts_more_than_who_was_not_reached(
    order: int, told: Told, first: Vendor
) -> None:
    first.fault = "hangs after the effect"
    with closed_port() as nobody, pytest.raises(errors.Unavailable) as raised:
        CALLS["netease.unbind"].make(
            made_of(told, *[first.url, nobody][::order], timeout_s=IMPATIENT_S)
        )
    assert type(raised.value) is errors.Unavailable


def test_a_relayed_call_comes_back_whatever_its_code(told: Told, first: Vendor) -> None:
    for status, content in ((200, b'{"code":500}'), (400, b'{"desc":"x","code":414}')):
        first.status, first.content = status, content
        assert RELAYED.make(made_of(told, first.url)) == (status, content)


def test_a_relayed_call_goes_as_it_is(told: Told, first: Vendor) -> None:
    ready(RELAYED, first)
    messenger = made_of(told, first.url).messenger
    assert messenger
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=gbk",
        "requestid": "the client's é",
        "checksum": "the client's",
        "cookie": "the client's",
    }
    messenger.relay("msg/sendMsg", body=b"a=%B0%A1", query="", headers=headers, now=NOW)
    (seen,) = first.seen
    assert (seen.path, seen.body) == ("/nimserver/msg/sendMsg.action", "a=%B0%A1")
    sent = {name.lower(): value for name, value in seen.headers.items()}
    assert sent["content-type"] == headers["content-type"]
    assert sent["requestid"].encode("latin-1").decode() == "the client's é"
    assert len(sent["checksum"]) == 40
    assert "cookie" not in sent


@pytest.mark.parametrize("address", [full_port, "http://nobody.invalid", "http://", "ftp://x"])
def test_what_was_never_sent_did_not_happen(address: Any, told: Told) -> None:
    if isinstance(address, str):
        with pytest.raises(errors.NotReached):
            CALLS["netease.bind"].make(made_of(told, address))
        return
    with address() as url, pytest.raises(errors.NotReached):
        CALLS["netease.bind"].make(made_of(told, url, timeout_s=IMPATIENT_S))
    assert told.lines[0][1]["why"] == "TimeoutError"


def test_an_account_without_address_is_not_reached(told: Told) -> None:
    with pytest.raises(errors.NotReached):
        CALLS["netease.bind"].make(made_of(told))
    assert len(told.lines) == 1


def test_the_connection_is_kept_and_made_anew_when_the_carrier_closed_it(
    told: Told, first: Vendor
) -> None:
    call = CALLS["netease.unbind"]
    ready(call, first)
    made = made_of(told, first.url)
    for _ in range(5):
        call.make(made)
    assert first.connections == 1
    first.headers = {"Connection": "close"}
    call.make(made)
    call.make(made)
    assert first.connections == 2


def parameters(server: Vendor) -> dict[str, str]:
    return dict(parse_qsl(server.seen[-1].body, strict_parsing=True))


def test_a_bind_asks_for_our_number_and_tells_only_our_id(told: Told, first: Vendor) -> None:
    call = CALLS["netease.bind"]
    ready(call, first)
    call.make(made_of(told, first.url))
    assert parameters(first) == {
        "phoneA": A,
        "phoneB": B,
        "phoneX": X,
        "expiration": "2",
        "userData": ID,
    }
    assert first.seen[0].headers["RequestId"] == f"{ID}abcdef0123"
    recorded = replace(BOUND, record=True)
    keeper = made_of(told, first.url).bindings
    assert keeper
    keeper.bind(recorded, asked(120_000), now=NOW)
    assert (parameters(first)["recordFlag"], parameters(first)["expiration"]) == ("1", "2")


def test_another_number_than_we_asked_for_is_given_back(told: Told, first: Vendor) -> None:
    first.content = json.dumps(
        {"code": 200, "bindId": "8" * 26, "phoneX": "8610000000002"}
    ).encode()
    with pytest.raises(errors.CarrierRefused):
        CALLS["netease.bind"].make(made_of(told, first.url))
    assert [seen.path.rpartition("/")[2] for seen in first.seen] == ["bind", "unbind"]
    assert parameters(first) == {"bindId": "8" * 26}


@pytest.mark.parametrize("reply", [{}, {"bindId": 1, "phoneX": X}, {"bindId": "8" * 26}])
def test_a_bind_without_an_id_is_not_known(reply: Any, told: Told, first: Vendor) -> None:
    first.content = json.dumps({"code": 200, **reply}).encode()
    with pytest.raises(errors.Unavailable):
        CALLS["netease.bind"].make(made_of(told, first.url))


@pytest.mark.parametrize(
    "other",
    [
        {"userData": "0" * 26},
        {"phoneX": "8610000000002"},
        {"phoneB": "8610010000009"},
        {"expireTime": NOW},
    ],
)
def test_only_our_live_binding_of_these_two_is_found(
    other: dict[str, Any], told: Told, first: Vendor
) -> None:
    call = CALLS["netease.query"]
    first.content = json.dumps({"code": 200, "bindInfos": [INFO | other]}).encode()
    assert call.make(made_of(told, first.url)) == []
    turned = INFO | {"phoneA": B, "phoneB": A, "bindId": "8"}
    first.content = json.dumps({"code": 200, "bindInfos": [INFO | other, turned]}).encode()
    assert call.make(made_of(told, first.url)) == [Lease("8", until=NOW + 1)]
    assert parameters(first) == {"phoneX": X, "opType": "0"}


@pytest.mark.parametrize(
    "infos", [None, {}, [1], [INFO | {"expireTime": "1"}], [INFO | {"expireTime": 10**20}]]
)
def test_nothing_is_concluded_from_a_list_that_is_none(
    infos: Any, told: Told, first: Vendor
) -> None:
    first.content = json.dumps({"code": 200, "bindInfos": infos}).encode()
    with pytest.raises(errors.Unavailable):
        CALLS["netease.query"].make(made_of(told, first.url))


def test_that_a_binding_is_gone_only_the_preferred_data_centre_can_say(
    told: Told, first: Vendor, second: Vendor
) -> None:
    gone = b'{"code":404,"msg":"no such binding"}'
    first.content = gone
    made = made_of(told, first.url, second.url)
    assert CALLS["netease.unbind"].make(made) is None
    assert CALLS["netease.query"].make(made) == []
    with pytest.raises(errors.UnknownBinding):
        CALLS["netease.delay"].make(made)
    first.fault = "502"
    for content in (gone, b'{"code":200,"bindInfos":[]}'):
        second.content = content
        with pytest.raises(errors.Unavailable):
            CALLS["netease.query"].make(made)
    second.content = gone
    with pytest.raises(errors.Unavailable):
        CALLS["netease.unbind"].make(made)


UNKNOWN = {code for code in (*codes.TABLE, 201, 299, 600) if code in (431, 500, 514, 201, 299, 600)}
REFUSED: dict[int, type[errors.GatewayError]] = {
    403: errors.CarrierRefused,
    404: errors.CarrierRefused,
    414: errors.CarrierRefused,
    416: errors.RateExceeded,
    417: errors.CarrierRefused,
    419: errors.QuotaExceeded,
    601: errors.QuotaExceeded,
    602: errors.NumberTaken,
    603: errors.NoNumber,
    **dict.fromkeys(UNKNOWN, errors.Unavailable),
}
BETTER: dict[tuple[str, int], Any] = {
    ("netease.unbind", 404): None,
    ("netease.query", 404): [],
    ("netease.delay", 404): errors.UnknownBinding,
    ("netease.queryBySession", 404): errors.UnknownCall,
    ("netease.startcall", 417): errors.AlreadyCalling,
    ("netease.startconf", 417): errors.AlreadyCalling,
    ("netease.getMobile", 414): errors.BadParameter,
}


@pytest.mark.parametrize("code", REFUSED)
@pytest.mark.parametrize("call", JUDGED, ids=attrgetter("operation"))
def test_codes(call: Call, code: int, told: Told, first: Vendor) -> None:
    first.content = json.dumps({"code": code, "msg": f"of {A}"}).encode()
    expected = BETTER.get((call.operation, code), REFUSED[code])
    if not isinstance(expected, type):
        assert call.make(made_of(told, first.url)) == expected
    else:
        with pytest.raises(errors.GatewayError) as raised:
            call.make(made_of(told, first.url))
        assert type(raised.value) is expected
        assert A not in str(raised.value)
    one_clean_line(told, call)


def outcome(told: Told) -> Any:
    return told.lines[-1][1].get("outcome")


@pytest.mark.parametrize("code", [403, 404, 414, 417])
@pytest.mark.parametrize("desc", ["checksum", "appkey", "bad http header", "CurTime is expired"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_refusal_of_our_headers_is_never_about_what_was_asked(
    call: Call, desc: str, code: int, told: Told, first: Vendor
) -> None:
    """Of a relayed call neither: its app would look for the fault in its own signature."""
    first.status, first.content = 400, json.dumps({"desc": desc, "code": code}).encode()
    with pytest.raises(errors.CarrierRefused):
        call.make(made_of(told, first.url))
    assert outcome(told) == ACCOUNT_BROKEN
    one_clean_line(told, call)


@pytest.mark.parametrize("code", [416, 419, 601, 602, 603])
@pytest.mark.parametrize("call", JUDGED, ids=attrgetter("operation"))
def test_a_code_that_is_never_about_headers_counts_with_desc_too(
    call: Call, code: int, told: Told, first: Vendor
) -> None:
    first.content = json.dumps({"desc": "no more", "code": code}).encode()
    with pytest.raises(errors.GatewayError) as raised:
        call.make(made_of(told, first.url))
    assert type(raised.value) is REFUSED[code]


@pytest.mark.parametrize("content", [b'{"code":200,"code":602}', b'{"code":602,"code":200}'])
def test_of_an_answer_with_two_codes_nobody_knows_what_was_done(
    told: Told, first: Vendor, content: bytes
) -> None:
    first.content = content
    with pytest.raises(errors.Unavailable, match="code comes twice"):
        CALLS["netease.bind"].make(made_of(told, first.url))
    first.content = b'{"code":602,"code":602,"msg":"a","msg":"b"}'
    with pytest.raises(errors.NumberTaken):
        CALLS["netease.bind"].make(made_of(told, first.url))


def test_what_a_relayed_call_is_refused_for_is_the_apps_own(told: Told, first: Vendor) -> None:
    first.content = b'{"desc":"bad param \'accid\'","code":414}'
    assert CALLS["netease.relay"].make(made_of(told, first.url)) == (200, first.content)
    assert outcome(told) is None


WHOLE_MS = 120_000


def bound(lease_ms: int) -> Callable[[Carrier], Any]:
    wanted = replace(BOUND, expires=NOW + WHOLE_MS)
    return lambda made: made.bindings.bind(wanted, asked(lease_ms), now=NOW)


@pytest.mark.parametrize("text", ["bad param '{}'", "{} is not valid", "param {}: 参数错误"])
@pytest.mark.parametrize("member", ["msg", "desc"])
@pytest.mark.parametrize(
    ("make", "name", "ours"),
    [
        (bound(WHOLE_MS), "phoneA", "a"),
        (bound(WHOLE_MS), "phoneB", "b"),
        (bound(WHOLE_MS), "phoneX", "number"),
        (bound(WHOLE_MS), "expiration", "lifetime"),
        (bound(WHOLE_MS), "recordFlag", "recording"),
        (CALLS["netease.delay"].make, "delta", "delta"),
        (CALLS["netease.startcall"].make, "callerAcc", "account"),
        (CALLS["netease.startcall"].make, "caller", "caller"),
        (CALLS["netease.startcall"].make, "maxDur", "maxDur"),
        (CALLS["netease.startconf"].make, "callee", "callee"),
        (CALLS["netease.getMobile"].make, "certname", "certname"),
    ],
)
def test_a_value_of_the_apps_that_the_carrier_does_not_take_is_named(
    make: Any, name: str, ours: str, member: str, text: str, told: Told, first: Vendor
) -> None:
    first.content = json.dumps({"code": 414, member: text.format(name)}).encode()
    with pytest.raises(errors.BadParameter) as raised:
        make(made_of(told, first.url))
    assert raised.value.name == ours
    assert outcome(told) == (ACCOUNT_BROKEN if name == "phoneX" else None)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (bound(WHOLE_MS), "userData"),
        (bound(WHOLE_MS), "somethingElse"),
        # A lease of ours, shorter than what the app asked for.
        (bound(60_000), "expiration"),
        (CALLS["netease.unbind"].make, "bindId"),
        (CALLS["netease.delay"].make, "bindId"),
        (CALLS["netease.query"].make, "phoneX"),
        (CALLS["netease.queryBySession"].make, "session"),
    ],
)
def test_a_value_of_ours_that_the_carrier_does_not_take_is_our_fault(
    make: Any, name: str, told: Told, first: Vendor
) -> None:
    first.content = json.dumps({"code": 414, "msg": f"bad param '{name}'"}).encode()
    with pytest.raises(errors.CarrierRefused):
        make(made_of(told, first.url))
    assert outcome(told) == ACCOUNT_BROKEN


@pytest.mark.parametrize("code", [419, 601, 602, 603, 416])
def test_a_refusal_for_the_app_is_no_broken_account(code: int, told: Told, first: Vendor) -> None:
    first.content = json.dumps({"code": code, "msg": "no"}).encode()
    with pytest.raises(errors.GatewayError) as raised:
        CALLS["netease.bind"].make(made_of(told, first.url))
    assert codes.CODES[type(raised.value)] == (601 if code == 419 else code)
    assert outcome(told) is None


def test_telephones_are_written_without_country_code(told: Told, first: Vendor) -> None:
    ready(CALLS["netease.startcall"], first)
    CALLS["netease.startcall"].make(made_of(told, first.url))
    assert parameters(first) == {
        "callerAcc": "caller",
        "caller": "10010000001",
        "callee": "10010000002",
        "maxDur": "60",
    }
    CALLS["netease.startconf"].make(made_of(told, first.url))
    # 86 10 0000003 is a landline: area code and a leading zero.
    assert json.loads(parameters(first)["callee"]) == ["10010000002", "01000000003"]
    dialler = made_of(told, first.url).dialler
    assert dialler
    dialler.place(replace(CALL, record=True), session="s", now=NOW)
    assert parameters(first)["record"] == "true"


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (replace(CALL, caller=Subscriber("447700900001")), "caller"),
        (replace(CONFERENCE, callees=(Subscriber(B), Subscriber("447700900001"))), "callee"),
    ],
)
def test_a_telephone_abroad_is_not_asked_for(
    ask: CallAsk, name: str, told: Told, first: Vendor
) -> None:
    dialler = made_of(told, first.url).dialler
    assert dialler
    with pytest.raises(errors.BadParameter) as raised:
        dialler.place(ask, session="s", now=NOW)
    assert raised.value.name == name
    assert not first.seen


@pytest.mark.parametrize("obj", [None, [], {}, {"session": 1}, {"session": ""}])
@pytest.mark.parametrize("operation", ["netease.startcall", "netease.queryBySession"])
def test_a_placed_call_without_its_members_is_not_known(
    operation: str, obj: Any, told: Told, first: Vendor
) -> None:
    first.content = json.dumps({"code": 200, "obj": obj}).encode()
    with pytest.raises(errors.Unavailable):
        CALLS[operation].make(made_of(told, first.url))


def test_a_call_is_asked_for_by_its_type(told: Told, first: Vendor) -> None:
    call = CALLS["netease.queryBySession"]
    ready(call, first)
    dialler = made_of(told, first.url).dialler
    assert dialler
    dialler.status(SESSION, conference=False, now=NOW)
    assert parameters(first) == {"session": SESSION, "type": "1"}
    call.make(made_of(told, first.url))
    assert parameters(first)["type"] == "2"


@pytest.mark.parametrize(
    ("settings", "secret"),
    [
        ({"secrets": ("new", "old")}, "new"),
        ({"secrets": ("new", "old")}, "old"),
        ({"secrets": ("new", "old"), "login_secret": "login"}, "login"),
        ({"login_secret": "login", "login_scheme": "md5-cbc"}, "login"),
    ],
)
def test_a_number_is_deciphered_with_every_secret_that_is_valid(
    settings: dict[str, Any], secret: str, told: Told, first: Vendor
) -> None:
    text = cipher.encrypt("10010000007", secret=secret, scheme=None)
    first.content = json.dumps({"code": 200, "mobilePhone": text}).encode()
    login = made_of(told, first.url, **settings).phone_login
    assert login
    assert login.number(TOKEN, certificate=None, now=NOW) == "10010000007"
    assert parse_qs(first.seen[0].body) == {"token": [TOKEN]}


@pytest.mark.parametrize("text", [cipher.encrypt("1", secret=SECRET, scheme=None), "zz", "00" * 16])
def test_a_number_that_is_none_counts_as_no_answer(text: str, told: Told, first: Vendor) -> None:
    first.content = json.dumps({"code": 200, "mobilePhone": text}).encode()
    with pytest.raises(errors.Unavailable):
        CALLS["netease.getMobile"].make(made_of(told, first.url))


def test_what_an_account_can(told: Told) -> None:
    made = made_of(told, "http://x", lease_ms=7)
    assert (made.name, made.kind) == ("our-account", "netease")
    assert made.bindings
    assert made.bindings.lease_ms == 7
