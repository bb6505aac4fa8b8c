"""What an app used, counted by hour (UTC) from what is stored of its calls. Times are epoch ms; an
hour is the moment at which it begins."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chalicelib.core.calls.follow_up import SETTLED_MS, UNFINISHED_MS
from chalicelib.core.calls.merging import record_of
from chalicelib.core.calls.model import OPEN, Call, Delivery
from chalicelib.core.calls.prices import minutes_begun
from chalicelib.core.calls.splitting import split, started_at
from chalicelib.core.durations import DAY_MS, MINUTE_MS
from chalicelib.core.retries import JITTER, RECORDING_RETRIES_S
from chalicelib.core.webhooks.policy import RETRIES_S

HOUR_MS = 60 * MINUTE_MS
SETTLES_MS = HOUR_MS + UNFINISHED_MS + SETTLED_MS
"""An hour can be counted this long after it began: the longest of its calls is over, and what
carriers report late has come."""
_RETRIES_MS = round(sum((*RECORDING_RETRIES_S, *RETRIES_S)) * 1000 * (1 + JITTER))
GIVEN_UP_MS = SETTLES_MS + _RETRIES_MS + DAY_MS
"""An hour does not wait longer than this for deliveries: no retry schedule is longer. The day more
is for what delays a retry without being an attempt."""
MARGIN_MS = 5 * MINUTE_MS
"""Processes' clocks are up to two minutes apart: whoever changes a call takes its hour for counted
this much earlier than whoever counts."""
KEPT_MS = 400 * DAY_MS
"""How long the count of an hour is kept."""
FINAL_MS = 190 * DAY_MS
"""An hour is not counted again when it is older: its calls are kept for 200 days only."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What is counted. `calls` are those that have a record, placed ones included; `minutes` are
    minutes begun, each call rounded up by itself, as the tariff counts them; `recordings` are those
    that were kept here; `delivered` and `dead_lettered` are events."""

    bindings: int = 0
    calls: int = 0
    connected: int = 0
    minutes: int = 0
    messages: int = 0
    recordings: int = 0
    delivered: int = 0
    dead_lettered: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Partial:
    """A count of this revision of an hour that ran out of time: what was counted, and the place of
    the last call."""

    revision: int
    usage: Usage
    after: str


@dataclass(frozen=True, slots=True)
class HourCount:
    """What is stored of an hour of an app.

    `revision` is how often something changed that may have been counted before, `changed` when it
    last did; `counted` is of the revision `as_of`. `swept`: every hour before it was counted too,
    and used nothing if nothing is stored of it.
    """

    app: str
    hour: int
    revision: int = 0
    changed: int = 0
    counted: Usage | None = None
    partial: Partial | None = None
    as_of: int = 0
    swept: bool = False

    @property
    def usage(self) -> Usage | None:
        """What was used in it; None while that has to be counted."""
        return self.counted if self.as_of == self.revision else None


def hour_at(moment: int) -> int:
    """The hour of a moment."""
    return max(0, moment) // HOUR_MS * HOUR_MS


def hour_of(call: Call) -> int | None:
    """The hour to which everything of one call belongs: the one in which it started. None for what
    has no record."""
    made = [event for event in call.events if event.kind.traits.made]
    return hour_at(started_at(made)) if made else None


def usage_of(call: Call) -> Usage:
    """What one call, or message, counts for."""
    record = record_of(call)
    if record is None:
        return Usage()
    events = [each.progress.counts_as for each in call.stored]
    is_message = record.kind == "message"
    return Usage(
        calls=int(not is_message),
        connected=int(record.answered is not None or record.talked_s > 0),
        minutes=minutes_begun(call.events),
        messages=int(is_message),
        recordings=sum(each.recording is not None for each in call.stored),
        delivered=events.count(Delivery.DELIVERED),
        dead_lettered=events.count(Delivery.DEAD_LETTERED),
    )


def is_settled(hour: int, *, now: int) -> bool:
    """Whether the hour can be counted."""
    return hour + SETTLES_MS <= now


def is_waited_for(call: Call, hour: int, *, now: int) -> bool:
    """Whether a call of this hour keeps it from being counted: an event of it was neither delivered
    nor dead-lettered so far. One that is delivered again counts for what it was before."""
    return now < hour + GIVEN_UP_MS and any(each.progress.counts_as in OPEN for each in call.stored)


def may_be_counted(call: Call, *, now: int) -> bool:
    """Whether the hour of a call that is stored may have been counted by `now`. Its day can not be
    exported before."""
    return is_settled(hour_at(started_at(call.events)), now=now + MARGIN_MS)


def changed_hours(before: Call, after: Call, *, now: int) -> Sequence[int]:
    """The hours that may have been counted by `now` and that count otherwise with what is stored
    under one key `after` than `before`. `after` has all events that `before` has."""
    later = now + MARGIN_MS
    then, by_now = _by_hour(before, now=later), _by_hour(after, now=later)
    return sorted(
        hour
        for hour in then.keys() | by_now.keys()
        if then[hour] != by_now[hour]
        # Nobody has counted an hour with an event that is waited for.
        and not then[hour].waited_for
        and is_settled(hour, now=later)
        and now < hour + FINAL_MS
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    usage: Usage = Usage()
    waited_for: bool = False


def _by_hour(stored: Call, *, now: int) -> Mapping[int, _Counted]:
    """What the calls under one key count for in each hour."""
    found: defaultdict[int, _Counted] = defaultdict(_Counted)
    for call in split(stored):
        hour = hour_of(call)
        if hour is not None:
            known = found[hour]
            waited_for = known.waited_for or is_waited_for(call, hour, now=now)
            found[hour] = _Counted(known.usage + usage_of(call), waited_for)
    return found
