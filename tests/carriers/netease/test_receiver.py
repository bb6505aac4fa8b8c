"""The carrier calls us: whose callback is taken, and that each is stored once, whatever it says."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from admin import provision
from chalicelib.carriers.callback_receiver import MAX_BODY, read_callback
from chalicelib.carriers.netease.callbacks_in import Receiver
from chalicelib.core.bindings.call_routes import Owner
from chalicelib.core.calls.events import Event, EventKind, Unreadable, UnreadCallback
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import AnswerClass, Contended, Unavailable
from chalicelib.core.messages import Reply, Request
from chalicelib.core.subscribers import Subscriber
from tests.asked import reply_of
from tests.carriers.desk import Desk, content
from tests.carriers.netease.recorded import recorded
from tests.sizes import size
from tests.stage import Answer, Stage

EXAMPLES = size("FUZZ_EXAMPLES", gate=2_000, large=10_000)
SEED = os.environ.get("FUZZ_SEED") or None

NOW = 1_768_464_000_123
SENT = "1440570500855"
KEY, SECRET, PREVIOUS = "the-app-key", "current", "previous"
NAMES = ("32", "33", "34", "10-call", "10-conference")
BODIES = {name: recorded(f"callback-{name}")["body"].encode() for name in NAMES}


class Accounts:
    """The port Credentials with accounts of ours."""

    def __init__(self) -> None:
        self.made = {
            name: CarrierAccount(name, kind, KEY, (SECRET, PREVIOUS), urls=("http://x",))
            for name, kind in (("ours", "netease"), ("switch", "switch"))
        }
        self.down = False

    def lacks_carrier(self, name: str) -> bool:
        return self.carrier(name) is None

    def carrier(self, name: str) -> CarrierAccount | None:
        if self.down:
            raise Unavailable("a secret can't be read")
        return self.made.get(name)


class Numbers:
    """The port Apps of nobody who owns anything."""

    def owners_of(self, number: str, *, fresh: bool = False) -> tuple[Owner, ...]:
        return ()


class Ours:
    """The receiver with its surroundings."""

    def __init__(self) -> None:
        self.accounts, self.desk = Accounts(), Desk()
        self.counted: Counter[str] = Counter()
        self.receiver = Receiver(
            credentials=self.accounts,
            apps=Numbers(),
            service=self.desk,
            count=lambda name, *, by=1: self.counted.update({name: by}),
        )

    def take(
        self,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        account: str = "ours",
        method: str = "POST",
    ) -> Reply:
        headers = signed(body) if headers is None else headers
        lower = {name.lower(): value for name, value in headers.items()}
        request = Request(method, lower, (), body)
        return reply_of(self.receiver, f"/callbacks/netease/{account}", request, NOW)

    @property
    def events(self) -> list[Event]:
        return list(self.desk.stored.values())


@pytest.fixture
def ours() -> Ours:
    return Ours()


def signed(body: bytes, *, secret: str = SECRET, key: str = KEY, at: str = SENT) -> dict[str, str]:
    """As VENDOR_FACTS.md says."""
    digest = hashlib.md5(body).hexdigest()  # noqa: S324
    check_sum = hashlib.sha1((secret + digest + at).encode()).hexdigest()  # noqa: S324
    return {"AppKey": key, "CurTime": at, "MD5": digest, "CheckSum": check_sum}


def taken(reply: Reply) -> bool:
    assert reply.headers["Content-Type"].startswith("application/json")
    return (reply.status, json.loads(reply.body)) == (200, {"code": 200})


def refused(reply: Reply) -> bool:
    return (reply.status, json.loads(reply.body)) == (414, {"desc": "checksum", "code": 414})


@pytest.mark.parametrize("name", NAMES)
def test_a_documented_callback_is_taken(name: str, ours: Ours) -> None:
    assert taken(ours.take(BODIES[name]))
    (event,) = ours.events
    assert event.kind is not EventKind.UNKNOWN
    assert (event.carrier, event.raw) == ("ours", BODIES[name].decode())
    assert not ours.counted


@pytest.mark.parametrize("body", [b"{}", b" { } ", b"{}\r\n"])
def test_the_address_check_is_answered_and_not_stored(body: bytes, ours: Ours) -> None:
    assert taken(ours.take(body))
    assert not ours.events


def test_the_address_check_has_to_be_signed(ours: Ours) -> None:
    assert refused(ours.take(b"{}", signed(b"{}", secret="wrong")))


def test_the_headers_that_the_document_prints_are_enough(ours: Ours) -> None:
    headers = signed(BODIES["32"])
    del headers["AppKey"]
    assert set(headers) | {"Content-Type"} == set(recorded("callback-32")["headers"])
    assert taken(ours.take(BODIES["32"], headers))


def test_the_previous_secret_is_taken_and_one_before_it_is_not(ours: Ours) -> None:
    assert taken(ours.take(BODIES["32"], signed(BODIES["32"], secret=PREVIOUS)))
    assert refused(ours.take(BODIES["33"], signed(BODIES["33"], secret="older")))
    assert len(ours.events) == 1


WRONG: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "no headers": lambda _: {},
    "no MD5": lambda h: {k: v for k, v in h.items() if k != "MD5"},
    "no CheckSum": lambda h: {k: v for k, v in h.items() if k != "CheckSum"},
    "no CurTime": lambda h: {k: v for k, v in h.items() if k != "CurTime"},
    "another AppKey": lambda h: h | {"AppKey": "x"},
    "empty AppKey": lambda h: h | {"AppKey": ""},
    "another time": lambda h: h | {"CurTime": SENT + "0"},
    "another MD5": lambda h: h | {"MD5": "0" * 32},
    "another CheckSum": lambda h: h | {"CheckSum": "0" * 40},
    "not ASCII": lambda h: h | {"CheckSum": "é" * 40, "MD5": "\ufffd", "AppKey": "é"},
    "signed with nothing": lambda _: signed(BODIES["32"], secret=""),
    "signed for the stand-in": lambda _: signed(BODIES["32"], secret="nobody's", key=""),
    "a time that is none": lambda _: signed(BODIES["32"], at="now"),
    "a time without end": lambda _: signed(BODIES["32"], at="1" * 21),
    "of another body": lambda _: signed(BODIES["33"]),
}


@pytest.mark.parametrize("account", ["ours", "switch", "nobody", "", "%00"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_signed_leaves_nothing_but_a_count(
    wrong: str, account: str, ours: Ours
) -> None:
    reply = ours.take(BODIES["32"], WRONG[wrong](signed(BODIES["32"])), account=account)
    assert refused(reply)
    assert reply.facts is None
    assert reply.answered is AnswerClass.UNAUTHENTICATED
    assert not ours.events


@pytest.mark.parametrize("account", ["switch", "nobody"])
def test_an_account_that_is_none_is_like_a_wrong_signature(account: str, ours: Ours) -> None:
    assert refused(ours.take(BODIES["32"], account=account))
    assert not ours.events


def test_only_post_and_only_so_much(ours: Ours) -> None:
    assert ours.take(BODIES["32"], method="GET").status == 405
    assert ours.take(b"x" * (MAX_BODY + 1)).status == 413
    assert not ours.events
    assert ours.desk.refused == 1
    # What is not signed raises no alarm.
    assert refused(ours.take(b"x" * (MAX_BODY + 1), {}))
    assert ours.desk.refused == 1


def test_an_event_that_is_not_durable_is_asked_for_again(ours: Ours) -> None:
    for ours.desk.down in (Unavailable("the table did not answer"), Contended("too many")):
        assert ours.take(BODIES["32"]).status == 503
    ours.desk.down, ours.accounts.down = None, True
    assert ours.take(BODIES["32"]).status == 503
    ours.accounts.down = False
    assert taken(ours.take(BODIES["32"]))
    assert len(ours.events) == 1


def test_a_fault_of_ours_is_repeated_too(ours: Ours) -> None:
    assert ours.receiver.fault().status == 500


def test_a_repeat_is_the_same_event_however_it_is_spelled(ours: Ours) -> None:
    message = json.loads(BODIES["32"])
    turned = json.dumps(dict(reversed(message.items())), indent=1).encode()
    for at in (SENT, "1440570999999"):
        for body in (BODIES["32"], turned):
            assert taken(ours.take(body, signed(body, at=at)))
    assert len(ours.events) == 1


def test_what_says_something_else_is_another_event(ours: Ours) -> None:
    message = json.loads(BODIES["32"])
    for changed in ({"callId": "2"}, {"bindId": "2"}, {"eventType": "99"}, {"peerNo": ""}):
        ours.take(json.dumps(message | changed).encode())
    ours.take(BODIES["32"])
    assert len(ours.events) == 5


def test_a_member_that_nobody_knows_makes_no_other_event(ours: Ours) -> None:
    for more in ({}, {"x": 1}, {"x": 2, "y": None}):
        assert taken(ours.take(changed("33", **more)))
    # A number in text is that number, an empty and a missing member are one.
    for name in ("32", "33"):
        ours.take(BODIES[name])
    assert taken(ours.take(changed("32", finishState=3, callDuration=0, extra="")))
    assert len(ours.events) == 2
    assert not ours.counted


def changed(name: str, **members: Any) -> bytes:
    message = json.loads(BODIES[name])
    if "callback" in message and "eventType" not in members and "callback" not in members:
        members = {"callback": json.dumps(json.loads(message["callback"]) | members)}
    return json.dumps(message | members).encode()


def twice(name: str, member: str, value: str) -> bytes:
    return BODIES[name].rstrip()[:-1] + f',"{member}":{value}}}'.encode()


UNREADABLE = [
    b"",
    b"[]",
    b"null",
    b"not JSON",
    b"\xff\xfe",
    b"[" * 100_000,
    b"9" * 5_000,
    b"[NaN, Infinity]",
    b'"\\ud800"',
    b'{"eventType": "32"}',
    b'{"eventType": 32}',
    b'{"eventType": ["32"]}',
    b'{"eventType": null, "callId": "c"}',
    b'{"callId": "c"}',
    b"[" + BODIES["32"] + b"," + BODIES["33"] + b"]",
    changed("32", callId=""),
    changed("32", callId=None),
    changed("32", callId="c" * 256),
    changed("32", callId=["c"]),
    twice("32", "callId", '"another"'),
    # An id in another encoding: we can't tell it from others.
    BODIES["32"].replace(b'"callId":"2', b'"callId":"\xb5'),
    twice("32", "eventType", '"33"'),
    # Without its X it would follow another call.
    changed("32", phoneX={}),
    changed("32", phoneX="of the operator"),
    changed("33", phoneX="9" * 25),
    twice("32", "phoneX", '"8610000000009"'),
    # A recording is worth nothing without its address.
    changed("34", url="x" * 5_000),
    changed("34", url=None),
    changed("34", url=' "" '),
    twice("34", "url", '"https://elsewhere.example/1"'),
    changed("10-call", callback="{"),
    changed("10-call", callback=7),
    changed("10-call", callback="[" * 100_000),
    changed("10-call", session=""),
    changed("10-call", session=None),
    b"x" * MAX_BODY,
    b"\x00" * MAX_BODY,
]


@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_does_not_say_which_call_it_is_about_is_kept_as_it_came(
    body: bytes, ours: Ours
) -> None:
    assert taken(ours.take(body))
    assert taken(ours.take(body))
    assert not ours.events
    assert list(ours.desk.kept.values()) == [UnreadCallback("ours", "netease", body, NOW)]


ENDED = 1_577_444_027_000
ODD_MEMBERS = [
    (changed("32", userData=None), 0, {"kind": "call.ended"}),
    (changed("32", callId=1), 0, {"call_id": "1"}),
    (changed("32", callId="c" * 255), 0, {"call_id": "c" * 255}),
    (twice("32", "callId", '"22019122718533304786364931"'), 0, {"kind": "call.ended"}),
    (twice("32", "callNo", '"8610010000002"'), 1, {"caller": None}),
    (twice("32", "nobody knows", "1")[:-1] + b',"nobody knows":2}', 0, {"kind": "call.ended"}),
    (changed("32", finishState=3), 0, {"outcome": "caller_gave_up", "result": "3"}),
    (changed("32", finishState="99"), 0, {"outcome": "platform_error", "result": "99"}),
    (changed("32", finishState=None), 0, {"outcome": "caller_gave_up", "result": None}),
    (changed("32", finishState={}), 1, {"outcome": "caller_gave_up", "result": None}),
    (changed("32", finishType=None), 0, {"released_by": None}),
    (changed("32", callNo=8618667016326), 0, {"caller": Subscriber("8618667016326")}),
    (changed("32", callNo="+86 186-6701-6326"), 0, {"caller": Subscriber("8618667016326")}),
    (changed("32", callNo="tel:+8618667016326"), 0, {"caller": Subscriber("8618667016326")}),
    (changed("32", callNo="+8610012345678"), 0, {"caller": Subscriber("8610012345678")}),
    (changed("32", callNo="01012345678"), 0, {"caller": Subscriber("861012345678")}),
    (changed("32", callNo="13512345678"), 0, {"caller": Subscriber("8613512345678")}),
    (changed("32", callNo="10015550100"), 0, {"caller": Subscriber("10015550100")}),
    (
        changed("32", callNo="８６１００１２３４５６７８"),
        0,
        {"caller": Subscriber("8610012345678")},
    ),
    (changed("32", callNo="0"), 0, {"caller": None}),
    (changed("32", callNo="+86"), 0, {"caller": None}),
    (changed("32", eventType="032"), 0, {"kind": "call.ended"}),
    (changed("32", eventType="32.0"), 0, {"kind": "call.ended"}),
    (changed("32", eventType="32 "), 0, {"kind": "call.ended"}),
    (
        BODIES["32"].rstrip()[:-1] + b',"x":' + b'[{"]":' * 5_000 + b"1" + b"}]" * 5_000 + b"}",
        0,
        {"kind": "call.ended"},
    ),
    (changed("10-call", x={}).replace(b"{}", b"[" * 5_000 + b"]" * 5_000), 0, {}),
    (changed("32", callNo=["8618667016326"]), 1, {"caller": None}),
    (changed("32", callNo="186****6326"), 1, {"caller": None}),
    (changed("32", finishTime="20191327185347"), 1, {"at": ENDED, "timed": True}),
    (changed("32", finishTime="00000000000000"), 1, {"at": ENDED}),
    (changed("32", finishTime="00010101000000"), 1, {"at": ENDED}),
    (changed("32", finishTime="99991231235959"), 1, {"at": ENDED}),
    (changed("32", finishTime="٢٠١٩١٢٢٧١٨٥٣٤٧"), 1, {"at": ENDED}),
    (changed("32", finishTime=20191227185347), 0, {"at": ENDED}),
    (changed("32", finishTime=None, startTime=None, callTime=None), 0, {"at": NOW, "timed": False}),
    (changed("32", startTime=20191227185347), 0, {"answered": None}),
    # Without a zone a time is in UTC+8, however it is written.
    (changed("32", finishTime="2019-12-27T18:53:47"), 0, {"at": ENDED}),
    (changed("32", finishTime="2019-12-27 18:53:47.250"), 0, {"at": ENDED + 250}),
    (changed("32", finishTime="20191227T185347"), 0, {"at": ENDED}),
    (changed("32", finishTime="20191227185347.5"), 0, {"at": ENDED + 500}),
    (changed("32", finishTime="20191227105347Z"), 0, {"at": ENDED}),
    (changed("32", finishTime="2019-12-27T11:53:47+01:00"), 0, {"at": ENDED}),
    (changed("32", finishTime=str(ENDED // 1000)), 0, {"at": ENDED}),
    (changed("34", url=' \t"https://r.example/1"\r\n'), 0, {"url": "https://r.example/1"}),
    (changed("34", url="\ufeff<https://r.example/1> "), 0, {"url": "https://r.example/1"}),
    # How long they talked wins over times that don't agree with it.
    (
        changed("32", callDuration="30", startTime="20191227185400"),
        0,
        {"talked_s": 30, "answered": None, "at": ENDED},
    ),
    (changed("32", callDuration="30.0"), 0, {"talked_s": 30}),
    (changed("33", smsResult={}), 1, {"sms_result": None}),
    (changed("33", smsResult=1), 0, {"sms_result": "ok"}),
    (changed("33", smsResult=77), 0, {"sms_result": "failed", "result": "77"}),
    (changed("34", md5=None), 0, {"md5": None, "kind": "recording.ready"}),
    (changed("34", md5="wrong"), 1, {"md5": None, "kind": "recording.ready"}),
    (changed("34", md5="091B601DB45C4DAF095F33BF5EAECEBC"), 0, {"kind": "recording.ready"}),
    (changed("34", callId=None, session="s")[:-1] + b',"callId":"c"}', 0, {"call_id": "c"}),
    (b"[" + BODIES["34"] + b"]", 0, {"kind": "recording.ready"}),
    (b"\xef\xbb\xbf" + BODIES["34"], 0, {"kind": "recording.ready"}),
    (changed("34", x=10**30, y="\ud800"), 0, {"kind": "recording.ready"}),
    (BODIES["34"][:-1] + b',"x":' + b"9" * 5_000 + b"}", 0, {"kind": "recording.ready"}),
]


@pytest.mark.parametrize(("body", "dropped", "expected"), ODD_MEMBERS, ids=range(len(ODD_MEMBERS)))
def test_an_odd_member_loses_no_event(
    body: bytes, dropped: int, expected: dict[str, Any], ours: Ours
) -> None:
    assert taken(ours.take(body))
    (event,) = ours.events
    assert {name: getattr(event, name) for name in expected} == expected
    assert ours.counted == ({"MembersDropped": dropped} if dropped else {})


A, B = Subscriber("8610010000001"), Subscriber("8610010000002")
ODD_PLACED = [
    ({"createtime": "1768464000123"}, 0, {"created": NOW}),
    ({"createtime": 10**400}, 1, {"created": None}),
    ({"createtime": True}, 1, {"created": None}),
    ({"createtime": None, "starttime": None}, 0, {"created": None, "started": None}),
    ({"durationSec": None}, 0, {"duration_s": 31}),
    ({"durationSec": None, "legs": None}, 0, {"duration_s": 0, "legs": ()}),
    ({"durationSec": "30.0"}, 0, {"duration_s": 30}),
    ({"durationSec": -1}, 1, {"duration_s": 31}),
    ({"caller": "anonymous"}, 0, {"caller": None, "parties": (B,)}),
    ({"caller": 10010000001}, 0, {"caller": A, "parties": (A, B)}),
    ({"caller": "+8610010000001"}, 0, {"caller": A}),
    ({"starttime": "2026-01-15"}, 0, {"started": 1_768_406_400_000}),
    ({"starttime": "soon"}, 1, {"started": None}),
    ({"legs": {}}, 1, {"legs": ()}),
    ({"legs": [1]}, 1, {"legs": ()}),
    ({"legs": [{"endpoint": None}]}, 1, {"legs": ()}),
    ({"legs": [{"endpoint": "10010000001"}] * 65}, 1, {}),
    ({"legs": [{"endpoint": "10010000001", "hangCause": 16}]}, 0, {}),
    ({"status": None}, 0, {"status": ""}),
    ({"initAccount": 7}, 0, {"account": "7"}),
    ({"members": "[1]"}, 0, {"conference": True}),
    ({"members": ["10010000001"]}, 0, {"conference": True, "parties": (A,)}),
    ({"members": json.dumps(["10010000001"] * 65)}, 1, {"conference": True, "parties": ()}),
    ({"members": "[" * 100_000}, 1, {"conference": True, "parties": ()}),
]


@pytest.mark.parametrize(("odd", "dropped", "expected"), ODD_PLACED, ids=range(len(ODD_PLACED)))
def test_an_odd_member_loses_no_placed_call(
    odd: dict[str, Any], dropped: int, expected: dict[str, Any], ours: Ours
) -> None:
    assert taken(ours.take(changed("10-call", **odd)))
    (event,) = ours.events
    assert (event.kind, event.call_id) == ("placed.ended", "00000000-0000-4000-8000-000000000001")
    assert {name: getattr(event.placed, name) for name in expected} == expected
    assert ours.counted == ({"MembersDropped": dropped} if dropped else {})


def test_a_placed_call_may_come_as_an_object(ours: Ours) -> None:
    message = json.loads(BODIES["10-call"])
    message["callback"] = json.loads(message["callback"])
    for body in (BODIES["10-call"], json.dumps(message).encode()):
        assert taken(ours.take(body))
    assert len(ours.events) == 1


def test_an_event_of_a_type_that_we_do_not_know_is_stored_as_it_is(ours: Ours) -> None:
    bodies = [
        changed("32", eventType="99"),
        changed("32", eventType="99", peerNo="another"),
        b'{"eventType":"98","session":"s"}',
        b'{"eventType":97}',
    ]
    for body in (*bodies, *bodies):
        assert taken(ours.take(body))
    calls = [event.call_id for event in ours.events]
    assert calls[:3] == ["22019122718533304786364931", "22019122718533304786364931", "s"]
    assert len(calls) == 4
    assert {event.kind for event in ours.events} == {EventKind.UNKNOWN}
    assert [event.result for event in ours.events] == ["99", "99", "98", "97"]
    assert ours.counted == {"UnknownEvents": 8}


def test_numbers_that_are_not_shown_and_codes_that_are_new_lose_no_event(ours: Ours) -> None:
    body = changed("32", callNo="anonymous", peerNo="", phoneX="", finishState="99", finishType="9")
    ours.take(body)
    (event,) = ours.events
    assert event.kind is EventKind.CALL_ENDED
    assert (event.caller, event.callee, event.number) == (None, None, None)
    assert (event.outcome, event.released_by) == ("platform_error", None)


ODD = st.sampled_from(
    [*("", "0", "32", "\x00", "\ud800", "é", "9" * 30, "x" * 3_000, "{}", "[[", "20191227185347")]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=3),
    max_leaves=5,
)
MEMBERS = sorted({name for body in BODIES.values() for name in json.loads(body)})
INNER = ["session", "caller", "callee", "members", "legs", "createtime", "starttime", "status"]


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A documented body, mutated in its members, in its bytes, or not at all."""
    body = BODIES[draw(st.sampled_from(NAMES))]
    match draw(st.integers(0, 5)):
        case 0:
            return body
        case 1:
            at = draw(st.integers(0, len(body)))
            junk = draw(st.binary(max_size=6) | st.sampled_from([b"\\ud800", b"NaN", b"[" * 9_999]))
            return body[:at] + junk + body[at + draw(st.integers(0, 9)) :]
        case 2:
            return json.dumps(draw(JSON)).encode()
        case 3:
            return draw(st.binary(max_size=40))
    message = json.loads(body)
    original = message.get("callback")
    for _ in range(draw(st.integers(1, 3))):
        if original is not None and draw(st.booleans()):
            inner = json.loads(original)
            inner[draw(st.sampled_from(INNER))] = draw(JSON)
            message["callback"] = json.dumps(inner)
            continue
        message[draw(st.sampled_from(MEMBERS))] = draw(JSON)
    return json.dumps(message).encode()


