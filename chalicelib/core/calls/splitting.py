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
    alone, each other one by its own time too."""
    messages = [each for each in call.stored if is_message(each.event)]
    others = [each for each in call.stored if not is_message(each.event)]
    placed = [each for each in others if has_place(each.event)]
    # What no time places is a call by itself only if there is no other.
    placed = placed or sorted(others, key=_turn)[:1]
    parts = [part for timed in _by_starts(placed) for part in _by_ends(timed)] if placed else []
    rest = [each for each in others if each not in placed]
    parts += _messages(messages)
    parts.sort(key=lambda part: (_start(part), part[0].event.id))
    if len(parts) <= 1:
        return (call,)
    names = [""] + [_name(part) for part in parts[1:]]
    for each in sorted(rest, key=_turn):
        _of(each, parts).append(each)
    return tuple(
        replace(call, stored=tuple(sorted(part, key=order)), part=name)
        for name, part in zip(names, parts, strict=True)
    )


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


def _turn(each: Stored) -> tuple[bool, bool, str]:
    """In which order events that no time places are looked at: when they were received depends on
    the order in which they came. What we say of a recording comes after it."""
    is_recording = each.event.kind is EventKind.RECORDING_READY
    return not is_recording, each.event.binding is None, each.key.event


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
        later = sum(first <= moment for first in firsts)
        parts[max(0, later - 1)].append(each)
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
        parts[sum(border < each.event.at for border in borders)].append(each)
    return parts


def _of(each: Stored, parts: list[_Part]) -> _Part:
    """The call of an event that no time places."""
    event = each.event
    parts = [part for part in parts if not is_message(part[0].event)]
    if event.kind is EventKind.RECORDING_FAILED:
        about = [part for part in parts if any(f"lost {o.key.event}" == event.id for o in part)]
        return about[0] if about else parts[-1]
    if event.kind is EventKind.CALL_GAP:
        return min(parts, key=lambda part: abs(_start(part) - (event.started or 0)))
    if event.kind is EventKind.RECORDING_READY:
        named = [part for part in parts if event.binding in _bindings(part)] or parts
        lacking = [
            part
            for part in named
            if not any(other.event.kind is EventKind.RECORDING_READY for other in part)
        ]
        return (lacking or named)[-1]
    return parts[-1]


def _bindings(part: _Part) -> set[str]:
    return {each.event.binding for each in part if each.event.binding is not None}


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
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
    return text
