"""What a call counts for in the usage of its app, in which hour, and which hours a change of it
changes that may have been counted already."""

from dataclasses import replace

import pytest

from chalicelib.core.calls.events import Event, EventKind, PlacedEnd, SmsResult
from chalicelib.core.calls.model import Call, Delivery, Progress, Recording
from chalicelib.core.calls.usage import (
    GIVEN_UP_MS,
    HOUR_MS,
    MARGIN_MS,
    SETTLES_MS,
    Usage,
    changed_hours,
    hour_of,
    is_settled,
    may_be_counted,
    usage_of,
)
from chalicelib.core.durations import DAY_MS
from tests.core.samples import call_of, event

HOUR = 20_000 * DAY_MS + 7 * HOUR_MS
LATE = HOUR + SETTLES_MS
START = event(EventKind.CALL_STARTED, HOUR)
ANSWER = event(EventKind.CALL_ANSWERED, HOUR + 5_000)
END = event(EventKind.CALL_ENDED, HOUR + 66_000)
SMS = event(EventKind.SMS_SENT, HOUR + 1_000)
SOUND = event(EventKind.RECORDING_READY, HOUR + 70_000)
FILE = Recording("name", 1, "md5", HOUR, HOUR + DAY_MS, "audio/wav")


def progressing(call: Call, at: Event, progress: Progress) -> Call:
    """The call, with this event so far."""
    return replace(
        call,
        stored=tuple(
            replace(each, progress=progress) if each.event == at else each for each in call.stored
        ),
    )


def placed(duration_s: int) -> Event:
    end = PlacedEnd(False, "account", None, (), HOUR, HOUR, duration_s, "ok")
    return event(EventKind.PLACED_ENDED, HOUR + 70_000, placed=end)


@pytest.mark.parametrize(
    ("call", "usage"),
    [
        (call_of(START), Usage(calls=1)),
        (call_of(START, END), Usage(calls=1)),
        (call_of(START, ANSWER), Usage(calls=1, connected=1)),
        (call_of(START, ANSWER, END), Usage(calls=1, connected=1, minutes=2)),
        (call_of(replace(END, talked_s=60)), Usage(calls=1, connected=1, minutes=1)),
        (call_of(replace(END, talked_s=61)), Usage(calls=1, connected=1, minutes=2)),
        (call_of(placed(0)), Usage(calls=1)),
        (call_of(placed(59)), Usage(calls=1, connected=1, minutes=1)),
        (call_of(SMS), Usage(messages=1)),
        (call_of(replace(SMS, sms_result=SmsResult.FAILED)), Usage(messages=1)),
        (call_of(event(EventKind.UNKNOWN, HOUR)), Usage()),
        (call_of(START, SOUND), Usage(calls=1)),
    ],
)
def test_what_a_call_counts_for(call: Call, usage: Usage) -> None:
    assert usage_of(call) == usage


def test_a_recording_counts_once_it_is_kept_here() -> None:
    call = call_of(START, SOUND)
    kept = tuple(
        replace(each, recording=FILE) if each.event == SOUND else each for each in call.stored
    )
    assert usage_of(replace(call, stored=kept)) == Usage(calls=1, recordings=1)


@pytest.mark.parametrize(
    ("progress", "usage"),
    [
        (Progress(Delivery.DELIVERED), Usage(calls=1, delivered=1)),
        (Progress(Delivery.DEAD_LETTERED), Usage(calls=1, dead_lettered=1)),
        (Progress(Delivery.PENDING), Usage(calls=1)),
        (
            Progress(Delivery.PENDING, redelivers=Delivery.DELIVERED),
            Usage(calls=1, delivered=1),
        ),
        (
            Progress(Delivery.PENDING, redelivers=Delivery.DEAD_LETTERED),
            Usage(calls=1, dead_lettered=1),
        ),
        (Progress(Delivery.KEPT), Usage(calls=1)),
    ],
)
def test_an_event_counts_for_what_became_of_it(progress: Progress, usage: Usage) -> None:
    assert usage_of(progressing(call_of(START), START, progress)) == usage


