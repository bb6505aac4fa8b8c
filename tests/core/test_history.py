"""Records, worked out from the events of a call."""

from chalicelib.core.events import Call, Delivery, EventKey, EventKind, Progress, Stored
from chalicelib.core.history import record_of
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