HEADERS = st.sampled_from(["AppKey", "CurTime", "MD5", "CheckSum"])


def test_mutated_callbacks(ours: Ours) -> None:
    """No 5xx, nothing stored of an unsigned one; each signed one is stored, or kept as it came."""
    counted: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=SEED is None,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        body=bodies(),
        by=st.sampled_from([SECRET, SECRET, PREVIOUS, "wrong"]),
        damage=st.none() | st.none() | st.tuples(HEADERS, ODD),
    )
    def send(body: bytes, by: str, damage: tuple[str, str] | None) -> None:
        headers = signed(body, secret=by)
        right = dict(headers)
        if damage is not None:
            headers[damage[0]] = (
                damage[1].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            )
        is_signed = by != "wrong" and headers == right
        before = set(ours.desk.stored), set(ours.desk.kept)
        first, again = ours.take(body, headers), ours.take(body, headers)
        new = ours.desk.stored.keys() - before[0]
        kept = ours.desk.kept.keys() - before[1]
        if not is_signed:
            assert refused(first)
            assert refused(again)
            assert not new
            assert not kept
            counted["refused"] += 1
            return
        assert taken(first)
        assert taken(again)
        # By itself: kept as it came, or one event, or the check of an address.
        try:
            reading = read_callback(UnreadCallback("ours", "netease", body, NOW), Numbers())
        except Unreadable:
            assert not new
            assert body in ours.desk.kept
            counted["unread"] += 1
            return
        assert not kept
        assert len(reading.events) == (body.strip() not in (b"{}", b"[{}]"))
        assert {content(event) for event in reading.events} <= ours.desk.stored.keys()
        counted["new" if new else "repeat"] += 1
        counted.update(str(ours.desk.stored[each].kind) for each in new)

    if SEED is not None:
        send = hypothesis.seed(int(SEED))(send)
    send()
    print(dict(counted))
    assert counted.keys() >= {"refused", "new", "repeat", "unread", "call.ended", "placed.ended"}


