"""Usage: what the apps used, counted hour by hour once an hour is settled."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from chalicelib.core.calls.search import Search
from chalicelib.core.calls.usage import (
    FINAL_MS,
    HOUR_MS,
    MARGIN_MS,
    SETTLES_MS,
    HourCount,
    Partial,
    Usage,
    hour_at,
    hour_of,
    is_waited_for,
    usage_of,
)
from chalicelib.core.durations import DAY_MS, MINUTE_MS
from chalicelib.core.errors import GatewayError
from chalicelib.core.turns import has_turn
from chalicelib.store.bindings.search import BindingSearch
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.calls.usage import UsageStore

PAGE = 100
"""How many calls are read at once."""
CLAIM_MS = 2 * MINUTE_MS
"""An hour that a run counts is not counted by another one for so long, which is longer than a run.
"""
REPORT_S = 5.0
"""How many seconds may be spent on counting for one report. What takes longer is left to the
schedule."""

More = Callable[[], bool]
"""Whether there is time to count another page of calls."""


@dataclass(slots=True)
class Counted:
    """What one run did: hours that it counted, hours whose count the next run goes on with, and
    apps or hours at which something failed."""

    hours: int = 0
    unfinished: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What an app used from `since` until before `complete_until`, which is `until` or earlier:
    `days` has every day (UTC) by its beginning, the first and the last one perhaps in part."""

    since: int
    until: int
    complete_until: int
    days: Mapping[int, Usage]

    @property
    def total(self) -> Usage:
        """Of all days together."""
        return sum(self.days.values(), Usage())


