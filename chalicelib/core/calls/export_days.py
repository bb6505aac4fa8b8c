"""Which days (UTC) can be exported, and which of them a late event changes. Times are epoch ms, a
day is the moment at which it begins."""

from collections.abc import Sequence
from datetime import UTC, datetime

from chalicelib.core.calls.merging import Record, record_of
from chalicelib.core.calls.missing_events import Gap, gaps_of, unreported
from chalicelib.core.calls.model import Call
from chalicelib.core.calls.splitting import split, started_at
from chalicelib.core.durations import DAY_MS, MINUTE_MS

OPENS_MS = DAY_MS + 270 * MINUTE_MS
"""A day can be exported from 04:30 UTC of the next day: calls that went on past midnight are over
by then, and carriers' late reports have come."""
CLOCKS_MS = 5 * MINUTE_MS
"""Processes' clocks are up to two minutes apart: for whoever stores an event, a day opens earlier,
so that nobody has exported it by then."""


def opens_at(day: int) -> int:
    """From when on the day can be exported."""
    return day + OPENS_MS


def date_of(day: int) -> str:
    """The day, as `2026-11-21`."""
    return f"{datetime.fromtimestamp(day // 1000, UTC):%Y-%m-%d}"


def changed_days(before: Call, after: Call, *, now: int) -> Sequence[int]:
    """The days that may have been exported by `now` and have a record `after` that was another
    one, or another app's, `before`; both days where a record left one for another. `after` has all
    events that `before` has."""
    if not _open(_day(started_at(after.events)), now=now):
        # The usual case, known without reading a record: more events only make a call earlier.
        return ()
    days = {_day(record.started) for _, record, *_ in _shown(before) ^ _shown(after)}
    return sorted(day for day in days if _open(day, now=now))


def _shown(call: Call) -> set[tuple[str | None, Record, tuple[Gap, ...], tuple[Gap, ...]]]:
    """What an export of its app has of what is stored under one key. It has the gaps from when on
    nothing can be on its way any more; soon after that they are reported."""
    return {
        (each.app, record, tuple(gaps_of(each)), tuple(unreported(each)))
        for each in split(call)
        if (record := record_of(each)) is not None
    }


def _day(at: int) -> int:
    return max(0, at) // DAY_MS * DAY_MS


def _open(day: int, *, now: int) -> bool:
    return opens_at(day) - CLOCKS_MS <= now
