"""Start, answer, end and recording of a call: in any order, as often as they come, one record."""

import hashlib
from itertools import permutations
from typing import Any

import pytest

from tests.carriers.switch.conftest import Pbx
from tests.conventions import rfc
from tests.rest.backend import URL, Backend, Recordings, follow_up, transfer
from tests.stage import X1, A, B, Client, Clock, Stage

SOUND = b"RIFF" + bytes(2_000)
MD5 = hashlib.md5(SOUND, usedforsecurity=False).hexdigest()
AT = 1_768_463_000_000
TIMES = {1: (1, 1, 1, 1), 2: (2, 2, 2, 2), 3: (3, 1, 2, 3)}
ORDERS = [(order, TIMES[1 + i % 3]) for i, order in enumerate(permutations(range(4)))]
"""Each order with some of the ways in which events are repeated."""


def told_of(call_id: str, binding: str, url: str) -> list[dict[str, Any]]:
    """What the switch says of a call that B answered after four seconds and ended after sixty."""
    common = {"call_id": call_id, "binding": binding, "to": X1, "from": A}
    return [
        {"type": "call.started", "event_id": f"{call_id}-s", "at": AT, **common},
        {"type": "call.answered", "event_id": f"{call_id}-a", "at": AT + 4_000, **common},
        {
            "type": "call.ended",
            "event_id": f"{call_id}-e",
            "at": AT + 64_000,
            "callee": B,
            "reason": 16,
            "released_by": "callee",
            **common,
        },
        {
            "type": "recording.ready",
            "event_id": f"{call_id}-r",
            "at": AT + 66_000,
            "url": url,
            "md5": MD5,
            "call_id": call_id,
        },
    ]


@pytest.fixture
def binding(client: Client) -> str:
    return str(client.bind(phoneX=X1, recordFlag="1").json["bindId"])


def forgotten(stage: Stage) -> None:
    """As if nobody had ever heard of a call."""
    for item in stage.items("C#"):
        stage.dynamodb.delete_item(TableName=stage.table, Key={"pk": item["pk"], "sk": item["sk"]})
    stage.messages()
    stage.messages("transfer")


def settled(stage: Stage, clock: Clock, at: int) -> None:
    """The workers have done what was asked of them, at the same moment in every order."""
    clock.now = at
    # The recording names nothing but its call, and follows it.
    follow_up(stage)
    assert transfer(stage.messages("transfer")) == []
    assert stage.messages("transfer") == []


def test_the_same_record_byte_for_byte(
    stage: Stage, demo: Backend, pbx: Pbx, kept: Recordings, clock: Clock, binding: str
) -> None:
    kept.files["/c.wav"] = SOUND
    events = told_of("c", binding, f"{kept.url}/c.wav")
    begun, seen = clock.now, set()
    assert len(ORDERS) == 24
    for order, times in ORDERS:
        clock.now = begun
        for index in order:
            for _ in range(times[index]):
                clock.advance(ms=137)
                assert pbx.report(events[index]).status == 200
        # One comes once more after everything is over.
        settled(stage, clock, begun + 90_000)
        assert pbx.report(events[order[0]]).status == 200
        page = demo.get("/v1/records")
        (record,) = page.json["data"]
        seen.add((page.text, demo.get(f"/v1/records/{record['id']}").text))
        forgotten(stage)
    ((text, _),) = seen
    assert f'"binding": "{binding}"' in text
    assert len(kept.asked) == 24


def test_what_the_record_says(
    stage: Stage, demo: Backend, pbx: Pbx, kept: Recordings, clock: Clock, binding: str
) -> None:
    kept.files["/c.wav"] = SOUND
    pbx.report(*told_of("c", binding, f"{kept.url}/c.wav"))
    settled(stage, clock, clock.now + 61_000)
    (record,) = demo.records()
    (recording,) = record.pop("recordings")
    assert recording == {
        "id": recording["id"],
        "state": "kept",
        "size": len(SOUND),
        "md5": MD5,
        "expires": rfc(clock.now + 180 * 86_400_000),
        "url": f"{URL}/v1/recordings/{recording['id']}",
    }
    caller, callee = record.pop("caller_ref"), record.pop("callee_ref")
    assert len({caller, callee, A, B}) == 4
    assert record == {
        "id": recording["id"].partition(".")[0],
        "kind": "call",
        "binding": binding,
        "number": f"+{X1}",
        "party_refs": [],
        "started": rfc(AT),
        "ringing": None,
        "answered": rfc(AT + 4_000),
        "ended": rfc(AT + 64_000),
        "talked_s": 60,
        "released_by": "callee",
        "outcome": "callee_hung_up",
        "cause": 16,
        "sms_result": None,
        "gaps": [],
        "events": ["call.answered", "call.ended", "call.started", "recording.ready"],
        "call_id": "c",
        "caller": f"+{A}",
        "callee": f"+{B}",
        "parties": [],
        "result": None,
    }


def test_a_redial_is_another_call(
    stage: Stage, demo: Backend, pbx: Pbx, kept: Recordings, clock: Clock, binding: str
) -> None:
    kept.files |= {"/c.wav": SOUND, "/again.wav": SOUND}
    first = told_of("c", binding, f"{kept.url}/c.wav")
    again = told_of("again", binding, f"{kept.url}/again.wav")
    for event in (first[3], again[2], first[0], again[0], again[1], first[2], again[3], first[1]):
        pbx.report(event)
    settled(stage, clock, clock.now + 61_000)
    records = demo.records(f"binding={binding}")
    assert sorted(each["call_id"] for each in records) == ["again", "c"]
    unlike = {"id", "call_id", "recordings"}
    one, two = ({k: v for k, v in each.items() if k not in unlike} for each in records)
    assert one == two
    assert len({each["recordings"][0]["id"] for each in records}) == 2
