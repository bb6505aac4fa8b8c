"""Every sample callback, each of its members in turn odd in every way: each time there is an event
that says which call it is about, or the callback is unreadable as a whole, and that only where the
member is indispensable. Never is anything gone."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from chalicelib.carriers.interline import wire_callbacks as interline
from chalicelib.carriers.netease import wire_callbacks as netease
from chalicelib.carriers.switch import wire_callbacks as switch
from chalicelib.core.calls.events import Event, EventKind, Reading, Unreadable
from chalicelib.core.credentials import DialPlan
from tests.carriers.desk import content
from tests.carriers.interline.reports import MESSAGE, RECORD, START, typed
from tests.carriers.netease.recorded import recorded

NOW = 1_768_464_100_123
A, B, X = "447700900001", "447700900002", "8610000000001"
PARTIES = {"from": A, "to": X, "callee": B, "binding": "12202601151600000123456789"}
COMMON = {"event_id": "e1", "call_id": "c1", "at": 1_768_464_000_123, "seq": 7, "node": "sbc-1"}
LEG = {"number": A, "ended_at": 1_768_464_000_123, "cause": 16}
SWITCH = {
    "call.started": PARTIES,
    "call.ended": PARTIES | {"reason": 16, "released_by": "caller", "rejected": "third_party"},
    "sms.sent": PARTIES | {"result": "ok", "text": "hello"},
    "recording.ready": PARTIES | {"url": "https://r.example/1", "md5": "0123456789abcdef" * 2},
    "placed.ended": {
        "kind": "call",
        "account": "clerk-1",
        "from": A,
        "parties": [A, B],
        "created": 1_768_464_000_123,
        "started": 1_768_464_000_123,
        "duration_s": 30,
        "status": "success",
        "legs": [LEG, {**LEG, "number": B}],
    },
}
"""A sample for each type that the switch's README names."""

Read = Callable[[str], Reading]


def of_netease(text: str) -> Reading:
    return netease.read(text.encode(), carrier="ours", received=NOW)


def of_interline(text: str) -> Reading:
    return interline.read(text.encode(), carrier="ours", received=NOW)


def of_interline_start(text: str) -> Reading:
    return interline.read_start(text.encode(), carrier="ours", received=NOW)


def of_switch(text: str) -> Reading:
    reading, bad = switch.read_events(
        f"[{text}]".encode(), carrier="switch", received=NOW, plan=DialPlan()
    )
    if bad:
        # The switch hears which one it is, and why.
        assert [each["index"] for each in bad] == [0]
        raise Unreadable(bad[0]["error"])
    return reading


SAMPLES: dict[str, tuple[Read, dict[str, Any], set[str], str]] = {
    **{
        f"netease {name}": (
            of_netease,
            json.loads(recorded(f"callback-{name}")["body"]),
            {"eventType", "callId", "callback", "phoneX"} | ({"url"} if name == "34" else set()),
            "",
        )
        for name in ("32", "33", "34", "10-call", "10-conference")
    },
    "interline record": (of_interline, typed(RECORD), {"taskid", "rcaller"}, ""),
    "interline start": (of_interline_start, typed(START), {"taskid", "rcaller"}, ""),
    "interline message": (of_interline, typed(MESSAGE), {"taskid", "rcaller"}, ""),
    **{
        f"switch {kind}": (
            of_switch,
            {"type": kind, **COMMON, **more},
            {"event_id", "call_id", "type", "at", "node", "to"},
            "",
        )
        for kind, more in SWITCH.items()
    },
    # What stands as JSON in text is read by the same rule.
    **{
        f"inside netease {name}": (
            of_netease,
            json.loads(json.loads(recorded(f"callback-{name}")["body"])["callback"]),
            {"session"},
            "callback",
        )
        for name in ("10-call", "10-conference")
    },
}


def body(pairs: list[tuple[str, Any]], inside: str) -> str:
    """JSON in which a member may come twice."""
    text = "{" + ",".join(f"{json.dumps(name)}:{json.dumps(each)}" for name, each in pairs) + "}"
    return json.dumps({inside: text, "eventType": "10"}) if inside else text


def other_type(value: Any) -> Any:
    """A number in text, or as text a number."""
    if isinstance(value, int):
        return str(value)
    return int(value) if isinstance(value, str) and value.isdecimal() and value[0] != "0" else None


