"""Which call each event belongs to, where one key stands for several calls: the same in whatever
order the events came.

A switch may use a call's id again, as Asterisk does after a restart, and a telephone chooses SIP's
Call-ID itself. So the events under one key (EventKey) are one call or several:

- Stated starts more than APART_MS apart are two calls.
- Any other event is of the call with the latest start that is not after its time.
- A call ends once: an end that states no start, more than APART_MS after another end of its call,
  is of a later call, and with it what happened after the end before.
- A recording without a time is of the latest call that lacks one, of those of its binding if it
  names one.
- A message is never part of a call. Reports that have one id, or none, as the vendors', are one
  message, if they are at most APART_MS apart.
- What we ourselves say of a call (a gap, a recording that failed) is of that call.
"""

import math
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import Call, Stored

APART_MS = 60_000

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

_Part = list[Stored]


def split(call: Call) -> tuple[Call, ...]:
    """The calls that are stored under one key, by their time; the first is known by the key's id
    alone, each other one by its own time too. Takes time in proportion to the events."""
    if _is_one(call.events):
        return (call,)
    messages = [each for each in call.stored if is_message(each.event)]
    others = [each for each in call.stored if not is_message(each.event)]
    placed = [each for each in others if has_place(each.event)]
    rest = sorted((each for each in others if not has_place(each.event)), key=_turn)
    if not placed:
        # What no time places is a call by itself only if there is no other.
        placed, rest = rest[:1], rest[1:]
    calls = [part for timed in _by_starts(placed) for part in _by_ends(timed)] if placed else []
    calls.sort(key=_place)
    parts = sorted(calls + _messages(messages), key=_place)
    if len(parts) <= 1:
        return (call,)
    names = [""] + [_name(part) for part in parts[1:]]
    if rest:
        unplaced = _Unplaced(calls)
        for each in rest:
            unplaced.add(each)
    return tuple(
        replace(call, stored=tuple(sorted(part, key=order)), part=name)
        for name, part in zip(names, parts, strict=True)
    )


def _is_one(events: Sequence[Event]) -> bool:
    """Whether they are one call at first sight, as they usually are."""
    if any(map(is_message, events)):
        return False
    if sum(event.kind is EventKind.CALL_ENDED for event in events) > 1:
        return False
    starts = [start for event in events if (start := stated_start(event)) is not None]
    return not starts or max(starts) - min(starts) <= APART_MS


def order(each: Stored) -> tuple[int, str, str, str]:
    """In which order the events of a call stand."""
    return each.event.at, each.event.kind, each.event.id, each.key.event


def started_at(events: Sequence[Event]) -> int:
    """When a call began, as far as its events know (epoch ms); no later than it was answered, also
    where only how long people talked says when that was. A recording is there much later."""
    made = [event for event in events if event.kind is not EventKind.RECORDING_READY] or events
    times = [event.at for event in made]
    times += [event.started for event in made if event.started is not None]
    times += [event.ringing for event in made if event.ringing is not None]
    times += [event.answered for event in made if event.answered is not None]
    times += [
        event.at - event.talked_s * 1000
        for event in made
        if event.talked_s and event.answered is None
    ]
    placed = [event.placed for event in made if event.placed is not None]
    times += [begun for each in placed if (begun := each.started or each.created) is not None]
    return min(times)


def stated_start(event: Event) -> int | None:
    """When its call began, as an event says it (epoch ms); None if it does not say."""
    if event.kind.traits.starts and event.timed:
        return event.at
    if event.placed is not None:
        return event.placed.started or event.placed.created
    return event.started


def is_message(event: Event) -> bool:
    """Whether it tells of a message, which is never part of a call."""
    return event.kind is EventKind.SMS_SENT


def has_place(event: Event) -> bool:
    """Whether its time says to which call it belongs."""
    return event.timed and not event.kind.traits.ours


def _turn(each: Stored) -> tuple[bool, bool, bool, str]:
    """In which order events that no time places are looked at: when they were received depends on
    the order in which they came. What we say of a recording or of a call comes after it."""
    event = each.event
    is_gap = event.kind is EventKind.CALL_GAP
    return not _is_recording(each), is_gap, event.binding is None, each.key.event


