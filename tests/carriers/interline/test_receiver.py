"""The carrier calls us: whose callback is taken, and that each is stored once, whatever it says."""

import json
import os
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chalicelib.carriers.callback_members import members_of, text
from chalicelib.carriers.callback_receiver import MAX_BODY, read_callback
from chalicelib.carriers.interline.callbacks_in import Receiver
from chalicelib.core.bindings.call_routes import Owner
from chalicelib.core.calls.events import (
    Event,
    EventKind,
    Outcome,
    Party,
    SmsResult,
    Unreadable,
    UnreadCallback,
)
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.errors import AnswerClass, Contended, Unavailable
from chalicelib.core.messages import Reply, Request
from chalicelib.core.subscribers import Subscriber
from tests.asked import reply_of
from tests.carriers.desk import Desk, content
from tests.carriers.interline.accounts import account_of
from tests.carriers.interline.reports import MESSAGE, RECORD, START, typed, without
from tests.sizes import size
from tests.stage import Answer, Stage

EXAMPLES = size("FUZZ_EXAMPLES", gate=2_000, large=10_000)
SEED = os.environ.get("FUZZ_SEED") or None

NOW = 1_768_464_100_123
TOKEN, PREVIOUS = "the-token", "the-previous-token"
ENDED = 1_768_464_075_000
KNOWN_AS_IT_STANDS = "10000000009"


class Accounts:
    """The port Credentials with accounts of ours."""

    def __init__(self) -> None:
        self.made = {
            name: CarrierAccount(
                name,
                kind,
                "10000000",
                ("key",),
                urls=("http://x",),
                app_id="the-app-id",
                callback_tokens=(TOKEN, PREVIOUS),
                sources=sources,
            )
            for name, kind, sources in (
                ("ours", "interline", ()),
                ("walled", "interline", ("192.0.2.0/28", "2001:db8::/32")),
                ("misspelled", "interline", ("everybody",)),
                ("netease", "netease", ()),
            )
        }
        self.made["open"] = CarrierAccount("open", "interline", "10000000", ("key",), urls=())
        self.down = False

    def lacks_carrier(self, name: str) -> bool:
        return self.carrier(name) is None

    def carrier(self, name: str) -> CarrierAccount | None:
        if self.down:
            raise Unavailable("a secret can't be read")
        return self.made.get(name)


class Numbers:
    """The port Apps: one pool has its X without country code."""

    def owners_of(self, number: str, *, fresh: bool = False) -> tuple[Owner, ...]:
        is_known = number in {KNOWN_AS_IT_STANDS, "8610000000001"}
        return (Owner("demo", "interline", since=0),) if is_known else ()


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
        body: bytes | dict[str, str],
        token: str = TOKEN,
        *,
        account: str = "ours",
        method: str = "POST",
        source: str = "",
        address: str = "cdr",
    ) -> Reply:
        content = body if isinstance(body, bytes) else urlencode(body).encode()
        request = Request(method, {}, (), content, source)
        path = f"/callbacks/interline/{account}/{token}/{address}"
        return reply_of(self.receiver, path, request, NOW)

    @property
    def events(self) -> list[Event]:
        return list(self.desk.stored.values())


@pytest.fixture
def ours() -> Ours:
    return Ours()


def taken(reply: Reply) -> bool:
    assert reply.headers["Content-Type"].startswith("application/json")
    return (reply.status, json.loads(reply.body)) == (200, {"error": 0})


def refused(reply: Reply, status: int = 401, error: int = 1101) -> bool:
    assert reply.facts is None
    assert reply.answered is AnswerClass.UNAUTHENTICATED
    return (reply.status, json.loads(reply.body)["error"]) == (status, error)


def as_json(fields: dict[str, str]) -> bytes:
    return json.dumps(typed(fields)).encode()


