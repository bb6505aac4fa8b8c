"""The switch's JSON: field names and formats, in both directions. Numbers are digits with country
code, times epoch ms."""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from chalicelib.carriers import json_text
from chalicelib.core.errors import Unavailable
from chalicelib.core.events import (
    Event,
    EventKind,
    Party,
    PlacedEnd,
    PlacedLeg,
    RejectReason,
    SmsResult,
)
from chalicelib.core.routing import Connect, Reject
from chalicelib.core.values import CallAsk, Subscriber

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)

KNOWN_TYPES = frozenset(EventKind) - {EventKind.UNKNOWN}
MAX_EVENTS = 100
MAX_EVENT = 32 * 1024
"""Bytes; a larger one might not fit into an item of the table and would hold up all the others."""
MAX_TEXT = 128
MAX_DIGITS = 24
MAX_PARTIES = 64
DONE = frozenset({200, 202})
"""The HTTP statuses by which a switch says that it does what we asked."""


class Malformed(ValueError):
    """A message of the switch that can't be read; the text names the field, never its value."""


def parse_json(body: bytes) -> Any:
    """Raises Malformed."""
    try:
        return json_text.parse_json(body)
    except ValueError as error:
        raise Malformed(f"the body is {error}") from None


def read_route(body: bytes) -> tuple[str, Subscriber | None]:
    """X and the caller (None: anonymous) of a route request. Raises Malformed."""
    fields = _object(parse_json(body))
    _text(fields, "call_id")
    if fields.get("kind") not in ("call", "sms"):
        raise Malformed("kind: call or sms")
    return _dialled(fields), _caller(fields)


def write_route(answer: Connect | Reject) -> str:
    """The reply to a route request."""
    if isinstance(answer, Reject):
        reply: dict[str, Any] = {
            "action": "reject",
            "reason": answer.reason,
            "announcement": answer.reason,
        }
    else:
        leg = answer.leg
        reply = {
            "action": "connect",
            "to": leg.peer.digits,
            "show": leg.number,
            "record": leg.record,
            "max_duration_s": leg.max_call_s,
            "announcement": None,
            "on_answer": None,
            "binding": leg.binding,
        }
    return json.dumps(reply)


def read_events(
    body: bytes, *, carrier: str, received: int
) -> tuple[list[Event], list[dict[str, Any]]]:
    """The events of a report, and for each that can't be read its index and why.

    Raises Malformed for a body that is not a list of at most MAX_EVENTS.
    """
    sent = parse_json(body)
    if not isinstance(sent, list) or len(sent) > MAX_EVENTS:
        raise Malformed(f"a list of at most {MAX_EVENTS} events is wanted")
    good: list[Event] = []
    bad: list[dict[str, Any]] = []
    for index, raw in enumerate(sent):
        try:
            good.append(read_event(raw, carrier=carrier, received=received))
        except Malformed as error:
            bad.append({"index": index, "error": str(error)})
    return good, bad


def read_event(raw: Any, *, carrier: str, received: int) -> Event:
    """One event of the switch. A type that we don't know is an event of kind UNKNOWN, of which
    only `raw` says more.

    Raises Malformed for an event that can't be stored: no id, no call, no time, too large.
    """
    fields = _object(raw)
    text = json.dumps(fields, ensure_ascii=False)
    if len(text.encode()) > MAX_EVENT:
        raise Malformed(f"an event has at most {MAX_EVENT} bytes")
    kind = _text(fields, "type")
    known = kind in KNOWN_TYPES
    return Event(
        id=_text(fields, "event_id"),
        kind=EventKind(kind) if known else EventKind.UNKNOWN,
        carrier=carrier,
        call_id=_text(fields, "call_id"),
        at=_time(fields),
        received=received,
        raw=text,
        placed=_placed(fields) if kind == EventKind.PLACED_ENDED else None,
        **(_details(fields) if known else {}),
    )


def _details(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "number": _optional(fields, "to", _digits),
        "caller": _caller(fields),
        "callee": _optional(fields, "callee", _person),
        "binding": _optional(fields, "binding", _string),
        "cause": _optional(fields, "reason", _cause),
        "released_by": _optional(fields, "released_by", _word(Party, Party.PLATFORM)),
        "rejected": _optional(fields, "rejected", _word(RejectReason, RejectReason.BLOCKED)),
        "sms_result": _optional(fields, "result", _word(SmsResult, SmsResult.FAILED)),
        "url": _optional(fields, "url", _string),
        "md5": _optional(fields, "md5", _string),
    }