def _by_starts(events: Sequence[Stored]) -> list[_Part]:
    firsts: list[int] = []
    starts = [stated_start(each.event) for each in events]
    for stated in sorted(start for start in starts if start is not None):
        if not firsts or stated - firsts[-1] > APART_MS:
            firsts.append(stated)
    parts: list[_Part] = [[] for _ in firsts] or [[]]
    for each in events:
        start = stated_start(each.event)
        moment = _moment(each.event) if start is None else start
        parts[max(0, bisect_right(firsts, moment) - 1)].append(each)
    return [part for part in parts if part]


def _moment(event: Event) -> float:
    """When it was; what does not say that is of the latest."""
    return event.at if event.timed else math.inf


def _messages(messages: Sequence[Stored]) -> list[_Part]:
    by_id: dict[str, _Part] = {}
    for each in messages:
        by_id.setdefault(each.event.id, []).append(each)
    return [part for alike in by_id.values() for part in _by_starts(alike)]


def _by_ends(part: _Part) -> list[_Part]:
    ends = sorted(
        (each.event.at, each.event.started is None)
        for each in part
        if each.event.kind is EventKind.CALL_ENDED
    )
    borders = [
        before
        for (before, _), (after, unstated) in pairwise(ends)
        if unstated and after - before > APART_MS
    ]
    parts: list[_Part] = [[] for _ in range(len(borders) + 1)]
    for each in part:
        parts[bisect_left(borders, each.event.at)].append(each)
    return parts


class _Unplaced:
    """Adds the events that no time places, in the order of `_turn`, to the calls of one key; these
    are in the order of their starts."""

    def __init__(self, calls: Sequence[_Part]) -> None:
        self._calls = calls
        self._starts: list[tuple[int, int]] = []
        self._call_of = {each.key.event: part for part in calls for each in part}
        # By the bindings that they name, and all of them at None: the calls, and those of them that
        # lack a recording.
        self._named: dict[str | None, list[_Part]] = {None: list(calls)}
        self._lacking: dict[str | None, list[_Part]] = {None: list(calls)}
        for part in calls:
            for binding in {each.event.binding for each in part} - {None}:
                self._named.setdefault(binding, []).append(part)
                self._lacking.setdefault(binding, []).append(part)

    def add(self, each: Stored) -> None:
        """Adds one to the call that it is of."""
        part = self._part_of(each.event)
        part.append(each)
        self._call_of[each.key.event] = part

    def _part_of(self, event: Event) -> _Part:
        if event.kind is EventKind.RECORDING_FAILED:
            return self._call_of.get(event.id.removeprefix("lost "), self._calls[-1])
        if event.kind is EventKind.CALL_GAP:
            return self._nearest(event.started or 0)
        if event.kind is EventKind.RECORDING_READY:
            return self._of_recording(event.binding)
        return self._calls[-1]

    def _of_recording(self, binding: str | None) -> _Part:
        known = binding if binding in self._named else None
        lacking = self._lacking[known]
        while lacking and any(map(_is_recording, lacking[-1])):
            lacking.pop()
        part = lacking[-1] if lacking else self._named[known][-1]
        if binding is not known:
            # The call names this binding from now on.
            self._named[binding], self._lacking[binding] = [part], []
        return part

    def _nearest(self, moment: int) -> _Part:
        """The call that began next to this moment. Gaps come last: what is before them may say of a
        call that it began earlier, as whoever found the gap knew."""
        if not self._starts:
            self._starts = sorted((_start(part), i) for i, part in enumerate(self._calls))
        at = bisect_left(self._starts, (moment, 0))
        around = self._starts[max(0, at - 1) : at + 1]
        return self._calls[min(around, key=lambda start: abs(start[0] - moment))[1]]


def _is_recording(each: Stored) -> bool:
    return each.event.kind is EventKind.RECORDING_READY


def _place(part: _Part) -> tuple[int, str]:
    return _start(part), part[0].event.id


def _start(part: _Part) -> int:
    return started_at([each.event for each in part])


def _name(part: _Part) -> str:
    """By what a call is known among those of one key: when it began; a message by its id, too, as
    several may have been sent in one millisecond."""
    event, moment = part[0].event, _start(part)
    if not (is_message(event) and event.id):
        return _in_36(moment)
    return _in_36(moment << 32 | zlib.crc32(event.id.encode()))


def _in_36(number: int) -> str:
    # A clock that was never set can put a call at or before 1970. No other text begins with 0.
    if number <= 0:
        return "0" + (_in_36(-number) if number else "")
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