def test_a_call_record_is_its_recording_and_its_end(ours: Ours) -> None:
    assert taken(ours.take(RECORD))
    recording, end = ours.events
    assert end.kind is EventKind.CALL_ENDED
    assert (end.carrier, end.call_id, end.received) == ("ours", "task-1", NOW)
    assert (end.binding, end.carrier_binding) == (RECORD["userData"], "sub-1")
    assert (end.caller, end.callee) == (Subscriber("8610010000001"), Subscriber("861000000003"))
    assert end.number == "8610000000001"
    assert (end.started, end.ringing) == (1_768_464_000_000, 1_768_464_003_000)
    assert (end.answered, end.at) == (1_768_464_010_000, ENDED)
    assert (end.result, end.outcome) == ("answered", Outcome.CALLEE_HUNG_UP)
    assert (end.released_by, end.cause) == (Party.CALLEE, None)
    assert end.raw == urlencode(RECORD)
    assert recording.kind is EventKind.RECORDING_READY
    assert (recording.call_id, recording.at, recording.url) == (
        "task-1",
        ENDED,
        RECORD["recording"],
    )
    same = (end.binding, end.number, end.started)
    assert (recording.binding, recording.number, recording.started) == same


def test_the_start_of_a_call(ours: Ours) -> None:
    assert taken(ours.take(START))
    (start,) = ours.events
    assert (start.kind, start.at) == (EventKind.CALL_STARTED, 1_768_464_000_000)
    assert (start.caller, start.number) == (Subscriber("8610010000001"), "8610000000001")
    assert (start.text, start.sms_result) == (None, None)


@pytest.mark.parametrize("text", ["到了 & 在门口", ""])
def test_a_message(text: str, ours: Ours) -> None:
    assert taken(ours.take({**START, "smsContent": text}))
    (sms,) = ours.events
    assert (sms.kind, sms.sms_result) == (EventKind.SMS_SENT, SmsResult.OK)
    assert (sms.text, sms.at) == (text, 1_768_464_000_000)


@pytest.mark.parametrize("nothing", ["", " ", "0"])
def test_a_message_may_have_members_of_a_record_that_say_nothing(nothing: str, ours: Ours) -> None:
    assert taken(ours.take({**MESSAGE, "duration": nothing, "recording": nothing}))
    (sms,) = ours.events
    assert (sms.kind, sms.text) == (EventKind.SMS_SENT, MESSAGE["smsContent"])


@pytest.mark.parametrize("fields", [RECORD, START, MESSAGE], ids=["record", "start", "message"])
def test_a_form_and_json_that_say_the_same_are_the_same(fields: dict[str, str], ours: Ours) -> None:
    turned = dict(reversed(fields.items()))
    for body in (
        urlencode(fields).encode(),
        urlencode(turned).encode() + b"\r\n",
        as_json(fields),
        b"\n " + json.dumps(turned, indent=1).encode(),
        json.dumps({**fields, "nothing": None}).encode(),
    ):
        assert taken(ours.take(body))
    assert len(ours.events) == (2 if fields is RECORD else 1)


def test_what_says_something_else_is_another_event(ours: Ours) -> None:
    changes = {"taskid": "task-2", "callee": "", "ringTime": "1768464004"}
    for name, value in changes.items():
        ours.take({**without(RECORD, "recording"), name: value})
    ours.take(RECORD)
    assert len(ours.events) == len(changes) + 2


def test_a_member_that_nobody_knows_makes_no_other_event(ours: Ours) -> None:
    for more in ({}, {"others": "x"}, {"others": "y", "more": ""}):
        assert taken(ours.take({**MESSAGE, **more}))
    assert len(ours.events) == 1
    assert not ours.counted


def test_a_record_that_comes_again_with_its_recording_is_the_same_end(ours: Ours) -> None:
    for fields in (without(RECORD, "recording"), {**RECORD, "recording": ""}, RECORD):
        ours.take(fields)
    assert [event.kind for event in ours.events] == [
        EventKind.CALL_ENDED,
        EventKind.RECORDING_READY,
    ]


