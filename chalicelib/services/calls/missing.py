"""Looks calls over: what they lack is told, the numbers of their events are noted."""

from collections.abc import Callable

from chalicelib.core.calls.events import Event
from chalicelib.core.calls.follow_up import look_at
from chalicelib.core.calls.missing import Gap, gap_event, unreported
from chalicelib.core.calls.model import Call
from chalicelib.core.calls.splitting import split
from chalicelib.services.calls.sequence_gaps import SequenceGaps


class MissingEvents:
    """`record` takes in an event that tells an app of a gap in a call; `report` hears of each."""

    def __init__(
        self,
        *,
        record: Callable[[Event, Call], None],
        counting: SequenceGaps,
        report: Callable[[Call, Gap], None],
    ) -> None:
        self._record = record
        self._counting = counting
        self._report = report

    def look_over(self, call: Call, *, now: int) -> int:
        """Looks a call over, as it is by now (epoch ms); how many gaps are new.

        A gap that was found twice, because somebody died over it, is told once. Raises
        Unavailable, Contended.
        """
        self._counting.note(call.events, now=now)
        found = [
            (each, gap)
            for each in split(call)
            if (at := look_at(each)) is not None and at <= now
            for gap in unreported(each)
        ]
        for each, gap in found:
            self._report(each, gap)
            self._record(gap_event(each, gap, now=now), each)
        return len(found)
