"""The record of a call, read off whatever events of it are known, in whatever order they came."""

import json
from itertools import permutations
from typing import Any

import pytest

from chalicelib.core.calls.cdr import call_record
from chalicelib.core.calls.events import Event, EventKind, Outcome, Party, RejectReason
from chalicelib.core.calls.model import EventKey, Task
from tests.core.samples import event


def ended(at: int, **more: Any) -> Event:
    return event(EventKind.CALL_ENDED, at, **({"binding": "b"} | more))


STARTED = event(EventKind.CALL_STARTED, 1000)
RINGING = event(EventKind.CALL_RINGING, 2000)
ANSWERED = event(EventKind.CALL_ANSWERED, 5000)


def test_events_in_any_order_give_the_same_record() -> None:
    end = ended(9000, released_by=Party.CALLEE, cause=16)
    for order in permutations([STARTED, RINGING, ANSWERED, end]):
        record = call_record(end, order)
        assert (record.started, record.answered, record.ended) == (1000, 5000, 9000)
        assert record.outcome is Outcome.CALLEE_HUNG_UP
        assert record.released_by is Party.CALLEE


@pytest.mark.parametrize(
    ("known", "started", "answered"),
    [
        ([], 9000, None),
        ([RINGING], 2000, None),
        ([ANSWERED], 5000, 5000),
        ([STARTED, ANSWERED], 1000, 5000),
        # A switch whose clock jumped: no call ends before it was answered.
        ([event(EventKind.CALL_ANSWERED, 9500)], 9000, 9000),
        # Another kind of event of the same call says nothing about its times.
        ([event(EventKind.RECORDING_READY, 10)], 9000, None),
    ],
)
def test_what_is_missing_is_made_up_for(
    known: list[Event], started: int, answered: int | None
) -> None:
    end = ended(9000, released_by=Party.CALLER, cause=16)
    record = call_record(end, [*known, end])
    assert (record.started, record.answered, record.ended) == (started, answered, 9000)


@pytest.mark.parametrize(
    ("by", "outcome"),
    [
        (Party.CALLER, Outcome.CALLER_HUNG_UP),
        (Party.CALLEE, Outcome.CALLEE_HUNG_UP),
        (Party.PLATFORM, Outcome.PLATFORM_ENDED),
        (Party.LIMIT, Outcome.LIMIT_REACHED),
    ],
)
@pytest.mark.parametrize("cause", [None, 16, 17, 41])
def test_an_answered_call_ends_by_whoever_hung_up(
    by: Party, outcome: Outcome, cause: int | None
) -> None:
    end = ended(9000, released_by=by, cause=cause)
    record = call_record(end, [ANSWERED, end])
    assert record.outcome is outcome
    assert record.released_by is (Party.PLATFORM if by is Party.LIMIT else by)


@pytest.mark.parametrize(
    ("cause", "outcome"),
    [
        (None, Outcome.HUNG_UP),
        (16, Outcome.HUNG_UP),
        (31, Outcome.HUNG_UP),
        (38, Outcome.ROUTE_FAILURE),
        (127, Outcome.PLATFORM_ERROR),
    ],
)
def test_who_ended_an_answered_call_stays_unknown(cause: int | None, outcome: Outcome) -> None:
    record = call_record(ended(9000, cause=cause), [ANSWERED, ended(9000, cause=cause)])
    assert (record.outcome, record.released_by) == (outcome, None)


@pytest.mark.parametrize(
    ("told", "answered", "talked_s"),
    [
        # The carrier's word wins, also against times that say otherwise.
        ({"talked_s": 30, "answered": 9999}, 9000, 30),
        ({"talked_s": 3, "answered": 5000}, 5000, 3),
        ({"talked_s": 8}, 1000, 8),
        ({"talked_s": 0, "answered": 5000}, 5000, 4),
        ({"answered": 5000}, 5000, 4),
        ({}, None, 0),
    ],
)
def test_how_long_they_talked(told: dict[str, Any], answered: int | None, talked_s: int) -> None:
    end = ended(9000, **told)
    record = call_record(end, [end])
    assert (record.answered, record.talked_s) == (answered, talked_s)