@pytest.mark.parametrize(
    ("missing", "changed", "expected"),
    [
        (["releaseTime"], {}, {"at": ENDED}),
        # How long they talked says when it was answered.
        (["answerTime"], {}, {"answered": None, "talked_s": 65, "at": ENDED}),
        ([], {"answerTime": "1768464099"}, {"answered": None, "talked_s": 65, "at": ENDED}),
        (["answerTime", "duration"], {}, {"answered": ENDED}),
        (["releaseTime", "answerTime"], {}, {"at": 1_768_464_068_000}),
        (
            ["releaseTime", "answerTime", "ringTime", "beginTime"],
            {},
            {"at": NOW, "timed": False, "answered": None, "talked_s": 65, "started": None},
        ),
        (["duration"], {"ringTime": "0", "answerTime": ""}, {"ringing": None, "answered": ENDED}),
        (["duration"], {"result": "17"}, {"answered": None, "outcome": Outcome.BUSY, "cause": 17}),
        ([], {"result": "17", "duration": "0"}, {"answered": None}),
        # Somebody has talked, whatever it is called.
        ([], {"result": "16"}, {"answered": ENDED - 65_000, "outcome": Outcome.CALLEE_HUNG_UP}),
        (["releasedir"], {}, {"released_by": None, "outcome": Outcome.HUNG_UP}),
        ([], {"releasedir": "7"}, {"released_by": None}),
        ([], {"duration": "30.0"}, {"talked_s": 30}),
        ([], {"releaseTime": "1768464075000"}, {"at": ENDED}),
        (["result"], {}, {"result": None, "outcome": Outcome.CALLEE_HUNG_UP}),
        # The X allows no such call: that does not say that the caller is nobody's.
        (
            [],
            {"result": "206", "duration": "0"},
            {"binding": RECORD["userData"], "carrier_binding": "sub-1", "outcome": "no_binding"},
        ),
        ([], {"result": "operator says no"}, {"result": "operator says no", "cause": None}),
        ([], {"userData": "the vendor's"}, {"binding": None, "carrier_binding": "sub-1"}),
        (["userData", "subid"], {}, {"binding": None, "carrier_binding": None}),
        ([], {"caller": "anonymous", "callee": ""}, {"caller": None, "callee": None}),
        ([], {"caller": "+8610010000001"}, {"caller": Subscriber("8610010000001")}),
        ([], {"rcaller": KNOWN_AS_IT_STANDS}, {"number": KNOWN_AS_IT_STANDS}),
        ([], {"rcaller": f"86{KNOWN_AS_IT_STANDS}"}, {"number": KNOWN_AS_IT_STANDS}),
        ([], {"rcaller": "10000000007"}, {"number": "8610000000007"}),
        ([], {"rcaller": "700000000000001"}, {"number": "700000000000001"}),
        (["rcaller"], {}, {"number": None}),
        # A plus that was not escaped: the form has a blank there.
        ([], {"caller": " 13105551234"}, {"caller": Subscriber("13105551234")}),
        ([], {"callee": " 8610010000001"}, {"callee": Subscriber("8610010000001")}),
        ([], {"caller": "１００１００００００１"}, {"caller": Subscriber("8610010000001")}),
        ([], {"caller": "0", "callee": "86"}, {"caller": None, "callee": None}),
        ([], {"taskid": "t" * 255}, {"call_id": "t" * 255}),
        ([], {"caller": "+13105551234"}, {"caller": Subscriber("13105551234")}),
        ([], {"caller": "0086-100 1000 0001"}, {"caller": Subscriber("8610010000001")}),
    ],
)
def test_what_is_told_in_another_way(
    missing: list[str], changed: dict[str, str], expected: dict[str, Any], ours: Ours
) -> None:
    ours.take(without({**RECORD, **changed}, "recording", *missing))
    (end,) = ours.events
    assert end.kind is EventKind.CALL_ENDED
    if "answered" in expected and changed.get("result") == "16":
        expected = {**expected, "answered": 1_768_464_010_000}
    assert {name: getattr(end, name) for name in expected} == expected


