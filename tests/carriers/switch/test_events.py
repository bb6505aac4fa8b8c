"""POST /switch/events: stored once each, the bad ones named, nothing lost."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.carriers.switch.wire_callbacks import MAX_EVENT, MAX_EVENTS
from chalicelib.core.subscribers import Subscriber
from chalicelib.store.calls.items import call_id_of
from chalicelib.wiring.calls import Calls
from tests.carriers.switch.conftest import Pbx, metric
from tests.stage import X1, A, B, Stage, answering, refusal

MOST = 10**15 - 1
MD5 = "0123456789abcdef" * 2

Make = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def bound(stage: Stage) -> None:
    """The app that X1 belongs to, and a binding of its."""
    stage.app()
    stage.binding(record=True)
    stage.binding("1" * 26)


def stored(stage: Stage) -> list[Any]:
    """The events in the table, opened as the delivery worker would, by their ids."""
    from chalicelib.wiring.gateway import gateway

    events = gateway().shared(Calls).store
    calls = [events.call(call_id_of(item)) for item in stage.items("C#")]
    found = [(each.event, each.progress.delivery) for call in calls for each in call.stored]
    return sorted(found, key=lambda each: each[0].id)


def test_every_field_of_the_protocol_is_understood(stage: Stage, pbx: Pbx, occurred: Make) -> None:
    parties = {"from": A, "to": X1, "callee": B, "binding": "0" * 26}
    sent = [
        occurred(
            "call.ended",
            **parties,
            node="sbc-1",
            reason=17,
            released_by="callee",
            rejected=None,
            extra="kept",
        ),
        occurred("sms.sent", **parties, call_id="m1", result="timeout", text="hello"),
        occurred("recording.ready", url="https://example.org/r.wav", md5=MD5),
    ]
    answer = pbx.report(*sent)
    assert (answer.status, answer.json) == (200, {"accepted": 3})

    (ended, _), (sms, _), (recording, _) = stored(stage)
    for event in (ended, sms):
        assert (event.caller.digits, event.callee.digits, event.number) == (A, B, X1)
        assert event.binding == "0" * 26
    assert (ended.kind, ended.call_id, ended.carrier) == ("call.ended", "c1", "switch")
    assert (ended.at, ended.received) == (1000, stage.clock.now)
    assert (ended.cause, ended.released_by, ended.rejected) == (17, "callee", None)
    assert (ended.node, sms.node) == ("sbc-1", None)
    assert json.loads(ended.raw) == sent[0]
    assert (sms.text, "text" in json.loads(sms.raw)) == ("hello", False)
    assert sms.sms_result == "timeout"
    assert (recording.url, recording.md5) == ("https://example.org/r.wav", MD5)


@pytest.mark.parametrize(
    ("kind", "queue", "delivery"),
    [
        ("call.started", None, "kept"),
        ("call.ringing", None, "kept"),
        ("call.answered", None, "kept"),
        ("call.ended", "delivery", "pending"),
        ("sms.sent", "delivery", "pending"),
        ("recording.ready", "transfer", "fetching"),
        ("call.transferred", None, "kept"),
        ("unknown", None, "kept"),
        # What only we tell of.
        ("call.gap", None, "kept"),
        ("recording.failed", None, "kept"),
    ],
)
def test_what_is_stored_and_what_is_announced(
    stage: Stage, pbx: Pbx, occurred: Make, kind: str, queue: str | None, delivery: str
) -> None:
    assert pbx.report(occurred(kind, url="https://r.example/1")).json == {"accepted": 1}
    ((event, progress),) = stored(stage)
    assert (event.kind == "unknown") == (
        kind in ("call.transferred", "unknown", "call.gap", "recording.failed")
    )
    assert json.loads(event.raw)["type"] == kind
    assert progress == delivery
    messages = {each: stage.messages(each) for each in ("delivery", "delivery-slow", "transfer")}
    assert [each for each, taken in messages.items() if taken] == ([queue] if queue else [])
    text = json.dumps(messages)
    assert "r.example" not in text
    assert all(name not in text for name in ("event_id", "call_id", X1))


@pytest.mark.parametrize("kind", ["call.ended", "sms.sent", "call.parked"])
@pytest.mark.parametrize(
    ("sent", "read"), [({}, None), ({"seq": None}, None), ({"seq": 0}, 0), ({"seq": MOST}, MOST)]
)
def test_a_switch_may_count_its_events_of_whatever_type(
    stage: Stage, pbx: Pbx, occurred: Make, kind: str, sent: dict[str, Any], read: int | None
) -> None:
    assert pbx.report(occurred(kind, **sent)).json == {"accepted": 1}
    ((event, _),) = stored(stage)
    assert event.sequence == read


def test_a_recording_without_an_address_is_told_at_once(
    stage: Stage, pbx: Pbx, occurred: Make
) -> None:
    pbx.report(occurred("recording.ready"))
    assert [progress for _, progress in stored(stage)] == ["pending"]
    assert (len(stage.messages()), stage.messages("transfer")) == (1, [])


def test_an_unknown_type_is_stored_whatever_its_fields_hold(
    stage: Stage, pbx: Pbx, occurred: Make
) -> None:
    odd = occurred("call.parked", reason="slot 4", released_by=7, callee={"a": 1}, binding=9)
    assert pbx.report(odd).json == {"accepted": 1}
    ((event, _),) = stored(stage)
    assert json.loads(event.raw) == odd
    assert (event.cause, event.callee, event.binding) == (None, None, None)
    assert event.result == "call.parked"


@pytest.mark.parametrize(
    ("field", "member", "meaning"),
    [
        ("released_by", "released_by", None),
        ("rejected", "rejected", "blocked"),
        ("result", "sms_result", "failed"),
    ],
)
def test_a_word_that_we_do_not_know_loses_no_event(
    pbx: Pbx, occurred: Make, field: str, member: str, meaning: str | None
) -> None:
    assert pbx.report(occurred("call.ended", **{field: "moody"})).status == 200
    ((event, _),) = stored(pbx.stage)
    assert getattr(event, member) == meaning


@pytest.mark.parametrize("empty", ["", None])
def test_empty_fields_are_none(stage: Stage, pbx: Pbx, occurred: Make, empty: Any) -> None:
    fields = dict.fromkeys(
        ["from", "to", "callee", "binding", "reason", "released_by", "rejected", "url"], empty
    )
    assert pbx.report(occurred(**fields)).status == 200
    ((event, _),) = stored(stage)
    assert (event.caller, event.callee, event.number, event.binding) == (None,) * 4
    assert (event.cause, event.released_by, event.rejected, event.url) == (None,) * 4


def test_an_anonymous_caller_is_none(stage: Stage, pbx: Pbx, occurred: Make) -> None:
    pbx.report(occurred(**{"from": "anonymous", "to": "+" + X1}))
    ((event, _),) = stored(stage)
    assert (event.caller, event.number) == (None, X1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"event_id": None}, "event_id"),
        ({"event_id": ""}, "event_id"),
        ({"event_id": [5]}, "event_id"),
        ({"event_id": "e" * 256}, "event_id"),
        ({"call_id": None}, "call_id"),
        ({"call_id": True}, "call_id"),
        ({"call_id": "c" * 256}, "call_id"),
        ({"type": None}, "type"),
        ({"type": ""}, "type"),
        ({"type": []}, "type"),
        ({"at": None}, "at"),
        ({"at": "yesterday"}, "at"),
        ({"at": 0}, "at"),
        ({"at": True}, "at"),
        ({"at": 10**13}, "at"),
        ({"at": 10**25}, "at"),
        # Somebody's number, where calls are listed by their time.
        ({"at": A}, "at"),
        ({"at": "8610010000001"}, "at"),
        ({"at": "9990010001"}, "at"),
        # It tells calls apart, and stands in keys.
        ({"node": "n" * 65}, "node"),
        ({"node": "sbc 1"}, "node"),
        ({"node": A}, "node"),
        ({"node": "447-7009-00001"}, "node"),
        ({"node": ["sbc-1"]}, "node"),
    ],
)
def test_a_bad_event_is_named_and_holds_up_no_other(
    stage: Stage, pbx: Pbx, occurred: Make, change: dict[str, Any], field: str
) -> None:
    answer = pbx.report(occurred(), occurred() | change, occurred())
    assert (answer.status, answer.json["error"]) == (400, "malformed")
    assert answer.json["accepted"] == 2
    (error,) = answer.json["errors"]
    assert error["index"] == 1
    assert error["error"].startswith(field)
    assert "7700" not in answer.text
    assert [event.id for event, _ in stored(stage)] == ["e1", "e3"]
    assert len(stage.messages()) == 2


A_MS = 1_768_464_000_123


@pytest.mark.parametrize(
    ("change", "expected", "dropped"),
    [
        ({"event_id": 5}, {"id": "5"}, 0),
        ({"event_id": "e" * 255, "call_id": "c" * 255}, {"call_id": "c" * 255}, 0),
        ({"call_id": 1795690566.7}, {"call_id": "1795690566.7"}, 0),
        ({"at": A_MS}, {"at": A_MS}, 0),
        ({"at": str(A_MS)}, {"at": A_MS}, 0),
        ({"at": float(A_MS)}, {"at": A_MS}, 0),
        ({"at": A_MS / 1000}, {"at": A_MS}, 0),
        ({"at": f"{A_MS / 1000}"}, {"at": A_MS}, 0),
        ({"at": A_MS // 1000}, {"at": A_MS // 1000 * 1000}, 0),
        ({"at": A_MS * 1000}, {"at": A_MS}, 0),
        ({"at": A_MS * 1_000_000}, {"at": A_MS}, 0),
        ({"at": "2026-01-15T08:00:00.123Z"}, {"at": A_MS}, 0),
        ({"at": "2026-01-15 16:00:00.123+0800"}, {"at": A_MS}, 0),
        ({"from": 447700900001}, {"caller": Subscriber(A)}, 0),
        ({"from": f"sip:+{A};npdi;rn=+15550000@192.0.2.1"}, {"caller": Subscriber(A)}, 0),
        ({"from": "4477009\u202a\u202c 00-001"}, {"caller": Subscriber(A)}, 0),
        ({"from": f"00{A}"}, {"caller": Subscriber(A)}, 0),
        ({"from": "07700900001"}, {"caller": None}, 1),
        ({"from": "sip:anonymous@anonymous.invalid"}, {"caller": None}, 0),
        ({"from": "anonymous", "asserted": f"tel:+{A}"}, {"caller": Subscriber(A)}, 0),
        ({"asserted": [None, f"<sip:+{A}@h>"], "from": B}, {"caller": Subscriber(A)}, 0),
        ({"to": f"tel:+{X1}"}, {"number": X1}, 0),
        ({"to": " "}, {"number": None}, 0),
        ({"callee": f"sip:{B}@192.0.2.7;user=phone"}, {"callee": Subscriber(B)}, 0),
        ({"callee": {"number": B}}, {"callee": None}, 1),
        ({"reason": "16"}, {"cause": 16}, 0),
        ({"reason": 16.0}, {"cause": 16}, 0),
        ({"reason": 486}, {"cause": 17}, 0),
        ({"reason": "503"}, {"cause": 41}, 0),
        ({"reason": 502}, {"cause": 38}, 0),
        ({"reason": 408}, {"cause": 102}, 0),
        ({"reason": 499}, {"cause": 127}, 0),
        ({"reason": 'Q.850;cause=31;text="local, RTP Broken Connection"'}, {"cause": 31}, 0),
        ({"reason": "SIP ;cause=600"}, {"cause": 17}, 0),
        ({"reason": 128}, {"cause": None}, 1),
        ({"reason": 700}, {"cause": None}, 1),
        ({"reason": -1}, {"cause": None}, 1),
        ({"reason": True}, {"cause": None}, 1),
        ({"released_by": 1}, {"released_by": None}, 1),
        ({"released_by": "Caller"}, {"released_by": "caller"}, 0),
        ({"released_by": "limit_reached"}, {"released_by": "limit_reached"}, 0),
        ({"rejected": "unavailable"}, {"rejected": "unavailable"}, 0),
        ({"binding": int("1" * 26)}, {"binding": "1" * 26}, 0),
        ({"binding": "b" * 256}, {"binding": None}, 1),
        ({"url": " <https://r.example/1>\n"}, {"url": "https://r.example/1"}, 0),
        ({"url": "u" * 4097}, {"url": None}, 1),
        ({"md5": "m"}, {"md5": None}, 1),
        ({"md5": MD5.upper()}, {"md5": MD5}, 0),
        ({"seq": -1}, {"sequence": None}, 1),
        ({"seq": "7"}, {"sequence": 7}, 0),
        ({"seq": 7.0}, {"sequence": 7}, 0),
        ({"seq": True}, {"sequence": None}, 1),
        ({"seq": 10**15}, {"sequence": None}, 1),
        ({"node": 2}, {"node": "2"}, 0),
    ],
)
def test_what_can_be_read_is_read_and_the_rest_is_dropped(
    stage: Stage,
    pbx: Pbx,
    occurred: Make,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    expected: dict[str, Any],
    dropped: int,
) -> None:
    answer = pbx.report(occurred() | change)
    assert (answer.status, answer.json) == (200, {"accepted": 1})
    ((event, _),) = stored(stage)
    assert {name: getattr(event, name) for name in expected} == expected
    assert metric(capsys, "MembersDropped") == dropped


def test_a_member_that_comes_twice(stage: Stage, pbx: Pbx, occurred: Make) -> None:
    """With one value it is that value; with two it is dropped, or the event is malformed."""
    same, other, two_ids = (json.dumps(occurred()) for _ in range(3))
    answer = pbx.post(
        "/switch/events",
        f'[{same[:-1]}, "reason": 16, "reason": "16", "x": 1, "x": 2}},'
        f'{other[:-1]}, "reason": 16, "reason": 17}}, {two_ids[:-1]}, "call_id": "c2"}}]',
    )
    assert (answer.status, answer.json["accepted"]) == (400, 2)
    assert [error["index"] for error in answer.json["errors"]] == [2]
    assert [event.cause for event, _ in stored(stage)] == [16, None]


@pytest.mark.parametrize("to", ["x1", "anonymous", {"a": 1}, True, "9" * 25, "8" * 300, ["1"]])
def test_an_x_that_can_not_be_read_makes_no_event_of_another_call(
    stage: Stage, pbx: Pbx, occurred: Make, to: Any
) -> None:
    answer = pbx.report(occurred(), occurred("call.answered") | {"to": to})
    assert (answer.status, answer.json["accepted"]) == (400, 1)
    ((error,),) = (answer.json["errors"],)
    assert (error["index"], error["error"].split(":")[0]) == (1, "to")
    assert len(stored(stage)) == 1


@pytest.mark.parametrize("raw", [None, 1, "x", [], [{}]])
def test_what_is_no_event_at_all_is_named_too(
    stage: Stage, pbx: Pbx, occurred: Make, raw: Any
) -> None:
    answer = pbx.report(raw, occurred())
    assert answer.status == 400
    assert [error["index"] for error in answer.json["errors"]] == [0]
    assert len(stored(stage)) == 1


def test_a_repeat_is_stored_and_announced_once_it_was_delivered(
    stage: Stage, pbx: Pbx, occurred: Make
) -> None:
    from chalicelib.core.calls.model import Delivery, Progress, Task
    from chalicelib.wiring.gateway import gateway

    event = occurred()
    pbx.report(event, event)
    (first, second) = stage.messages()
    assert first == second
    key, events = Task.from_text(first).key, gateway().shared(Calls).store
    assert events.settle(events.call(key.call), key, Progress(Delivery.DELIVERED, 0, 1))
    assert pbx.report(event).json == {"accepted": 1}
    assert stage.messages() == []
    assert len(stored(stage)) == 1


def test_a_list_may_be_empty_and_may_hold_a_hundred(stage: Stage, pbx: Pbx, occurred: Make) -> None:
    assert pbx.report().json == {"accepted": 0}
    events = [occurred("call.ringing") for _ in range(MAX_EVENTS)]
    assert pbx.report(*events).json == {"accepted": MAX_EVENTS}
    more = pbx.report(*events, occurred())
    assert (more.status, more.json["error"]) == (400, "malformed")
    assert len(stored(stage)) == MAX_EVENTS


def test_what_is_not_a_list_is_malformed(pbx: Pbx, occurred: Make) -> None:
    assert pbx.post("/switch/events", occurred()).status == 400


def test_503_when_an_event_can_not_be_stored_and_the_repeat_makes_it_good(
    stage: Stage, pbx: Pbx, occurred: Make
) -> None:
    events = [occurred(), occurred()]
    pbx.report()
    with answering(stage.dynamodb, "UpdateItem", refusal("ThrottlingException")):
        answer = pbx.report(*events)
    assert (answer.status, answer.json["error"]) == (503, "unavailable")
    assert pbx.report(*events).json == {"accepted": 2}
    assert len(stored(stage)) == 2
    assert len(stage.messages()) == 2


def test_503_when_an_event_can_not_be_announced_and_the_repeat_makes_it_good(
    stage: Stage, pbx: Pbx, occurred: Make
) -> None:
    event = occurred()
    with answering(stage.sqs, "SendMessageBatch", refusal("ServiceUnavailable")):
        assert pbx.report(event).status == 503
    assert stage.messages() == []
    assert pbx.report(event).status == 200
    assert len(stage.messages()) == 1


@pytest.mark.parametrize("field", ["event_id", "call_id", "from", "text", "note"])
def test_half_a_surrogate_pair_loses_no_event(
    stage: Stage, pbx: Pbx, occurred: Make, field: str
) -> None:
    # JSON can spell one with an escape; UTF-8 can't hold it, so a question mark is stored.
    event = occurred("sms.sent", binding="0" * 26, **{field: "\ud800"})
    assert pbx.report(event).json == {"accepted": 1}
    ((kept, _),) = stored(stage)
    assert (json.loads(kept.raw) | {"text": kept.text})[field] == "?"


def test_the_largest_event_is_stored_and_a_larger_one_is_a_bad_event(
    stage: Stage, pbx: Pbx, occurred: Make
) -> None:
    # Quotes take the most room: each is escaped again in what is stored.
    event = occurred("call.parked", note="")
    room = (MAX_EVENT - len(json.dumps(event))) // 2
    larger = occurred("call.parked", note='"' * (room + 1))
    answer = pbx.report(larger, event | {"note": '"' * room})
    assert (answer.status, answer.json["accepted"]) == (400, 1), answer.text
    assert [error["index"] for error in answer.json["errors"]] == [0]
    assert [each.id for each, _ in stored(stage)] == ["e1"]


def test_what_is_nested_deep_and_nobody_asks_for_loses_no_event(
    stage: Stage, pbx: Pbx, occurred: Make
) -> None:
    deep = "[" * 5_000 + "]" * 5_000
    answer = pbx.post("/switch/events", f'[{json.dumps(occurred())[:-1]}, "x": {deep}}}]')
    assert (answer.status, answer.json) == (200, {"accepted": 1})
    assert len(stored(stage)) == 1
