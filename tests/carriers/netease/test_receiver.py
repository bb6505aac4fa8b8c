"""The carrier calls us: whose callback is taken, and that each is stored once, whatever it says."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from admin import provision
from chalicelib.carriers.netease.receiver import MAX_BODY, CarrierReceiver
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import Contended, Unavailable
from chalicelib.core.events import Event, EventKind
from chalicelib.core.messages import Reply, Request
from tests.carriers.netease.recorded import recorded
from tests.stage import Answer, Stage

EXAMPLES = int(
    os.environ.get("FUZZ_EXAMPLES") or (10_000 if os.environ.get("CI") == "true" else 2_000)
)
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
            for name, kind in (("ours", "netease"), ("trunk", "trunk"))
        }
        self.down = False

    def carrier(self, name: str) -> CarrierAccount | None:
        if self.down:
            raise Unavailable("a secret can't be read")
        return self.made.get(name)


class Desk:
    """What EventDesk does with events, in memory: a repeat is stored no second time."""

    def __init__(self) -> None:
        self.stored: dict[str, Event] = {}
        self.down: Exception | None = None

    def record(self, events: Iterable[Event]) -> None:
        if self.down:
            raise self.down
        for event in events:
            self.stored.setdefault(event.id, event)


class Ours:
    """The receiver with its surroundings."""

    def __init__(self) -> None:
        self.accounts, self.desk = Accounts(), Desk()
        self.counted: Counter[str] = Counter()
        self.receiver = CarrierReceiver(
            credentials=self.accounts,
            desk=self.desk,
            count=lambda name: self.counted.update([name]),
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
        return self.receiver.receive(account)(Request(method, lower, (), body), NOW)

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


@pytest.mark.parametrize("account", ["ours", "trunk", "nobody", "", "%00"])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_signed_leaves_nothing_but_a_count(
    wrong: str, account: str, ours: Ours
) -> None:
    reply = ours.take(BODIES["32"], WRONG[wrong](signed(BODIES["32"])), account=account)
    assert refused(reply)
    assert reply.facts is None
    assert not ours.events
    assert ours.counted == {"CallbacksRefused": 1}


@pytest.mark.parametrize("account", ["trunk", "nobody"])
def test_an_account_that_is_none_is_like_a_wrong_signature(account: str, ours: Ours) -> None:
    assert refused(ours.take(BODIES["32"], account=account))
    assert not ours.events


def test_only_post_and_only_so_much(ours: Ours) -> None:
    assert ours.take(BODIES["32"], method="GET").status == 405
    assert ours.take(b"x" * (MAX_BODY + 1)).status == 413
    assert not ours.events


def test_an_event_that_is_not_durable_is_asked_for_again(ours: Ours) -> None:
    for ours.desk.down in (Unavailable("the table did not answer"), Contended("too many")):
        assert ours.take(BODIES["32"]).status == 503
    ours.desk.down, ours.accounts.down = None, True
    assert ours.take(BODIES["32"]).status == 503
    ours.accounts.down = False
    assert taken(ours.take(BODIES["32"]))
    assert len(ours.events) == 1


def test_a_fault_of_ours_is_repeated_too(ours: Ours) -> None:
    assert ours.receiver.failed().status == 500


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


def changed(name: str, **members: Any) -> bytes:
    message = json.loads(BODIES[name])
    if "callback" in message and "eventType" not in members and "callback" not in members:
        members = {"callback": json.dumps(json.loads(message["callback"]) | members)}
    return json.dumps(message | members).encode()


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
    b'{"eventType": "99", "callId": "c"}',
    changed("32", callId=""),
    changed("32", callId="c" * 151),
    changed("32", callId=1),
    changed("32", finishTime="20191327185347"),
    changed("32", finishTime="00000000000000"),
    changed("32", finishTime="00010101000000"),
    changed("32", finishTime="99991231235959"),
    changed("32", finishTime="2019122718534"),
    changed("32", finishTime="٢٠١٩١٢٢٧١٨٥٣٤٧"),
    changed("32", startTime=20191227185347),
    changed("32", callNo=["8618667016326"]),
    changed("32", userData=None),
    changed("32", finishState=3),
    changed("33", smsResult={}),
    changed("34", url="x" * 3_000),
    changed("34", md5=None),
    changed("10-call", callback="{"),
    changed("10-call", callback={"session": "s"}),
    changed("10-call", callback="[" * 100_000),
    changed("10-call", session=""),
    changed("10-call", createtime="1"),
    changed("10-call", createtime=10**400),
    changed("10-call", createtime=True),
    changed("10-call", durationSec=-1),
    changed("10-call", caller="anonymous"),
    changed("10-call", starttime="2026-01-15"),
    changed("10-call", legs={}),
    changed("10-call", legs=[1]),
    changed("10-call", legs=[{"endpoint": "10010000001"}] * 65),
    changed("10-conference", members="[1]"),
    changed("10-conference", members=["10010000001"]),
    changed("10-conference", members=json.dumps(["10010000001"] * 65)),
    b"x" * MAX_BODY,
    b"\x00" * MAX_BODY,
]


@pytest.mark.parametrize("body", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_can_not_be_read_is_kept_rather_than_lost(body: bytes, ours: Ours) -> None:
    assert taken(ours.take(body))
    assert taken(ours.take(body))
    (event,) = ours.events
    assert event.kind is EventKind.UNKNOWN
    assert event.at == NOW
    assert 0 < len(event.call_id) <= 150
    assert event.raw == body.decode(errors="replace")[: 32 * 1024]


def test_an_unknown_event_stays_with_its_call(ours: Ours) -> None:
    ours.take(changed("32", eventType="99"))
    ours.take(b'{"eventType":"98","session":"s"}')
    assert [event.call_id for event in ours.events] == ["22019122718533304786364931", "s"]


def test_numbers_that_are_not_shown_and_codes_that_are_new_lose_no_event(ours: Ours) -> None:
    body = changed("32", callNo="anonymous", peerNo="", phoneX="", finishState="99", finishType="9")
    ours.take(body)
    (event,) = ours.events
    assert event.kind is EventKind.CALL_ENDED
    assert (event.caller, event.callee, event.number) == (None, None, None)
    assert (event.outcome, event.released_by) == ("platform_error", "platform")


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
    """No 5xx, nothing stored of an unsigned one, exactly one event of each signed one."""
    counted: Counter[str] = Counter()
    said = {"{}"}

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
        before = set(ours.desk.stored)
        first, again = ours.take(body, headers), ours.take(body, headers)
        new = ours.desk.stored.keys() - before
        if not is_signed:
            assert refused(first)
            assert refused(again)
            assert not new
            counted["refused"] += 1
            return
        assert taken(first)
        assert taken(again)
        meant = _meaning(body)
        assert len(new) == (meant not in said)
        said.add(meant)
        counted["new" if new else "repeat"] += 1
        counted.update(str(ours.desk.stored[each].kind) for each in new)

    if SEED is not None:
        send = hypothesis.seed(int(SEED))(send)
    send()
    print(dict(counted))
    assert counted.keys() >= {"refused", "new", "repeat", "unknown", "call.ended", "placed.ended"}


def _meaning(body: bytes) -> str | bytes:
    """The same for two bodies that say the same."""
    try:
        text = json.dumps(json.loads(body.decode()), ensure_ascii=False)
        return json.dumps(json.loads(text.encode(errors="replace")), sort_keys=True)
    except (ValueError, RecursionError):
        return body


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
    assert len(stage.items("C#")) == 1


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
