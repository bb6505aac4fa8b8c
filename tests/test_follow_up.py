"""Gaps: found by the schedule in time, and told once, whoever dies over it or comes between."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from admin import provision, receivers
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.follow_up import CLAIM_MS, GRACE_MS, NOTED_MS, SETTLED_MS, UNFINISHED_MS
from chalicelib.core.calls.model import Call, Task
from chalicelib.core.calls.sequence_numbers import BLOCK, OVERTAKEN_MS
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.webhooks.policy import Result
from chalicelib.services.calls.follow_up import Seen
from chalicelib.wiring import schedules
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway, gateway
from chalicelib.wiring.ingest import Ingest
from tests.stage import X1, A, B, Receiver, Stage, answering, refusal

AT = 1_768_464_000_000
MINUTE_MS = 60_000

ABOUT: dict[str, Any] = {
    "carrier": "switch",
    "call_id": "c",
    "number": X1,
    "caller": Subscriber(A),
    "callee": Subscriber(B),
    "binding": "0" * 26,
}
START = Event(id="s", kind=EventKind.CALL_STARTED, at=AT, received=AT, **ABOUT)
ANSWER = replace(START, id="a", kind=EventKind.CALL_ANSWERED)
END = replace(START, id="e", kind=EventKind.CALL_ENDED)


class Died(BaseException):
    """The process is gone."""


def ours(stage: Stage, receiver: Receiver, *, event_format: str) -> Gateway:
    """Of an app that wants to hear of gaps alone, if it hears of them at all."""
    stage.app(callback_url=receiver.url)
    stage.binding()
    receivers.new_secret("demo")
    provision.set_app("demo", event_format=event_format)
    stage.forget()
    return gateway()


@pytest.fixture
def told(stage: Stage, receiver: Receiver) -> Gateway:
    """Of an app that is told of gaps."""
    return ours(stage, receiver, event_format="cloudevents")


def run(ours: Gateway, now: int) -> Seen:
    return ours.shared(schedules.follow_up).run(now=now, time_left=lambda: True)


def deliver(ours: Gateway, stage: Stage, now: int) -> None:
    """Whatever is in the queue, and what follows from it."""
    for message in stage.messages():
        assert (
            ours.shared(webhook_delivery).deliver(Task.from_text(message), now=now)
            is Result.DELIVERED
        )


def gaps(receiver: Receiver) -> list[str]:
    """What the app was told of gaps."""
    bodies = [json.loads(body) for _, _, body in receiver.got]
    return [
        each["data"]["result"] for each in bodies if each["type"].startswith("masking.call.gap")
    ]


def found(log: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What the log says of gaps."""
    return [line for line in log() if line["message"] == "gap"]


def metric(written: str, name: str) -> int:
    """How much a metric counted, by its operation."""
    lines = [json.loads(line) for line in written.splitlines() if '"CallGap"' in line]
    return sum(int(line["CallGap"][0]) for line in lines if line["operation"] == name)


@pytest.mark.parametrize(
    ("events", "lacks", "after_ms"),
    [
        ([END], "no_start", SETTLED_MS),
        ([START], "no_end", UNFINISHED_MS),
        ([START, ANSWER], "no_end", UNFINISHED_MS),
    ],
)
def test_a_gap_is_found_in_time_and_told_once(
    stage: Stage,
    told: Gateway,
    receiver: Receiver,
    log: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
    events: list[Event],
    lacks: str,
    after_ms: int,
) -> None:
    told.shared(Ingest).events.record(events)
    deliver(told, stage, AT)
    assert run(told, AT + after_ms - 1) == Seen()
    assert run(told, AT + after_ms) == Seen(looked=1, gaps=1)
    deliver(told, stage, AT + after_ms)
    for later in range(1, 4):
        assert run(told, AT + after_ms + later * UNFINISHED_MS) == Seen()
    assert stage.messages() == []
    assert gaps(receiver) == [lacks]
    (line,) = found(log)
    assert (line["gap"], line["app"], line["carrier"]) == (lacks, "demo", "switch")
    assert A not in json.dumps(line)
    assert metric(capsys.readouterr().out, lacks) == 1