@pytest.mark.parametrize(
    ("cause", "by", "outcome"),
    [
        (None, Party.CALLER, Outcome.CALLER_GAVE_UP),
        (16, Party.CALLER, Outcome.CALLER_GAVE_UP),
        (31, Party.CALLER, Outcome.CALLER_GAVE_UP),
        (16, Party.CALLEE, Outcome.REJECTED),
        (16, Party.PLATFORM, Outcome.PLATFORM_ERROR),
        (16, None, Outcome.CALLER_GAVE_UP),
        (31, None, Outcome.NO_ANSWER),
        (None, None, Outcome.NO_ANSWER),
        (1, Party.PLATFORM, Outcome.EMPTY_NUMBER),
        (2, Party.PLATFORM, Outcome.ROUTE_FAILURE),
        (3, Party.PLATFORM, Outcome.ROUTE_FAILURE),
        (17, Party.CALLEE, Outcome.BUSY),
        (18, Party.PLATFORM, Outcome.NO_ANSWER),
        (19, Party.PLATFORM, Outcome.NO_ANSWER),
        (20, Party.PLATFORM, Outcome.POWERED_OFF),
        (21, Party.CALLEE, Outcome.REJECTED),
        (22, Party.PLATFORM, Outcome.EMPTY_NUMBER),
        (25, Party.PLATFORM, Outcome.ROUTE_FAILURE),
        (27, Party.PLATFORM, Outcome.UNREACHABLE),
        (28, Party.PLATFORM, Outcome.EMPTY_NUMBER),
        (50, Party.PLATFORM, Outcome.SUSPENDED),
        (55, Party.PLATFORM, Outcome.BLOCKED),
        (57, Party.PLATFORM, Outcome.SUSPENDED),
        (29, Party.CALLEE, Outcome.REJECTED),
        (34, Party.PLATFORM, Outcome.ROUTE_FAILURE),
        (38, Party.PLATFORM, Outcome.ROUTE_FAILURE),
        (41, Party.PLATFORM, Outcome.ROUTE_FAILURE),
        (42, None, Outcome.ROUTE_FAILURE),
        (102, None, Outcome.UNREACHABLE),
        (26, None, Outcome.PLATFORM_ERROR),
        (88, Party.CALLEE, Outcome.PLATFORM_ERROR),
        (111, None, Outcome.PLATFORM_ERROR),
        (127, None, Outcome.PLATFORM_ERROR),
    ],
)
def test_an_unanswered_call_ends_by_its_cause(
    cause: int | None, by: Party | None, outcome: Outcome
) -> None:
    end = ended(9000, cause=cause, released_by=by)
    record = call_record(end, [STARTED, end])
    assert (record.outcome, record.answered) == (outcome, None)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        (RejectReason.UNKNOWN_NUMBER, Outcome.NO_BINDING),
        (RejectReason.NO_BINDING, Outcome.NO_BINDING),
        (RejectReason.THIRD_PARTY, Outcome.NO_BINDING),
        (RejectReason.ANONYMOUS, Outcome.NO_BINDING),
        (RejectReason.COOLING, Outcome.NO_BINDING),
        (RejectReason.EXPIRED, Outcome.EXPIRED),
        (RejectReason.BLOCKED, Outcome.BLOCKED),
        (RejectReason.PROXY_NUMBER, Outcome.NO_BINDING),
        (RejectReason.INVALID_CALLER, Outcome.NO_BINDING),
        (RejectReason.UNAVAILABLE, Outcome.ROUTE_FAILURE),
    ],
)
def test_a_call_that_we_rejected_says_why(reason: RejectReason, outcome: Outcome) -> None:
    end = ended(1000, binding=None, rejected=reason, cause=21, released_by=Party.PLATFORM)
    assert call_record(end, [end]).outcome is outcome


def test_a_call_without_binding_had_none_unless_something_else_is_said_of_it() -> None:
    end = ended(1000, binding=None)
    assert call_record(end, [end]).outcome is Outcome.NO_BINDING
    end = ended(9000, binding=None, cause=38, released_by=Party.PLATFORM)
    assert call_record(end, [end]).outcome is Outcome.ROUTE_FAILURE
    end = ended(9000, binding=None, released_by=Party.CALLER)
    assert call_record(end, [ANSWERED, end]).outcome is Outcome.CALLER_HUNG_UP


@pytest.mark.parametrize("known", [{}, {"app": "demo"}, {"app": "demo", "binding": "0" * 26}])
def test_an_errand_survives_the_queue(known: dict[str, str]) -> None:
    task = Task(EventKey(call="c" * 22, event="e" * 22), **known)
    assert Task.from_text(task.to_text()) == task


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        "null",
        '"call"',
        '{"event": "c"}',
        json.dumps({"event": f"{'a' * 22}.{'b' * 22}", "more": "x"}),
    ],
)
def test_another_message_is_no_errand(text: str) -> None:
    with pytest.raises(ValueError):
        Task.from_text(text)
