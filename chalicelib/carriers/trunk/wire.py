"""The switch's JSON: field names and formats, in both directions. Numbers are digits with country
code, times epoch ms."""

import json
from typing import Any

from chalicelib.carriers.trunk import members
from chalicelib.carriers.trunk.members import MAX_TEXT, Fields, Malformed
from chalicelib.carriers.trunk.wire_calls import read_placed
from chalicelib.core.events import Event, EventKind, Party, RejectReason, SmsResult
from chalicelib.core.routing import Connect, Reject
from chalicelib.core.values import Subscriber

OURS = frozenset({EventKind.RECORDING_FAILED, EventKind.CALL_GAP, EventKind.UNKNOWN})
"""Kinds of which only we tell: a switch knows no such types."""
KNOWN_TYPES = frozenset(EventKind) - OURS
MAX_EVENTS = 100
MAX_EVENT = 32 * 1024
"""Bytes; a larger one might not fit into an item of the table and would hold up all the others."""

MAX_SEQUENCE = 10**15


def read_route(body: bytes) -> tuple[str, Subscriber | None]:
    """X and the caller (None: anonymous) of a route request. Raises Malformed."""
    fields = members.object_of(members.parse_json(body))
    members.text(fields, "call_id")
    if fields.get("kind") not in ("call", "sms"):
        raise Malformed("kind: call or sms")
    return _dialled(fields), _caller(fields)


def write_route(answer: Connect | Reject) -> str:
    """The reply to a route request."""
    if isinstance(answer, Reject):
        reply: dict[str, Any] = {
            "action": "reject",
            "reason": answer.reason,
            "announcement": answer.prompt or answer.reason,
            **({"binding": answer.binding} if answer.binding else {}),
        }
    else:
        leg = answer.leg
        reply = {
            "action": "connect",
            "to": answer.to.digits,
            "show": answer.show,
            "record": leg.record,
            "max_duration_s": leg.max_call_s,
            "announcement": leg.prompt or None,
            "on_answer": leg.presentation.on_answer or None,
            "binding": leg.binding,
        }
    return json.dumps(reply)


def read_events(
    body: bytes, *, carrier: str, received: int
) -> tuple[list[Event], list[dict[str, Any]]]:
    """The events of a report, and for each that can't be read its index and why.

    Raises Malformed for a body that is not a list of at most MAX_EVENTS.
    """
    sent = members.parse_json(body)
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
    fields = members.object_of(raw)
    text = json.dumps(fields, ensure_ascii=False)
    if len(text.encode()) > MAX_EVENT:
        raise Malformed(f"an event has at most {MAX_EVENT} bytes")
    kind = members.text(fields, "type")
    known = kind in KNOWN_TYPES
    return Event(
        id=members.text(fields, "event_id"),
        kind=EventKind(kind) if known else EventKind.UNKNOWN,
        carrier=carrier,
        call_id=members.text(fields, "call_id"),
        at=members.time(fields),
        received=received,
        raw=text,
        sequence=members.optional(fields, "seq", _sequence),
        placed=read_placed(fields) if kind == EventKind.PLACED_ENDED else None,
        **(_details(fields) if known else {}),
    )


def _details(fields: Fields) -> dict[str, Any]:
    return {
        "number": members.optional(fields, "to", members.digits),
        "caller": _caller(fields),
        "callee": members.optional(fields, "callee", members.person),
        "binding": members.optional(fields, "binding", members.string),
        "cause": members.optional(fields, "reason", members.cause),
        "released_by": members.optional(fields, "released_by", members.word(Party, Party.PLATFORM)),
        "rejected": members.optional(
            fields, "rejected", members.word(RejectReason, RejectReason.BLOCKED)
        ),
        "sms_result": members.optional(fields, "result", members.word(SmsResult, SmsResult.FAILED)),
        "url": members.optional(fields, "url", members.string),
        "md5": members.optional(fields, "md5", members.string),
        "text": members.optional(fields, "text", members.message),
    }


def _sequence(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_SEQUENCE:
        raise Malformed("a number that counts events")
    return value


def _dialled(fields: Fields) -> str:
    value = fields.get("to")
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise Malformed("to: the number that was dialled")
    return value.removeprefix("+")


def _caller(fields: Fields) -> Subscriber | None:
    """A switch shows an anonymous caller as nothing, or in words: only digits are a caller."""
    value = fields.get("from")
    if value is not None and (not isinstance(value, str) or len(value) > MAX_TEXT):
        raise Malformed("from: the caller's number, or empty")
    try:
        return Subscriber(members.digits(value)) if value else None
    except Malformed:
        return None
