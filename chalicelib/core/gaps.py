"""What is missing in the records of calls."""

from collections.abc import Callable
from enum import StrEnum

from chalicelib.core.events import Call, EventKind


class Gap(StrEnum):
    """What a call lacks."""

    NO_START = "no_start"
    NO_END = "no_end"
    NO_RECORDING = "no_recording"


class GapDesk:
    """Looks calls over, and reports what they lack to `report`."""

    def __init__(self, report: Callable[[Call, Gap], None]) -> None:
        self._report = report

    def look_over(self, call: Call, *, now: int) -> None:  # noqa: ARG002
        """Reports each gap of a call that should be complete by now (epoch ms)."""
        for gap in gaps_of(call):
            self._report(call, gap)


def gaps_of(call: Call) -> list[Gap]:
    """What a call lacks that can't be still on its way."""
    kinds = {event.kind for event in call.events}
    started = EventKind.CALL_STARTED in kinds or any(e.started is not None for e in call.events)
    ended = EventKind.CALL_ENDED in kinds
    missing = {
        Gap.NO_START: ended and not started,
        Gap.NO_END: not ended,
        Gap.NO_RECORDING: call.recorded and EventKind.RECORDING_READY not in kinds,
    }
    return [gap for gap, lacks in missing.items() if lacks]