def oddities(fields: dict[str, Any], name: str) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """What may become of a member, by name."""
    others = [(each, value) for each, value in fields.items() if each != name]
    value = fields[name]
    yield "absent", others
    yield "null", [*others, (name, None)]
    yield "empty", [*others, (name, "")]
    yield "doubled", [(name, value), *others, (name, value)]
    yield "doubled with null", [(name, None), *others, (name, value), (name, None)]
    yield "unknown", [*others, (name, value), ("x", {"y": [1]}), ("x", 2)]
    if other_type(value) is not None:
        yield "other type", [*others, (name, other_type(value))]
    yield "contradicting", [(name, value), *others, (name, f"{value}9")]
    for what, odd in {
        "a list": [[1]],
        "an object": {"a": 1},
        "true": True,
        "a fraction": 1.5,
        "infinite": float("inf"),
        "negative": -1,
        "words": "到了 %00",
        "half a pair": "\ud800",
        "oversized": "9" * 5_000,
        "a bit too long": "x" * 256,
        "deep": json.loads("[" * 90 + "]" * 90),
    }.items():
        yield what, [*others, (name, odd)]


SAME = {"doubled", "doubled with null", "unknown", "other type"}
"""What makes no difference."""
CASES = [
    pytest.param(sample, name, id=f"{sample}: {name}")
    for sample, (_, fields, _, _) in SAMPLES.items()
    for name in fields
]


def call_ids(events: tuple[Event, ...]) -> set[str]:
    return {event.call_id for event in events}


@pytest.mark.parametrize(("sample", "name"), CASES)
def test_an_odd_member(sample: str, name: str) -> None:
    read, fields, indispensable, inside = SAMPLES[sample]
    plain = read(body(list(fields.items()), inside))
    said = [content(event) for event in plain.events]
    assert not plain.dropped
    assert all(event.kind is not EventKind.UNKNOWN for event in said)
    missing = []
    for what, pairs in oddities(fields, name):
        try:
            reading = read(body(pairs, inside))
        except Unreadable as error:
            assert name in indispensable, what
            assert what not in SAME
            assert "5555" not in str(error)
            continue
        assert reading.events, what
        if name not in indispensable:
            assert call_ids(reading.events) == call_ids(plain.events), what
        for event in reading.events:
            assert event.call_id
            json.dumps(event.raw, ensure_ascii=False).encode()
        if what in SAME:
            assert [content(event) for event in reading.events] == said, what
            assert not reading.dropped
        if what in {"absent", "null", "empty"} and name != "smsContent":
            missing.append([content(event) for event in reading.events])
            assert not reading.dropped
        if what == "contradicting" and not reading.dropped:
            # Nobody asks for it.
            assert [content(event) for event in reading.events] == said
    if name not in OF_WHICH_PRESENCE_TELLS:
        assert all(each == missing[0] for each in missing)


OF_WHICH_PRESENCE_TELLS = {*interline.OF_A_RECORD, "callTime", "smsContent", "members"}
"""An empty one of these still says what kind of callback it is."""


@pytest.mark.parametrize("fields", [RECORD, START, MESSAGE], ids=["record", "start", "message"])
def test_a_form_is_read_as_json_is(fields: dict[str, str]) -> None:
    plain = [content(event) for event in of_interline(json.dumps(typed(fields))).events]
    for name, value in fields.items():
        pairs = [(each, other) for each, other in fields.items() if each != name]
        for more in ([(name, value)] * 2, [(name, ""), (name, value), ("x", "1")]):
            reading = of_interline(urlencode([*pairs, *more]))
            assert [content(event) for event in reading.events] == plain
            assert not reading.dropped
        twice = urlencode([*pairs, (name, value), (name, "another")])
        if name in ("taskid", "rcaller"):
            with pytest.raises(Unreadable):
                of_interline(twice)
        else:
            assert call_ids(of_interline(twice).events) == {"task-1"}


@pytest.mark.parametrize("sample", SAMPLES)
def test_one_object_in_a_list_is_that_object(sample: str) -> None:
    read, fields, _, inside = SAMPLES[sample]
    if read is of_switch:
        return  # Its lists are lists of events.
    text = body(list(fields.items()), inside)
    one, alone = read(text), read(f" [{text}]\r\n")
    assert [content(event) for event in one.events] == [content(event) for event in alone.events]
