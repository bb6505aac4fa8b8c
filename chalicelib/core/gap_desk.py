"""Looks calls over: what they lack is told, the numbers of their events are noted."""

from collections.abc import Callable, Iterable

from chalicelib.core.counting import CountDesk
from chalicelib.core.due import look_at
from chalicelib.core.events import Call, Event
from chalicelib.core.gaps import Gap, gap_event, unreported


class GapDesk:
    """`record` takes in the events that tell apps of gaps; `report` hears of each gap."""

    def __init__(
        self,
        *,
        record: Callable[[Iterable[Event]], None],
        counting: CountDesk,
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
        at = look_at(call)
        found = unreported(call) if at is not None and at <= now else []
        for gap in found:
            self._report(call, gap)
        if found:
            self._record([gap_event(call, gap, now=now) for gap in found])
        return len(found)