@pytest.mark.parametrize("around", ["{}\r\n", "\ufeff {}", '"{}"', "<{}>\t"])
def test_an_address_of_a_recording_is_read_without_what_stands_around_it(
    around: str, ours: Ours
) -> None:
    ours.take({**RECORD, "recording": around.format(RECORD["recording"])})
    assert ours.events[0].url == RECORD["recording"]


def test_both_tokens_are_taken(ours: Ours) -> None:
    for token in (TOKEN, PREVIOUS):
        assert taken(ours.take({**START, "taskid": token}, token))
    assert len(ours.events) == 2
    assert not ours.counted


@pytest.mark.parametrize("token", ["", "x", TOKEN + "x", TOKEN.upper(), "nobody's", "é", "\ud800"])
@pytest.mark.parametrize("account", ["ours", "open", "netease", "nobody", "", "%00"])
def test_what_has_no_token_leaves_nothing_but_a_count(account: str, token: str, ours: Ours) -> None:
    assert refused(ours.take(RECORD, token, account=account))
    assert not ours.events


@pytest.mark.parametrize("account", ["netease", "nobody", "open"])
def test_an_account_that_is_none_is_like_a_wrong_token(account: str, ours: Ours) -> None:
    assert refused(ours.take(RECORD, account=account))
    assert ours.take(RECORD, account=account) == ours.take(RECORD, "wrong")


@pytest.mark.parametrize("name", ["devid", "appid"])
def test_a_callback_for_somebody_else_is_refused(name: str, ours: Ours) -> None:
    for body in ({**RECORD, name: "another"}, as_json({**RECORD, name: "another"})):
        assert refused(ours.take(body))
    for body in ({**RECORD, name: ""}, without(RECORD, name)):
        assert taken(ours.take(body))


@pytest.mark.parametrize(
    ("source", "let_in"),
    [
        ("192.0.2.1", True),
        ("192.0.2.15", True),
        ("::ffff:192.0.2.15", True),
        ("::ffff:192.0.2.16", False),
        ("2001:db8::1", True),
        ("192.0.2.16", False),
        ("2001:db9::1", False),
        ("", False),
        ("unknown", False),
    ],
)
def test_only_listed_networks_are_let_in(source: str, let_in: bool, ours: Ours) -> None:
    reply = ours.take(START, account="walled", source=source)
    assert taken(reply) if let_in else refused(reply, 403, 1104)
    assert len(ours.events) == let_in
    # Whoever has no token learns nothing of the list.
    assert refused(ours.take(START, "x", account="walled", source=source))


def test_a_list_that_can_not_be_read_lets_nobody_in(ours: Ours) -> None:
    assert refused(ours.take(START, account="misspelled", source="192.0.2.1"), 403, 1104)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post_and_only_so_much(method: str, ours: Ours) -> None:
    assert ours.take(RECORD, method=method).status == 405
    assert ours.take(b"x" * (MAX_BODY + 1)).status == 413
    assert not ours.events
    assert ours.desk.refused == 1
    # Who is nobody's carrier raises no alarm.
    assert refused(ours.take(b"x" * (MAX_BODY + 1), "wrong"))
    assert ours.desk.refused == 1


def test_an_event_that_is_not_durable_is_asked_for_again(ours: Ours) -> None:
    for ours.desk.down in (Unavailable("the table did not answer"), Contended("too many")):
        reply = ours.take(RECORD)
        assert (reply.status, json.loads(reply.body)["error"]) == (503, 1500)
    ours.desk.down, ours.accounts.down = None, True
    assert ours.take(RECORD).status == 503
    ours.accounts.down = False
    assert taken(ours.take(RECORD))
    assert len(ours.events) == 2


def test_a_fault_of_ours_is_repeated_too(ours: Ours) -> None:
    reply = ours.receiver.fault()
    assert (reply.status, json.loads(reply.body)["error"]) == (500, 1500)


def form(**changed: str) -> bytes:
    return urlencode({**RECORD, **changed}).encode()