class UsageService:
    """Counts what apps used. `names` are all apps, each with its carrier; `monotonic` is a clock in
    seconds that never goes back; `trouble` hears why something failed. Times are epoch ms; every
    method may raise Unavailable."""

    def __init__(
        self,
        *,
        usage: UsageStore,
        calls: CallStore,
        bindings: BindingSearch,
        names: Callable[[], Iterable[tuple[str, str]]],
        monotonic: Callable[[], float],
        trouble: Callable[[Exception], None],
    ) -> None:
        self._usage = usage
        self._calls = calls
        self._bindings = bindings
        self._names = names
        self._monotonic = monotonic
        self._trouble = trouble

    def report(self, app: str, *, since: int, until: int, now: int) -> UsageReport:
        """What an app used, in whole hours: that of `since` is counted, that of `until` is not. One
        query; more only for hours that the schedule did not count yet."""
        since = hour_at(since)
        until = max(since, hour_at(until))
        settled = max(since, min(until, _settled_until(now)))
        stored = {each.hour: each for each in self._usage.hours(app, since=since)}
        swept = max((hour + HOUR_MS for hour, each in stored.items() if each.swept), default=since)
        ends = self._monotonic() + REPORT_S
        days: defaultdict[int, Usage] = defaultdict(Usage)
        complete = settled
        for hour in chain(
            (hour for hour in stored if hour < min(swept, settled)),
            self._busy(app, swept, settled, known=stored),
        ):
            known = stored.get(hour, HourCount(app, hour))
            usage = known.usage or self._count(
                known, now=now, more=lambda: self._monotonic() < ends
            )
            if not isinstance(usage, Usage):
                complete = hour
                break
            days[hour // DAY_MS * DAY_MS] += usage
        first = since // DAY_MS * DAY_MS
        all_days = range(first, complete, DAY_MS) if complete > since else ()
        return UsageReport(since, until, complete, {day: days[day] for day in all_days})

    def run(self, *, now: int, time_left: More) -> Counted:
        """One run of the schedule: counts the hours that changed after they were counted, then what
        has settled of the apps whose turn it is."""
        seen = Counted()
        due = (partial(self._recount, hour) for hour in self._usage.due(now=now))
        turns = (partial(self._sweep, app) for app, _ in self._names() if has_turn(app, now=now))
        for work in chain(due, turns):
            if not time_left():
                break
            try:
                work(seen, now=now, more=time_left)
            except GatewayError as error:
                seen.failed += 1
                self._trouble(error)
        return seen

    def _recount(self, due: HourCount, seen: Counted, *, now: int, more: More) -> None:
        hour = self._usage.claim(due, until=now + CLAIM_MS, now=now)
        if hour is None:
            return
        counted = self._count(hour, now=now, more=more)
        if counted is None:
            quiet = hour.changed + MARGIN_MS
            self._usage.put_off(hour, until=quiet if quiet > now else now + HOUR_MS)
        elif self._note(hour, counted, seen, swept=hour.swept, now=now) and hour.partial:
            # A sweep may have ended at this hour.
            self._sweep(hour.app, seen, now=now, more=more)

    def _sweep(self, app: str, seen: Counted, *, now: int, more: More) -> None:
        """Counts the hours of an app that have settled since its last turn, in order, until one can
        not be counted. At most one write for each hour in which something was used, and one a day.
        """
        since = self._usage.swept_until(app)
        # Of an app that is new, as far back as its calls are kept.
        since = written = since if since is not None else hour_at(now - FINAL_MS)
        until = _settled_until(now)
        stored = {each.hour: each for each in self._usage.hours(app, since=since)}
        for hour in self._busy(app, since, until, known=stored):
            known = stored.get(hour, HourCount(app, hour))
            counted = known.usage or self._count(known, now=now, more=more)
            if counted is None:
                until = hour
            elif counted == Usage() and hour not in stored:
                continue
            elif self._note(known, counted, seen, swept=True, now=now):
                written = hour + HOUR_MS
                continue
            else:
                return
            break
        if until - written >= DAY_MS:
            last = until - HOUR_MS
            self._usage.count(HourCount(app, last), Usage(), swept=True)

    def _note(
        self, hour: HourCount, counted: Usage | Partial, seen: Counted, *, swept: bool, now: int
    ) -> bool:
        """Notes a count; whether it is complete and right."""
        if isinstance(counted, Partial):
            self._usage.interrupt(hour, counted, now=now)
            seen.unfinished += 1
            return False
        done = self._usage.count(hour, counted, swept=swept)
        seen.hours += done
        return done

    def _count(self, hour: HourCount, *, now: int, more: More) -> Usage | Partial | None:
        """Counts an hour; None if that has to wait, a part of it if there is no more time."""
        if hour.changed + MARGIN_MS > now:
            return None
        begun = hour.partial
        if begun is None or begun.revision != hour.revision:
            begun = Partial(hour.revision, Usage(), "")
        usage, after = begun.usage, begun.after
        while True:
            if not more():
                return Partial(hour.revision, usage, after)
            search = Search(
                hour.app, hour.hour, hour.hour + HOUR_MS, after=after, newest_first=False
            )
            found = self._calls.find(search, limit=PAGE)
            for call in found.calls:
                # The index may be behind.
                if hour_of(call) != hour.hour:
                    continue
                if is_waited_for(call, hour.hour, now=now):
                    return None
                usage += usage_of(call)
            if found.after is None:
                return replace(usage, bindings=self._bindings_of(hour))
            after = found.after

    def _bindings_of(self, hour: HourCount) -> int:
        if hour.counted is not None:
            # They are not kept for as long as this may be counted again.
            return hour.counted.bindings
        return self._bindings.made_between(hour.app, since=hour.hour, until=hour.hour + HOUR_MS)

    def _busy(
        self, app: str, since: int, until: int, *, known: Mapping[int, HourCount]
    ) -> Iterator[int]:
        """The hours from `since` until before `until` in which something may have been used: all of
        them, but for days in which there is nothing."""
        begins = since
        while begins < until:
            ends = min(until, begins // DAY_MS * DAY_MS + DAY_MS)
            hours = range(begins, ends, HOUR_MS)
            if len(hours) == 1 or not known.keys().isdisjoint(hours) or self._used(app, hours):
                yield from hours
            begins = ends

    def _used(self, app: str, hours: Sequence[int]) -> bool:
        since, until = hours[0], hours[-1] + HOUR_MS
        found = self._calls.find(Search(app, since, until), limit=1)
        # The index may still list a call where it was before.
        any_call = bool(found.calls) or found.after is not None
        return any_call or self._bindings.made_between(app, since=since, until=until) > 0


def _settled_until(now: int) -> int:
    """Up to when all hours are settled."""
    return hour_at(now - SETTLES_MS) + HOUR_MS