def test_a_complete_call_is_none(stage: Stage, told: Gateway, receiver: Receiver) -> None:
    told.shared(Ingest).events.record([END, START, ANSWER])
    deliver(told, stage, AT)
    assert run(told, AT + 10 * UNFINISHED_MS) == Seen()
    assert gaps(receiver) == []


def test_what_comes_in_time_is_no_gap(stage: Stage, told: Gateway, receiver: Receiver) -> None:
    told.shared(Ingest).events.record([END])
    deliver(told, stage, AT)
    told.shared(Ingest).events.record([replace(START, received=AT + SETTLED_MS - 1)])
    deliver(told, stage, AT + SETTLED_MS)
    assert run(told, AT + 10 * UNFINISHED_MS) == Seen()


def test_what_comes_late_can_lack_something_else(
    stage: Stage, told: Gateway, receiver: Receiver
) -> None:
    told.shared(Ingest).events.record([ANSWER])
    deliver(told, stage, AT)
    looked = AT + UNFINISHED_MS
    run(told, looked)
    told.shared(Ingest).events.record([replace(END, received=looked + MINUTE_MS)])
    deliver(told, stage, looked + MINUTE_MS)
    assert run(told, looked + MINUTE_MS + SETTLED_MS).gaps == 1
    deliver(told, stage, looked + MINUTE_MS + SETTLED_MS)
    assert gaps(receiver) == ["no_end", "no_start"]


@pytest.mark.parametrize(("answered", "lacks"), [(True, ["no_recording"]), (False, [])])
def test_the_recording_of_a_binding_that_records_is_missed(
    stage: Stage, told: Gateway, receiver: Receiver, answered: bool, lacks: list[str]
) -> None:
    client = stage.app("other", numbers=[("8610000000088", None)])
    bound = client.bind(phoneX="8610000000088", recordFlag="1").json
    receivers.new_secret("other")
    provision.set_app("other", event_format="cloudevents", callback_url=receiver.url)
    stage.forget()
    about = {"binding": bound["bindId"], "number": "8610000000088"}
    events = [replace(each, **about) for each in (START, ANSWER, END)]
    again = gateway()
    again.shared(Ingest).events.record(events if answered else [events[0], events[2]])
    deliver(again, stage, AT)
    assert run(again, AT + SETTLED_MS).gaps == len(lacks)
    deliver(again, stage, AT + SETTLED_MS)
    assert gaps(receiver) == lacks


def test_a_dialect_without_a_word_for_it_is_silent(
    stage: Stage, receiver: Receiver, log: Callable[[], list[dict[str, Any]]]
) -> None:
    silent = ours(stage, receiver, event_format="netease")
    silent.shared(Ingest).events.record([replace(END, caller=None)])
    deliver(silent, stage, AT)
    receiver.got.clear()
    assert run(silent, AT + SETTLED_MS).gaps == 1
    assert stage.messages() == []
    assert run(silent, AT + 10 * UNFINISHED_MS) == Seen()
    assert len(found(log)) == 1


@pytest.mark.parametrize("again", ["at once", "after it died"])
def test_a_gap_is_told_once_whoever_finds_it(
    stage: Stage,
    told: Gateway,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    again: str,
) -> None:
    told.shared(Ingest).events.record([END])
    deliver(told, stage, AT)
    events, now = told.shared(schedules.follow_up)._calls, AT + SETTLED_MS
    rest = events.rest

    def rested(call: Call, *, looked: int | None) -> bool:
        monkeypatch.undo()
        if again == "after it died":
            raise Died
        # A second turn of the schedule begins before this one has noted what it found.
        assert run(told, now).gaps == 0
        return rest(call, looked=looked)

    monkeypatch.setattr(type(events), "rest", lambda _, call, looked: rested(call, looked=looked))
    if again == "after it died":
        with pytest.raises(Died):
            run(told, now)
    else:
        assert run(told, now).gaps == 1
    for later in (now + GRACE_MS, now + CLAIM_MS, now + 2 * CLAIM_MS):
        deliver(told, stage, later)
        assert run(told, later).gaps == 0
    assert gaps(receiver) == ["no_start"]
    assert metric(capsys.readouterr().out, "no_start") == 1
    assert run(told, now + UNFINISHED_MS) == Seen()


