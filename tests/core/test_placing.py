"""What an event takes over from its call that names nothing but the call's id."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from chalicelib.core.calls.events import Event, EventKind, PlacedEnd
from chalicelib.core.calls.model import Call, Delivery, EventKey, Progress, Stored, Task
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.calls.matching import ALONE_MS, CallMatching, follows_of
from tests.core.samples import call_of, event

X = "8610099000001"
HOUR = 3_600_000
FIRST, SECOND = (
    event(
        EventKind.CALL_ENDED,
        at + 60_000,
        started=at,
        number=X,
        binding=binding,
        caller=Subscriber(caller),
    )
    for at, binding, caller in ((0, "b", "8610010000001"), (HOUR, "c", "8610010000002"))
)


class Desk:
    """Stands in for core.reporting.EventDesk."""

    added: Event | None = None
    now = 5

    def orphaned(self) -> None:
        pass

    def add(self, said: EventKey, known: Event, call: Call, *, now: int) -> None:
        assert (said.call, call.app, now) == ("c" * 22, "demo", self.now)
        self.added = known


def followed(bare: Event, *calls: Event) -> tuple[str | None, str | None]:
    """The binding that it takes over, and the caller."""
    desk, nothing = Desk(), cast("Any", None)
    (stored,) = call_of(bare).stored
    placing = CallMatching(calls=nothing, queues=nothing, ingest=cast("Any", desk))
    placing.follow(stored, call_of(*calls), now=5)
    assert desk.added is not None
    assert desk.added.number == X
    return desk.added.binding, desk.added.caller.digits if desk.added.caller else None


@pytest.mark.parametrize(
    ("said", "calls", "taken_over"),
    [
        ({"at": 30_000}, [FIRST], ("b", "8610010000001")),
        ({"at": 30_000}, [FIRST, SECOND], ("b", "8610010000001")),
        ({"at": HOUR + 30_000}, [FIRST, SECOND], ("c", "8610010000002")),
        # Received long after both, and of either.
        ({"at": 9 * HOUR, "timed": False}, [FIRST, SECOND], (None, None)),
        ({"at": 9 * HOUR, "timed": False}, [FIRST], ("b", "8610010000001")),
    ],
)
def test_what_is_taken_over(
    said: dict[str, Any], calls: list[Event], taken_over: tuple[str | None, str | None]
) -> None:
    assert followed(event(EventKind.RECORDING_READY, **said), *calls) == taken_over


@pytest.mark.parametrize(
    ("named", "follows"),
    [
        ({}, [True, False]),
        ({"caller": Subscriber("8610010000001")}, [True, True]),
        ({"callee": Subscriber("8610010000001")}, [True, True]),
        ({"caller": Subscriber("8610010000009")}, [False, False]),
        ({"callee": Subscriber("8610010000009")}, [True, False]),
        ({"at": HOUR - 60_000, "caller": Subscriber("8610010000001")}, [True, True]),
        # A clock may be two minutes behind.
        ({"at": -120_000}, [True, False]),
        ({"at": -120_001}, [False, False]),
        # Long after: of a later call that has the id again, or of nobody.
        ({"at": 3 * HOUR}, [False, False]),
    ],
)
def test_nothing_follows_a_call_of_other_people(named: dict[str, Any], follows: list[bool]) -> None:
    """A switch counts its calls anew: an id alone may be of somebody else's."""
    calls = [call_of(FIRST), call_of(SECOND)]
    for beside, followed_one in zip((calls[:1], calls), follows, strict=True):
        bare = event(EventKind.CALL_RINGING, **{"at": 30_000} | named)
        assert (follows_of(bare, beside) is calls[0]) is (followed_one)


@pytest.mark.parametrize(
    "late",
    [
        event(EventKind.CALL_GAP, 5 * HOUR),
        event(EventKind.RECORDING_FAILED, 5 * HOUR),
        event(EventKind.RECORDING_READY, 5 * HOUR, timed=False),
    ],
)
def test_a_call_is_over_when_its_carrier_says_so(late: Event) -> None:
    """Not when we tell of it, or hear of it."""
    call = call_of(FIRST, late)
    assert follows_of(event(EventKind.CALL_RINGING, FIRST.at + HOUR), [call]) is call
    assert follows_of(event(EventKind.CALL_RINGING, FIRST.at + HOUR + 1), [call]) is None


