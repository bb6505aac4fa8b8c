"""What we ask of interline, what we make of its answers, and of it not answering."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any
from urllib.parse import parse_qsl

import pytest

from chalicelib.carriers.interline import codes
from chalicelib.carriers.registry import carrier
from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.bindings.lease import CarrierLease, Lease, Operation
from chalicelib.core.bindings.model import Presentation
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
KEY, SECRET, APP_ID = "10000000", "the-auth-key", "the-app-id"
ID = "12202601151600000123456789"
X = "8610000000001"
A, B = "8610010000001", "861000000003"
BOUND = binding(
    id=ID,
    number=X,
    a=Subscriber(A),
    b=Subscriber(B),
    user_data="the app's own",
    created=NOW,
    expires=NOW + 60_001,
)
TRANSFER = replace(BOUND, b=None)
KEPT = replace(BOUND, lease=CarrierLease("sub-1", until=NOW + 60_000, at_most=NOW + 61_000))
ROOT = "/igw/service/uc/interline"
AXB, XA = f"{ROOT}/10000000001", f"{ROOT}/10000000001/transfer"


def asked(lease_ms: int, request: str = "r") -> Operation:
    """What is asked of the carrier, for so long."""
    return Operation("o", "bind", NOW, NOW, lease_ms, request)


@dataclass(frozen=True)
class Call:
    """One southbound call: how it is made, a reply that says it is done, what is made of that."""

    name: str
    operation: str
    method: str
    path: str
    make: Callable[[Carrier], Any]
    reply: dict[str, Any]
    result: Any
    repeatable: bool = False


CALLS = {
    call.name: call
    for call in (
        Call(
            "bind",
            "interline.bind",
            "PUT",
            AXB,
            lambda made: made.bindings.bind(BOUND, asked(60_001), now=NOW),
            {"error": 0, "reason": "ok", "subid": "sub-1"},
            Lease("sub-1", until=NOW + 61_000),
        ),
        Call(
            "transfer",
            "interline.transfer",
            "PUT",
            XA,
            lambda made: made.bindings.bind(TRANSFER, asked(60_000), now=NOW),
            {"error": 0},
            Lease(f"transfer/{X}", until=NOW + 60_000),
        ),
        Call(
            "find",
            "interline.bind",
            "PUT",
            AXB,
            lambda made: made.bindings.find(BOUND, [asked(60_001)], now=NOW + 5_000),
            {"error": 0, "subid": "sub-1"},
            [Lease("sub-1", until=NOW + 61_000)],
        ),
        Call(
            "renew",
            "interline.bind",
            "PUT",
            AXB,
            lambda made: made.bindings.renew(
                KEPT, asked(90_000), until=0, last=False, now=NOW + 70_000
            ),
            {"error": 0, "subid": "sub-1"},
            Lease("sub-1", until=NOW + 90_000, at_most=NOW + 160_000),
        ),
        Call(
            "release",
            "interline.release",
            "DELETE",
            f"{ROOT}?appid={APP_ID}&subid=sub-1",
            lambda made: made.bindings.release("sub-1", now=NOW),
            {"error": 0},
            None,
            repeatable=True,
        ),
        Call(
            "end_transfer",
            "interline.end_transfer",
            "DELETE",
            f"{XA}?appid={APP_ID}",
            lambda made: made.bindings.release(f"transfer/{X}", now=NOW),
            {"error": 0},
            None,
            repeatable=True,
        ),
    )
}
EVERY = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
UNSURE = [(call, fault) for call in CALLS.values() for fault in (*FAULTS, *SILENT)]


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
    values: dict[str, Any] = {"name": "our-account", "kind": "interline", "key": KEY}
    values |= {"secrets": (SECRET,), "app_id": APP_ID, "urls": urls}
    return CarrierAccount(**(values | more))


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
    forbidden = (A, B, X, A[2:], B[2:], X[2:], SECRET, KEY, APP_ID, ID, "the app's own", "sub-1")
    assert not [each for each in forbidden if each in repr(told.lines)]
    return facts


@EVERY
def test_done(call: Call, told: Told, first: Vendor, second: Vendor) -> None:
    ready(call, first, second)
    assert call.make(made_of(told, first.url, second.url)) == call.result
    (seen,) = first.seen
    assert (seen.method, seen.path) == (call.method, call.path)
    assert not second.seen
    facts = one_clean_line(told, call)
    assert (facts["code"], facts["tries"]) == (0, 1)


@EVERY
def test_a_request_is_signed_with_the_current_secret(call: Call, told: Told, first: Vendor) -> None:
    ready(call, first)
    call.make(made_of(told, first.url, secrets=(SECRET, "the previous one")))
    scheme, _, rest = first.seen[0].headers["Authorization"].partition(" ")
    developer, timestamp, signature = rest.split(",")
    assert (scheme, developer) == ("Keytime", KEY)
    assert NOW <= int(timestamp) <= NOW + 70_000
    assert signature == hashlib.sha256((SECRET + timestamp).encode()).hexdigest()[24:40]


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


@pytest.mark.parametrize(("call", "fault"), UNSURE, ids=lambda each: getattr(each, "name", each))
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


@pytest.mark.parametrize("address", [full_port, "http://nobody.invalid", "http://", "ftp://x"])
def test_what_was_never_sent_did_not_happen(address: Any, told: Told) -> None:
    if isinstance(address, str):
        with pytest.raises(errors.NotReached):
            CALLS["bind"].make(made_of(told, address))
        return
    with address() as url, pytest.raises(errors.NotReached):
        CALLS["bind"].make(made_of(told, url, timeout_s=IMPATIENT_S))
    assert told.lines[0][1]["why"] == "TimeoutError"


REFUSED: dict[int, type[errors.GatewayError]] = {
    **dict.fromkeys((1001, 1002, 1003, 1100, 1101, 1102, 1103, 1104), errors.CarrierRefused),
    **dict.fromkeys((1110, 1200, 1300, 1400), errors.CarrierRefused),
    **dict.fromkeys((1000, 1004, 1201, 1401, 1500, 1501, 1502, 1999, 200), errors.Unavailable),
    1105: errors.RateExceeded,
    1301: errors.QuotaExceeded,
    1302: errors.NumberTaken,
}
BETTER: dict[tuple[str, int], Any] = {
    **{("find", code): [] for code in (1002, 1103, 1300, 1301, 1302)},
    ("renew", 1302): errors.NotBeside,
    ("release", 1300): None,
    ("end_transfer", 1300): None,
}


def test_every_code_of_the_document_is_judged() -> None:
    assert set(codes.TABLE) <= set(REFUSED)


@pytest.mark.parametrize("code", REFUSED)
@pytest.mark.parametrize("call", CALLS.values(), ids=attrgetter("name"))
def test_codes(call: Call, code: int, told: Told, first: Vendor) -> None:
    first.content = json.dumps({"error": code, "reason": f"of {A}"}).encode()
    expected = BETTER.get((call.name, code), REFUSED[code])
    if not isinstance(expected, type):
        assert call.make(made_of(told, first.url)) == expected
    else:
        with pytest.raises(errors.GatewayError) as raised:
            call.make(made_of(told, first.url))
        assert type(raised.value) is expected
        assert A not in str(raised.value)
    one_clean_line(told, call)


def bind_whole(made: Carrier) -> None:
    """Asks for all of what the app wants."""
    made.bindings.bind(BOUND, asked(BOUND.expires - NOW), now=NOW)


@pytest.mark.parametrize("member", ["reason", "msg", "message"])
@pytest.mark.parametrize(
    ("name", "ours"),
    [
        *(("anum", "a"), ("bnum", "b"), ("record", "recording"), ("ttl", "lifetime")),
        *((each, each) for each in ("display", "anucode", "ansanu")),
    ],
)
def test_a_value_of_the_apps_that_the_carrier_does_not_take_is_named(
    name: str, ours: str, member: str, told: Told, first: Vendor
) -> None:
    first.content = json.dumps({"error": 1002, member: f"bad value of {name}"}).encode()
    with pytest.raises(errors.BadParameter) as raised:
        bind_whole(made_of(told, first.url))
    assert raised.value.name == ours
    assert "outcome" not in told.lines[0][1]


@pytest.mark.parametrize("name", ["reqid", "userData", "appid", "", "x"])
@pytest.mark.parametrize("code", [1002, 1100, 1101, 1102, 1103, 1104, 1110, 1300, 1001])
def test_every_other_refusal_is_of_our_account(
    name: str, code: int, told: Told, first: Vendor
) -> None:
    first.content = json.dumps({"error": code, "reason": f"bad value of {name}"}).encode()
    with pytest.raises(errors.CarrierRefused):
        bind_whole(made_of(told, first.url))
    assert told.lines[0][1]["outcome"] == ACCOUNT_BROKEN
    assert told.lines[0][1]["code"] == code


@pytest.mark.parametrize("code", [1105, 1301, 1302])
def test_a_refusal_for_the_app_is_no_broken_account(code: int, told: Told, first: Vendor) -> None:
    first.content = json.dumps({"error": code}).encode()
    with pytest.raises(errors.GatewayError) as raised:
        bind_whole(made_of(told, first.url))
    assert codes.CODES[type(raised.value)] == code
    assert "outcome" not in told.lines[0][1]


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"error":1101}', b'{"error":0}'])
@EVERY
def test_a_signature_that_is_not_taken(
    call: Call, content: bytes, told: Told, first: Vendor
) -> None:
    first.status, first.content = 401, content
    with pytest.raises(errors.CarrierRefused):
        call.make(made_of(told, first.url))
    assert one_clean_line(told, call)["code"] == 1101


def test_that_a_binding_is_gone_only_the_preferred_data_centre_can_say(
    told: Told, first: Vendor, second: Vendor
) -> None:
    gone = b'{"error":1300}'
    first.content = second.content = gone
    made = made_of(told, first.url, second.url)
    for name in ("release", "end_transfer"):
        assert CALLS[name].make(made) is None
    assert not second.seen
    first.fault = "502"
    for name in ("release", "end_transfer"):
        with pytest.raises(errors.Unavailable):
            CALLS[name].make(made)


def parameters(server: Vendor) -> dict[str, str]:
    return dict(parse_qsl(server.seen[-1].body, strict_parsing=True, keep_blank_values=True))


def test_a_bind_tells_national_numbers_and_our_id_only(told: Told, first: Vendor) -> None:
    ready(CALLS["bind"], first)
    CALLS["bind"].make(made_of(told, first.url))
    sent = parameters(first)
    assert len(sent.pop("reqid")) == 32
    assert sent == {
        "appid": APP_ID,
        "anum": "10010000001",
        "bnum": "01000000003",
        "ttl": "61",
        "userData": ID,
    }
    form = "application/x-www-form-urlencoded;charset=utf-8"
    assert first.seen[0].headers["Content-Type"] == form


SHOWN = Presentation(show_b=True, prompt_a="a1", prompt_b="b1", prompt_others="o1", on_answer="1,2")


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (SHOWN, {"display": "0,1", "anucode": "b1,a1,o1", "ansanu": "1,2"}),
        (Presentation(show_a=True), {"display": "1,0"}),
        (Presentation(show_a=True, show_b=True), {"display": "1,1"}),
        (Presentation(prompt_a="a1"), {"anucode": ",a1,"}),
        (Presentation(prompt_others="o1"), {"anucode": ",,o1"}),
    ],
)
def test_what_people_see_and_hear(
    shown: Presentation, expected: dict[str, str], told: Told, first: Vendor
) -> None:
    ready(CALLS["bind"], first)
    wanted = replace(BOUND, presentation=shown, record=True)
    keeper(told, first.url).bind(wanted, asked(60_000), now=NOW)
    sent = parameters(first)
    assert {name: sent.get(name) for name in expected} == expected
    assert sent["record"] == "1"
    assert set(sent) - set(expected) == {"appid", "anum", "bnum", "reqid", "ttl", "record"} | {
        "userData"
    }


def test_what_people_see_and_hear_of_an_xa(told: Told, first: Vendor) -> None:
    ready(CALLS["transfer"], first)
    shown = Presentation(show_b=True, prompt_a="c1", prompt_b="c1")
    wanted = replace(TRANSFER, presentation=shown, record=True)
    keeper(told, first.url).bind(wanted, asked(60_000), now=NOW)
    sent = parameters(first)
    del sent["reqid"]
    assert sent == {
        "appid": APP_ID,
        "anum": "10010000001",
        "record": "1",
        "display": "1",
        "anucode": "c1",
        "ttl": "60",
        "userData": ID,
    }


def test_what_an_xa_has_no_parameter_for_is_not_asked_for(told: Told, first: Vendor) -> None:
    wanted = replace(TRANSFER, presentation=Presentation(on_answer="1"))
    with pytest.raises(errors.NotSupported):
        keeper(told, first.url).bind(wanted, asked(60_000), now=NOW)
    assert not first.seen


@pytest.mark.parametrize("abroad", ["12125550187", "8601000000003"])
@pytest.mark.parametrize("who", ["a", "b"])
def test_nobody_is_called_whose_number_reads_as_somebody_elses(
    who: str, abroad: str, told: Told, first: Vendor
) -> None:
    wanted = replace(BOUND, **{who: Subscriber(abroad)})
    with pytest.raises(errors.NotSupported):
        keeper(told, first.url).bind(wanted, asked(60_000), now=NOW)
    assert not first.seen


@pytest.mark.parametrize("number", ["10000000001", "700000000000001", "8610000000001"])
def test_x_is_written_without_country_code(number: str, told: Told, first: Vendor) -> None:
    ready(CALLS["bind"], first)
    keeper(told, first.url).bind(replace(BOUND, number=number), asked(1), now=NOW)
    assert first.seen[0].path == f"{ROOT}/{number.removeprefix('86')}"


def test_the_same_lease_is_asked_for_under_the_same_id_and_no_other_is(
    told: Told, first: Vendor
) -> None:
    ready(CALLS["bind"], first)
    made = keeper(told, first.url)
    made.bind(BOUND, asked(60_001), now=NOW)
    made.find(BOUND, [replace(asked(60_001), id="look", since=NOW + 30_000)], now=NOW + 30_000)
    once, again = (dict(parse_qsl(seen.body)) for seen in first.seen)
    assert once == again
    others = [
        (replace(BOUND, id="13" + ID[2:]), "r"),
        (replace(BOUND, number="8610000000002"), "r"),
        (BOUND, "another"),
    ]
    for other, request in others:
        made.find(other, [asked(60_001, request)], now=NOW)
    made.renew(KEPT, asked(60_001, "longer"), until=0, last=False, now=NOW)
    ids = {dict(parse_qsl(seen.body))["reqid"] for seen in first.seen}
    assert len(ids) == 1 + len(others) + 1


def test_what_several_asked_for_alike_is_asked_once_and_counted_from_the_first(
    told: Told, first: Vendor
) -> None:
    ready(CALLS["bind"], first)
    looked = replace(asked(60_001), id="look", since=NOW + 30_000)
    other = asked(90_000, "longer")
    found = keeper(told, first.url).find(KEPT, [asked(60_001), looked, other], now=NOW + 40_000)
    noted, *rest = found
    assert noted == Lease("sub-1", until=NOW + 60_000, at_most=NOW + 61_000)
    assert {kept.until for kept in rest} == {NOW + 61_000, NOW + 90_000}
    assert len(first.seen) == 2


@pytest.mark.parametrize("reply", [{}, {"subid": 1}, {"subid": ""}, {"subid": "s" * 129}])
def test_a_bind_without_an_id_is_not_known(reply: Any, told: Told, first: Vendor) -> None:
    first.content = json.dumps({"error": 0, **reply}).encode()
    with pytest.raises(errors.Unavailable):
        CALLS["bind"].make(made_of(told, first.url))


@pytest.mark.parametrize(
    "content",
    [b'{"error":false}', b'{"error":null}', b'{"error":0.0}', b'{"error":0,"error":1300}'],
)
def test_a_code_is_an_integer(content: bytes, told: Told, first: Vendor) -> None:
    first.content = content
    with pytest.raises(errors.Unavailable):
        CALLS["transfer"].make(made_of(told, first.url))


def keeper(told: Told, *urls: str) -> Any:
    return made_of(told, *urls).bindings


def test_what_an_account_can(told: Told) -> None:
    made = made_of(told, "http://x", lease_ms=7)
    assert (made.name, made.kind) == ("our-account", "interline")
    assert (made.transfers, made.announces, made.shows_numbers) == (True, True, False)
    assert made_of(told, shows_numbers=True).shows_numbers
    assert made.bindings
    assert made.bindings.lease_ms == 7
    assert (made.dialler, made.phone_login, made.messenger) == (None, None, None)