def test_a_gap_that_can_not_be_stored_is_found_again(
    stage: Stage, told: Gateway, receiver: Receiver
) -> None:
    told.shared(Ingest).events.record([END])
    deliver(told, stage, AT)
    now = AT + SETTLED_MS
    with answering(stage.sqs, "SendMessageBatch", refusal("InternalFailure")):
        assert run(told, now).put_off == 1
    assert run(told, now + GRACE_MS).delivered == 1
    deliver(told, stage, now + GRACE_MS)
    assert gaps(receiver) == ["no_start"]


def test_what_can_not_be_read_keeps_nobody_waiting(
    stage: Stage, told: Gateway, receiver: Receiver
) -> None:
    told.shared(Ingest).events.record([replace(END, call_id=f"c{i}", id=f"e{i}") for i in range(3)])
    deliver(told, stage, AT)
    first = stage.items("C#")[0]
    (name,) = (each for each in first if len(each) == 23 and each[0] == "E")
    spoilt = first | {name: {"B": b"\x01 not sealed by us"}}
    stage.dynamodb.put_item(TableName=stage.table, Item=spoilt)
    seen = run(told, AT + SETTLED_MS)
    assert (seen.put_off, seen.gaps) == (1, 2)


# Numbers.


def count(ours: Gateway, stage: Stage, *numbers: int, now: int = AT) -> None:
    """Complete calls whose ends have these numbers, each noted in its time."""
    events = [
        replace(
            END, id=f"{now}-{i}", call_id=f"{now}-{i}", started=AT, received=now, sequence=number
        )
        for i, number in enumerate(numbers)
    ]
    ours.shared(Ingest).events.record(events)
    deliver(ours, stage, now)
    assert run(ours, now + NOTED_MS).looked >= len(events)


def looks(ours: Gateway, now: int) -> list[int]:
    """What the next turns of the schedule miss."""
    turns = range(now, now + 3 * OVERTAKEN_MS, 15 * MINUTE_MS)
    return [holes for turn in turns if (holes := run(ours, turn).missing_numbers)]