def test_everything_of_a_call_is_of_the_hour_in_which_it_started() -> None:
    end = replace(END, at=HOUR + 3 * HOUR_MS)
    assert hour_of(call_of(START, end)) == HOUR
    assert hour_of(call_of(replace(end, started=HOUR - 1))) == HOUR - HOUR_MS
    assert hour_of(call_of(event(EventKind.UNKNOWN, HOUR))) is None


def test_an_hour_is_settled_when_exports_take_a_call_for_over() -> None:
    assert SETTLES_MS == HOUR_MS + 270 * 60_000
    assert is_settled(HOUR, now=LATE)
    assert not is_settled(HOUR, now=LATE - 1)


def test_what_comes_before_an_hour_is_settled_changes_nothing_that_was_counted() -> None:
    before, after = call_of(START), call_of(START, ANSWER)
    assert not may_be_counted(after, now=LATE - MARGIN_MS - 1)
    assert may_be_counted(after, now=LATE - MARGIN_MS)
    assert changed_hours(before, after, now=LATE - MARGIN_MS - 1) == []


def test_a_late_event_changes_the_hour_of_its_call() -> None:
    before, after = call_of(START, ANSWER), call_of(START, ANSWER, END)
    assert changed_hours(before, after, now=LATE) == [HOUR]
    # Clocks are apart: whoever counts may be ahead.
    assert changed_hours(before, after, now=LATE - MARGIN_MS) == [HOUR]


def test_a_late_event_that_counts_for_nothing_changes_nothing() -> None:
    ring = event(EventKind.CALL_RINGING, HOUR + 1_000)
    assert changed_hours(call_of(START), call_of(START, ring), now=LATE) == []


def test_a_late_event_that_is_to_be_delivered_changes_its_hour_once() -> None:
    ring = event(EventKind.CALL_RINGING, HOUR + 1_000)
    call = call_of(START, ring)
    pending = progressing(call, ring, Progress(Delivery.PENDING))
    delivered = progressing(call, ring, Progress(Delivery.DELIVERED))
    assert changed_hours(call_of(START), pending, now=LATE) == [HOUR]
    # It was counted by nobody meanwhile.
    assert changed_hours(pending, delivered, now=LATE + HOUR_MS) == []


def test_a_start_that_comes_late_changes_two_hours() -> None:
    early = replace(START, at=HOUR - 2_000)
    found = changed_hours(call_of(END), call_of(early, END), now=LATE)
    assert found == [HOUR - HOUR_MS, HOUR]


def test_a_first_delivery_after_nobody_waits_for_it_changes_its_hour() -> None:
    pending = progressing(call_of(START), START, Progress(Delivery.PENDING))
    delivered = progressing(call_of(START), START, Progress(Delivery.DELIVERED))
    ends = HOUR + GIVEN_UP_MS
    assert changed_hours(pending, delivered, now=ends - MARGIN_MS - 1) == []
    assert changed_hours(pending, delivered, now=ends - MARGIN_MS) == [HOUR]


def test_a_redelivery_changes_its_hour_when_it_ends_otherwise() -> None:
    dead = progressing(call_of(START), START, Progress(Delivery.DEAD_LETTERED))
    again = Progress(Delivery.PENDING, redelivers=Delivery.DEAD_LETTERED)
    pending = progressing(dead, START, again)
    delivered = progressing(dead, START, Progress(Delivery.DELIVERED))
    assert changed_hours(dead, pending, now=LATE) == []
    assert changed_hours(pending, dead, now=LATE) == []
    assert changed_hours(pending, delivered, now=LATE) == [HOUR]


def test_what_is_older_than_calls_are_kept_is_not_counted_again() -> None:
    before, after = call_of(START, ANSWER), call_of(START, ANSWER, END)
    assert changed_hours(before, after, now=HOUR + 190 * DAY_MS) == []


def test_usages_add_up() -> None:
    one = Usage(1, 2, 3, 4, 5, 6, 7, 8)
    assert one + one == Usage(2, 4, 6, 8, 10, 12, 14, 16)