MESSAGE = event(
    EventKind.SMS_SENT, 90_000, number=X, binding="m", caller=Subscriber("8610010000003")
)


def test_no_event_of_a_call_follows_a_message() -> None:
    assert follows_of(event(EventKind.RECORDING_READY, MESSAGE.at), [call_of(MESSAGE)]) is None


@pytest.mark.parametrize(
    ("said", "taken_over"),
    [
        ({}, ("b", "8610010000001")),
        # Of a later call under this id are other people.
        ({"at": 2 * HOUR, "caller": FIRST.caller}, ("b", "8610010000001")),
        ({"at": 2 * HOUR, "caller": Subscriber("8610010000009")}, (None, "8610010000009")),
    ],
)
def test_nothing_is_taken_over_from_a_message_or_from_other_people(
    said: dict[str, Any], taken_over: tuple[str | None, str | None]
) -> None:
    bare = event(EventKind.RECORDING_READY, **{"at": 100_000} | said)
    assert followed(bare, FIRST, SECOND, MESSAGE) == taken_over


OTHER = replace(FIRST, number="8610099000002")
END = event(EventKind.PLACED_ENDED, 60_000, placed=PlacedEnd(False, "c", None, (), 1, 2, 3, ""))


class Events:
    """As much of the port Events as is asked: some calls with the id."""

    def __init__(self, *calls: Call) -> None:
        self.calls = calls
        self.settled: Progress | None = None

    def beside(self, event: Event) -> tuple[Call, ...]:
        return self.calls

    def advance(self, call: Call, stored: Stored, progress: Progress) -> bool:
        self.settled = progress
        return True


class Queues:
    """As much of the port Outbox as is asked."""

    def deliver(self, tasks: Sequence[Task], *, delay_s: int) -> None:
        pass


@pytest.mark.parametrize(
    ("named", "calls", "after_s", "becomes"),
    [
        ({}, [FIRST], 5, Delivery.UNPLACED),
        ({}, [FIRST], 59, Delivery.UNPLACED),
        ({}, [FIRST], 60, Delivery.KEPT),
        ({}, [FIRST, SECOND], 5, Delivery.UNMATCHED),
        ({"caller": FIRST.caller}, [FIRST], 5, Delivery.KEPT),
        ({"caller": FIRST.caller}, [FIRST, SECOND], 5, Delivery.KEPT),
        ({}, [END], 5, Delivery.KEPT),
        ({"number": X}, [FIRST], 60, Delivery.KEPT),
        ({"number": X}, [FIRST, OTHER], 60, Delivery.KEPT),
        ({"number": X, "caller": FIRST.caller}, [OTHER], 5, Delivery.UNPLACED),
    ],
)
def test_what_names_nobody_waits_for_another_call_with_its_id(
    named: dict[str, Any], calls: list[Event], after_s: int, becomes: Delivery
) -> None:
    """Or whose call is reported first would have the recording of another."""
    events, desk, queues = Events(*map(call_of, calls)), Desk(), Queues()
    placing = CallMatching(
        calls=cast("Any", events), queues=cast("Any", queues), ingest=cast("Any", desk)
    )
    call = call_of(event(EventKind.RECORDING_READY, 30_000, **named))
    (stored,) = call.stored
    desk.now = now = 30_000 + after_s * 1000
    assert placing.place(call.task(stored), call, stored, now=now) is becomes
    assert events.settled is not None
    assert events.settled.delivery is becomes
    assert (desk.added is not None) == (becomes is Delivery.KEPT)
    if becomes is Delivery.UNPLACED and calls == [FIRST]:
        assert events.settled == Progress(Delivery.UNPLACED, 0, 30_000 + ALONE_MS)