UNREADABLE = [
    b"",
    b"&&&",
    b"[]",
    b"null",
    b"not a form",
    b"\xff\xfe",
    b"{",
    b"{}",
    b'{"taskid": "t", "result"',
    b'{"a":' * 50_000,
    b'[{"taskid": "t", "result": "16"}, {"taskid": "u", "result": "16"}]',
    b"result=answered",
    b"taskid=&result=answered",
    b"callTime=1768464000",
    b"&".join(b"a%d=1" % n for n in range(101)),
    urlencode(RECORD).encode() + b"&taskid=17",
    form(taskid="t" * 256),
    json.dumps({**RECORD, "taskid": {}}).encode(),
    # Without its X it would follow another call.
    json.dumps({**RECORD, "rcaller": {}}).encode(),
    form(rcaller="unknown"),
    form(rcaller="9" * 25),
    form() + b"&rcaller=17",
    json.dumps({**RECORD, "taskid": None}).encode(),
    json.dumps({**RECORD, "taskid": True}).encode(),
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
    assert list(ours.desk.kept.values()) == [UnreadCallback("ours", "interline", body, NOW)]


ODD_MEMBERS = [
    ({"subid": "s" * 256}, ["subid"], {"carrier_binding": None}),
    ({"result": ""}, [], {"result": None}),
    ({"result": "r" * 65}, ["result"], {"result": None}),
    ({"recording": "https://" + "x" * 4_096}, ["recording"], {}),
    ({"beginTime": "2026-01-15 08:00:00"}, [], {"started": 1_768_464_000_000}),
    ({"beginTime": "yesterday"}, ["beginTime"], {"started": None}),
    ({"beginTime": "-1"}, ["beginTime"], {"started": None}),
    ({"releaseTime": "١٢٣"}, ["releaseTime"], {"at": ENDED}),
    ({"duration": "1.5"}, [], {"talked_s": 1}),
    ({"duration": 30.0}, [], {"talked_s": 30}),
    ({"duration": "many"}, ["duration"], {"talked_s": None}),
    ({"beginTime": True}, ["beginTime"], {"started": None}),
    ({"caller": "139****0001"}, ["caller"], {"caller": None}),
    ({"caller": " 10010000001"}, [], {"caller": Subscriber("8610010000001")}),
    ({"rcaller": 10_000_000_001}, [], {"number": "8610000000001"}),
    ({"userData": {"our": "id"}}, ["userData"], {"binding": None}),
]


@pytest.mark.parametrize(("odd", "dropped", "expected"), ODD_MEMBERS, ids=range(len(ODD_MEMBERS)))
def test_an_odd_member_loses_no_call(
    odd: dict[str, Any], dropped: list[str], expected: dict[str, Any], ours: Ours
) -> None:
    assert taken(ours.take(json.dumps({**RECORD, **odd}).encode()))
    end = ours.events[-1]
    assert (end.kind, end.call_id) == (EventKind.CALL_ENDED, "task-1")
    assert {name: getattr(end, name) for name in expected} == expected
    assert ours.counted == ({"MembersDropped": len(dropped)} if dropped else {})


UNTIMED = [
    urlencode(without(START, "callTime")).encode(),
    json.dumps({**START, "callTime": None}).encode(),
    json.dumps({**START, "callTime": None, "result": None, "releaseTime": None}).encode(),
]


@pytest.mark.parametrize("body", UNTIMED, ids=["absent", "null", "a record's members null"])
def test_a_start_without_a_time_is_one_by_its_address(body: bytes, ours: Ours) -> None:
    for _ in range(2):
        assert taken(ours.take(body, address="start"))
    (start,) = ours.events
    assert (start.kind, start.call_id) == (EventKind.CALL_STARTED, "task-1")
    assert (start.at, start.timed, start.number) == (NOW, False, "8610000000001")
    assert not ours.counted
    # Where records come it may be anything, a record without its members too: it is kept.
    assert taken(ours.take(body, address="cdr"))
    assert len(ours.events) == 1
    assert list(ours.desk.kept.values()) == [UnreadCallback("ours", "interline", body, NOW)]


@pytest.mark.parametrize("address", ["cdr", "start"])
def test_either_address_takes_what_its_members_make_a_record_or_a_start(
    address: str, ours: Ours
) -> None:
    for fields in (without(RECORD, "recording"), START, MESSAGE):
        assert taken(ours.take(fields, address=address))
    assert [event.kind for event in ours.events] == ["call.ended", "call.started", "sms.sent"]


def test_what_was_kept_is_read_again_for_the_address_to_which_it_came(ours: Ours) -> None:
    body = urlencode(without(START, "callTime", "taskid")).encode()
    for address in ("cdr", "start"):
        assert taken(ours.take(body + f"&to={address}".encode(), address=address))
    kinds = [each.kind for each in ours.desk.kept.values()]
    assert kinds == ["interline", "interline.start"]
    mended = body + b"&taskid=task-1"
    with pytest.raises(Unreadable, match="neither"):
        read_callback(UnreadCallback("ours", "interline", mended, NOW), Numbers())
    again = read_callback(UnreadCallback("ours", "interline.start", mended, NOW), Numbers())
    assert [event.kind for event in again.events] == [EventKind.CALL_STARTED]


def test_the_only_object_of_a_list_is_that_object(ours: Ours) -> None:
    assert taken(ours.take(b"[" + as_json(RECORD) + b"]"))
    assert taken(ours.take(RECORD))
    assert [event.kind for event in ours.events] == ["recording.ready", "call.ended"]


def test_what_was_kept_is_read_again_as_it_would_be_when_it_comes(ours: Ours) -> None:
    body = urlencode({**RECORD, "rcaller": KNOWN_AS_IT_STANDS}).encode()
    assert taken(ours.take(body))
    again = read_callback(UnreadCallback("ours", "interline", body, NOW + 5), Numbers())
    assert again.events[-1].number == KNOWN_AS_IT_STANDS
    assert {content(event) for event in again.events} == ours.desk.stored.keys()


def test_a_text_in_another_encoding_loses_no_message(ours: Ours) -> None:
    body = urlencode(START).encode() + b"&smsContent=%B5%BD"
    assert taken(ours.take(body))
    (sms,) = ours.events
    assert (sms.kind, sms.call_id) == (EventKind.SMS_SENT, "task-1")
    assert sms.raw.endswith("%B5%BD")


NAMES = sorted({*RECORD, *MESSAGE})
ODD = st.sampled_from(
    [*("", "0", "16", "answered", "\x00", "é", "9" * 30, "x" * 3_000, "{}", "1768464000", "&=%")]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A record, a start or a message, mutated in its members, in its bytes, or not at all."""
    fields: dict[str, Any] = dict(draw(st.sampled_from([RECORD, START, MESSAGE])))
    how = draw(st.integers(0, 6))
    if how == 0:
        return draw(st.binary(max_size=40))
    if how >= 3:
        for _ in range(draw(st.integers(1, 3))):
            name = draw(st.sampled_from(NAMES))
            fields[name] = draw(ODD if how < 5 else JSON)
    if how == 5:
        return json.dumps(fields).encode()
    body = urlencode(fields).encode() if draw(st.booleans()) else json.dumps(fields).encode()
    if how != 2:
        return body
    at = draw(st.integers(0, len(body)))
    junk = draw(st.binary(max_size=6) | st.sampled_from([b"\\ud800", b"NaN", b"[" * 9_999, b"%ff"]))
    return body[:at] + junk + body[at + draw(st.integers(0, 9)) :]


def test_mutated_callbacks(ours: Ours) -> None:
    """No 5xx, nothing stored of one without token, one end or start of each with it."""
    counted: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=SEED is None,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(body=bodies(), token=st.sampled_from([TOKEN, TOKEN, PREVIOUS, "wrong"]))
    def send(body: bytes, token: str) -> None:
        before = set(ours.desk.stored), set(ours.desk.kept)
        first, again = ours.take(body, token), ours.take(body, token)
        new = [ours.desk.stored[each] for each in ours.desk.stored.keys() - before[0]]
        kept = ours.desk.kept.keys() - before[1]
        if token == "wrong" or _is_somebody_elses(body):
            assert refused(first)
            assert refused(again)
            assert not new
            assert not kept
            counted["refused"] += 1
            return
        assert taken(first)
        assert taken(again)
        # By itself: kept as it came, or exactly one event, with its recording at most.
        try:
            reading = read_callback(UnreadCallback("ours", "interline", body, NOW), Numbers())
        except Unreadable:
            assert not new
            assert body in ours.desk.kept
            counted["unread"] += 1
            return
        assert not kept
        kinds = [event.kind for event in reading.events]
        assert len(kinds) - kinds.count(EventKind.RECORDING_READY) == 1
        assert {content(event) for event in reading.events} <= ours.desk.stored.keys()
        counted["new" if new else "repeat"] += 1
        counted.update(str(event.kind) for event in new)

    if SEED is not None:
        send = hypothesis.seed(int(SEED))(send)
    send()
    print(dict(counted))
    assert counted.keys() >= {
        *("refused", "new", "repeat", "unread"),
        *("call.ended", "call.started", "sms.sent", "recording.ready"),
    }


def _is_somebody_elses(body: bytes) -> bool:
    """Whether it says that it is for another developer or app; what can't be read does not."""
    try:
        fields = members_of(body)
    except Unreadable:
        return False
    # What can't be read names nobody.
    texts = [fields.optional(name, text(255)) or "" for name in ("devid", "appid")]
    return texts[0] not in {"", "10000000"} or texts[1] not in {"", "the-app-id"}


@pytest.fixture
def account(stage: Stage) -> str:
    return account_of(stage, "interline-1")


def posted(stage: Stage, body: bytes, token: str, account: str, what: str = "cdr") -> Answer:
    return stage.send(f"/callbacks/interline/{account}/{token}/{what}", body=body)


def test_through_the_bundle(stage: Stage, account: str, log: Any) -> None:
    token = f"token-{account}"
    for what, fields in (("cdr", RECORD), ("start", START), ("start", MESSAGE)):
        for body in (urlencode(fields).encode(), as_json(fields)):
            answer = posted(stage, body, token, account, what)
            assert (answer.status, answer.json) == (200, {"error": 0})
    # A message is no part of the call whose id it has.
    assert (len(stage.items("C#")), len(stage.deliveries())) == (2, 4)
    wrong, unknown = posted(stage, b"", "x", account), posted(stage, b"", "x", "nobody")
    assert (wrong.status, wrong.text) == (unknown.status, unknown.text) == (401, wrong.text)
    assert wrong.json["error"] == 1101
    lines = [line for line in log() if line.get("message") == "interline.callback"]
    assert len(lines) == 6
    text = json.dumps(log())
    assert not [
        each for each in (token, *RECORD.values(), "到了") if len(each) > 8 and each in text
    ]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("what", ["cdr", "start"])
def test_another_method_is_refused(stage: Stage, account: str, what: str, method: str) -> None:
    path = f"/callbacks/interline/{account}/token-{account}/{what}"
    assert stage.send(path, method=method).status == 405
    assert not stage.items("C#")


def test_a_body_as_large_as_may_be_can_be_stored(stage: Stage, account: str) -> None:
    said = urlencode({**START, "smsContent": "门" * 8_192}).encode()
    for body in (b"\x00" * MAX_BODY, said.ljust(MAX_BODY, b"&")):
        assert posted(stage, body, f"token-{account}", account).status == 200
    # The one is kept until it can be read, the other is a message.
    assert (len(stage.items("V#")), len(stage.items("C#"))) == (1, 1)


def test_several_accounts_side_by_side(stage: Stage, account: str) -> None:
    other = account_of(stage, "interline-2", sources=["198.51.100.0/24"])
    body = urlencode(START).encode()
    assert posted(stage, body, f"token-{other}", account).status == 401
    assert posted(stage, body, f"token-{other}", other).status == 403
    assert posted(stage, body, f"token-{account}", account).status == 200
    assert len(stage.items("C#")) == 1