@pytest.fixture
def account(stage: Stage) -> str:
    provision.create_carrier(
        "netease-1", kind="netease", key=KEY, secret=SECRET, urls=["http://127.0.0.1:9"]
    )
    return "netease-1"


def posted(stage: Stage, body: bytes, headers: dict[str, str], account: str) -> Answer:
    return stage.send(f"/callbacks/netease/{account}", headers=headers, body=body)


def test_through_the_bundle(stage: Stage, account: str, log: Any) -> None:
    for name in NAMES:
        for _ in range(2):
            assert posted(stage, BODIES[name], signed(BODIES[name]), account).code == 200
    assert len(stage.items("C#")) == len(NAMES)
    assert posted(stage, b"{}", signed(b"{}"), account).code == 200
    wrong = posted(stage, b"[]", signed(b"[]", secret="wrong"), account)
    unknown = posted(stage, b"[]", signed(b"[]"), "nobody")
    assert wrong == unknown
    assert (wrong.status, wrong.code) == (414, 414)
    assert len(stage.items("C#")) == len(NAMES)
    lines = [line for line in log() if line.get("message") == "netease.callback"]
    assert len(lines) == 2 * len(NAMES) + 1
    text = json.dumps(lines)
    assert not [each for each in ("8618667016326", "18667016326", "10010000001") if each in text]


def test_a_body_as_large_as_may_be_can_be_stored(stage: Stage, account: str) -> None:
    body = b"\x00" * MAX_BODY
    assert posted(stage, body, signed(body), account).code == 200
    assert (len(stage.items("V#")), stage.items("C#")) == (1, [])


def test_several_accounts_side_by_side(stage: Stage, account: str) -> None:
    provision.create_carrier(
        "netease-2", kind="netease", key="other", secret="their own", urls=["http://127.0.0.1:9"]
    )
    body = BODIES["32"]
    theirs = signed(body, secret="their own", key="other")
    assert posted(stage, body, theirs, "netease-2").code == 200
    assert posted(stage, body, theirs, account).status == 414
    assert posted(stage, body, signed(body), account).code == 200
    assert len(stage.items("C#")) == 2


def test_a_rotated_secret(stage: Stage, account: str) -> None:
    provision.rotate_carrier_secret(account, "new")
    stage.forget()
    for secret, status in (("new", 200), (SECRET, 200), ("older", 414)):
        body = json.dumps({"eventType": secret}).encode()
        assert posted(stage, body, signed(body, secret=secret), account).status == status