def _placed(fields: Mapping[str, Any]) -> PlacedEnd:
    """The fields that only `placed.ended` has."""
    conference = fields.get("kind") == "conference"
    return PlacedEnd(
        conference=conference,
        account=_optional(fields, "account", _string) or "",
        caller=None if conference else _optional(fields, "from", _person),
        parties=tuple(_person(each) for each in _list(fields, "parties")),
        created=_time(fields, "created"),
        started=_optional(fields, "started", _epoch_ms),
        duration_s=_optional(fields, "duration_s", _seconds) or 0,
        status=_text(fields, "status").lower(),
        legs=tuple(_leg(_object(each)) for each in _list(fields, "legs")),
    )


def _leg(fields: Mapping[str, Any]) -> PlacedLeg:
    return PlacedLeg(
        party=_person(fields.get("number")),
        ended=_optional(fields, "ended_at", _epoch_ms),
        cause=_optional(fields, "cause", _cause),
    )


def write_originate(ask: CallAsk, session: str) -> str:
    """The body by which a switch is asked to place a call."""
    return json.dumps(
        {
            "call_id": session,
            "kind": "conference" if ask.conference else "call",
            "account": ask.account,
            "parties": [each.digits for each in ask.parties],
            "show": ask.show,
            "max_duration_s": ask.max_s,
            "record": ask.record,
        }
    )


def read_answer(status: int, body: bytes) -> tuple[int, tuple[int, Any]]:
    """HTTP status, which is the code, and the body of a switch's answer, None if it refuses.

    Raises Unavailable for one that does not say what the switch made of it.
    """
    if status in DONE:
        try:
            return status, (status, _object(parse_json(body)))
        except Malformed as error:
            raise Unavailable(str(error)) from None
    # 408: it waited for the end of the request, and knows as little as we do.
    if 400 <= status < 500 and status != 408:
        return status, (status, None)
    raise Unavailable(f"HTTP {status}")


def read_status(fields: Mapping[str, Any]) -> dict[str, str | int]:
    """What a switch says of a placed call: texts and integers, `status` in lower case. Raises
    Unavailable."""
    status = fields.get("status")
    if not isinstance(status, str):
        raise Unavailable("an answer without status")
    said = {name: value for name, value in fields.items() if type(value) in (str, int)}
    return {**said, "status": status.lower()}


def _object(raw: Any) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise Malformed("not a JSON object")
    return raw


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise Malformed(f"{name}: text of 1 to {MAX_TEXT} characters")
    return value


def _time(fields: Mapping[str, Any], name: str = "at") -> int:
    try:
        return _epoch_ms(fields.get(name))
    except Malformed:
        raise Malformed(f"{name}: epoch milliseconds") from None


def _epoch_ms(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 10**13:
        raise Malformed("epoch milliseconds")
    return value


def _seconds(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**9:
        raise Malformed("seconds")
    return value


def _list(fields: Mapping[str, Any], name: str) -> list[Any]:
    value = fields.get(name, [])
    if not isinstance(value, list) or len(value) > MAX_PARTIES:
        raise Malformed(f"{name}: a list of at most {MAX_PARTIES}")
    return value


def _dialled(fields: Mapping[str, Any]) -> str:
    value = fields.get("to")
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise Malformed("to: the number that was dialled")
    return value.removeprefix("+")


def _caller(fields: Mapping[str, Any]) -> Subscriber | None:
    """A switch shows an anonymous caller as nothing, or in words: only digits are a caller."""
    value = fields.get("from")
    if value is not None and (not isinstance(value, str) or len(value) > MAX_TEXT):
        raise Malformed("from: the caller's number, or empty")
    try:
        return Subscriber(_digits(value)) if value else None
    except Malformed:
        return None


def _digits(value: Any) -> str:
    text = value.removeprefix("+") if isinstance(value, str) else ""
    if not (0 < len(text) <= MAX_DIGITS and text.isascii() and text.isdigit()):
        raise Malformed("a number has digits only")
    return text


def _optional(fields: Mapping[str, Any], name: str, read: Callable[[Any], _T]) -> _T | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        return read(value)
    except (ValueError, TypeError):
        raise Malformed(f"{name}: not a value of this field") from None


def _string(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 2048:
        raise Malformed("text")
    return value


def _person(value: Any) -> Subscriber:
    return Subscriber(_digits(value))


def _cause(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 127:
        raise Malformed("a Q.850 cause")
    return value


def _word(members: type[_E], otherwise: _E) -> Callable[[Any], _E]:
    """One of the protocol's words. A word that we don't know is no reason to lose an event: it
    counts as `otherwise`, and `raw` keeps it."""

    def read(value: Any) -> _E:
        text = _string(value)
        return members(text) if text in set(members) else otherwise

    return read