def test_a_hole_is_found_in_time_and_reported_once(
    stage: Stage,
    told: Gateway,
    log: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    base = 12_345_000
    count(told, stage, base + 1, base + 2, base + 5, base + 7)
    assert looks(told, AT + NOTED_MS) == [3]
    count(told, stage, base + 8, base + 9, now=AT + UNFINISHED_MS)
    assert looks(told, AT + UNFINISHED_MS) == []
    (line,) = found(log)
    assert (line["gap"], line["carrier"], line["missing"]) == ("hole", "switch", 3)
    assert line["ranges"] == ["12,345,003 to 12,345,004", "12,345,006 to 12,345,006"]
    assert metric(capsys.readouterr().out, "hole") == 3
    assert run(told, AT + 10 * UNFINISHED_MS) == Seen()


def test_what_is_counted_without_a_hole_is_no_gap(stage: Stage, told: Gateway) -> None:
    count(told, stage, 998, 999, 1_000, 1_001)
    count(told, stage, 1_002, now=AT + OVERTAKEN_MS)
    assert looks(told, AT + OVERTAKEN_MS) == []
    assert not [item for item in stage.items("N#") if "due_at" in item]


def test_a_late_number_closes_its_hole_silently(stage: Stage, told: Gateway) -> None:
    count(told, stage, 1, 4)
    count(told, stage, 2, now=AT + OVERTAKEN_MS)
    assert looks(told, AT + OVERTAKEN_MS + NOTED_MS) == [1]
    count(told, stage, 3, 5, now=AT + UNFINISHED_MS)
    assert looks(told, AT + UNFINISHED_MS) == []


def test_a_hole_over_a_border_is_one_of_each_block(stage: Stage, told: Gateway) -> None:
    count(told, stage, BLOCK - 3, BLOCK - 2)
    count(told, stage, BLOCK + 1, now=AT + OVERTAKEN_MS)
    assert sorted(looks(told, AT + OVERTAKEN_MS)) == [1, 1]


@pytest.mark.parametrize("then", [0, 30, 9 * BLOCK, 10**14])
def test_a_switch_that_counts_anew_or_jumps_left_nothing_out(
    stage: Stage, told: Gateway, then: int
) -> None:
    count(told, stage, *range(5 * BLOCK, 5 * BLOCK + 5))
    count(told, stage, then, then + 1, now=AT + UNFINISHED_MS)
    assert looks(told, AT + UNFINISHED_MS) == []


@pytest.mark.parametrize("again", ["at once", "after it died"])
def test_a_hole_is_reported_by_one(
    stage: Stage, told: Gateway, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    count(told, stage, 1, 3)
    counting = told.shared(schedules.follow_up)._sequences
    reports: list[int] = []
    now = AT + NOTED_MS + OVERTAKEN_MS
    run(told, now)

    def report(carrier: str, ranges: Any) -> None:
        reports.append(sum(map(len, ranges)))
        if again == "after it died":
            raise Died
        assert run(told, now + OVERTAKEN_MS) == Seen()

    monkeypatch.setattr(counting, "_report", report)
    if again == "after it died":
        with pytest.raises(Died):
            run(told, now + OVERTAKEN_MS)
        # Better twice than never: nobody knows whether it was heard.
        monkeypatch.setattr(counting, "_report", lambda _, ranges: reports.append(len(ranges)))
        assert looks(told, now + OVERTAKEN_MS + CLAIM_MS) == [1]
        assert reports == [1, 1]
    else:
        run(told, now + OVERTAKEN_MS)
        assert looks(told, now + 2 * OVERTAKEN_MS) == []
        assert reports == [1]


def test_a_turn_without_time_for_all_calls_misses_no_number(stage: Stage, told: Gateway) -> None:
    count(told, stage, 1, 3)
    run(told, now := AT + NOTED_MS + OVERTAKEN_MS)
    told.shared(Ingest).events.record(
        [replace(END, call_id="other", id="o", started=AT, sequence=2)]
    )
    deliver(told, stage, AT)
    hurried = told.shared(schedules.follow_up).run(
        now=now + OVERTAKEN_MS, time_left=iter([False] * 9).__next__
    )
    assert hurried == Seen()
    assert looks(told, now + OVERTAKEN_MS) == []


def test_a_long_call_is_no_hole(stage: Stage, told: Gateway) -> None:
    talking = [
        replace(START, call_id="long", id="l", sequence=1),
        replace(ANSWER, call_id="long", id="m", sequence=2),
    ]
    told.shared(Ingest).events.record(talking)
    deliver(told, stage, AT)
    assert run(told, AT + NOTED_MS).looked == 1
    count(told, stage, 0, 3, now=AT + MINUTE_MS)
    assert looks(told, AT + NOTED_MS) == []


def test_the_calls_of_nobody_are_counted_too(stage: Stage, told: Gateway) -> None:
    nobodys = replace(END, number="8610000000099", call_id="n", id="n", sequence=2)
    told.shared(Ingest).events.record([nobodys])
    for message in stage.messages():
        told.shared(webhook_delivery).deliver(Task.from_text(message), now=AT)
    count(told, stage, 1, 3)
    assert looks(told, AT + NOTED_MS) == []


@pytest.mark.parametrize(
    "kept", [START, replace(START, kind=EventKind.UNKNOWN), replace(START, binding=None)]
)
def test_what_nobody_is_told_of_is_counted_too(
    stage: Stage, receiver: Receiver, kept: Event
) -> None:
    silent = ours(stage, receiver, event_format="netease")
    silent.shared(Ingest).events.record([replace(kept, call_id="kept", id="k", sequence=1)])
    assert run(silent, AT + NOTED_MS).looked == 1
    later = AT + NOTED_MS
    silent.shared(Ingest).events.record(
        [replace(kept, call_id="kept", id="l", sequence=2, received=later)]
    )
    count(silent, stage, 0, 3, now=later)
    assert looks(silent, later + NOTED_MS) == []


def test_what_is_due_goes_to_the_queue_ten_at_a_time_also_when_time_runs_out(
    stage: Stage, told: Gateway
) -> None:
    for i in range(12):
        told.shared(Ingest).events.record([replace(END, id=f"e{i}", call_id=f"c{i}")])
    stage.messages()
    left = iter([True] * 11)
    with answering(stage.sqs, "SendMessageBatch") as sent:
        seen = told.shared(schedules.follow_up).run(
            now=AT + GRACE_MS, time_left=lambda: next(left, False)
        )
    assert seen.delivered == 11
    assert [len(each["Entries"]) for each in sent] == [10, 1]
