"""Records, worked out from the events of a call."""

from chalicelib.core.calls.cdr import call_record
from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.merging import record_of
from chalicelib.core.calls.model import Call, Delivery, EventKey, Progress, Stored
from tests.core.samples import event


def test_recordings_are_in_the_same_order_whichever_was_heard_of_first() -> None:
    # NetEase's callback of a recording tells no time: it counts as made when it came.
    def call(*heard: str) -> Call:
        return Call(
            "c",
            "demo",
            1,
            tuple(
                Stored(
                    EventKey("c", name),
                    event(EventKind.RECORDING_READY, at, url=f"https://example.org/{name}"),
                    Progress(Delivery.FETCHING),
                )
                for at, name in enumerate(heard)
            ),
        )

    first = record_of(call("one", "two"))
    assert first is not None
    assert first == record_of(call("two", "one"))
    assert len(first.recordings) == 2


def test_a_record_does_not_start_after_it_was_answered() -> None:
    """A carrier that says how long people talked, and when it was over at most."""
    for said in ({}, {"started": 99_000}):
        end = event(EventKind.CALL_ENDED, 100_000, talked_s=30, **said)
        stored = Stored(EventKey("c", "e"), end, Progress(Delivery.PENDING))
        record, read = record_of(Call("c", "demo", 1, (stored,))), call_record(end, [end])
        assert record
        assert record.started == read.started == read.answered == 70_000
