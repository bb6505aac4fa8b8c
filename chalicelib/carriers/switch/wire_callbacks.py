"""The switch's JSON: field names and formats, in both directions. Numbers are digits with country
code, times epoch ms."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.carriers import callback_members as members
from chalicelib.carriers.callback_members import Members
from chalicelib.carriers.parameters import Malformed
from chalicelib.carriers.switch import wire_values as wire
from chalicelib.carriers.switch.wire_calls import read_placed
from chalicelib.core.bindings.call_decision import Connect, Reject
from chalicelib.core.calls.events import (
    Event,
    EventKind,
    Party,
    Reading,
    RejectReason,
    SmsResult,
    Unreadable,
)
from chalicelib.core.credentials import DialPlan
from chalicelib.core.subscribers import Subscriber

KNOWN_TYPES = frozenset(kind for kind in EventKind if kind.traits.known and not kind.traits.ours)
MAX_EVENTS = 100
MAX_EVENT = 32 * 1024
"""Bytes; a larger one might not fit into an item of the table and would hold up all the others."""
MAX_SEQUENCE = 10**15
MAX_WORD = 64
_NODE = re.compile(r"(?!(?:[^0-9]*[0-9]){10})[A-Za-z0-9._-]{1,64}", re.ASCII)
WITHHELD = frozenset({"id", "user", "header", "full", "restricted"})
"""What `privacy` says (RFC 3323 and 3325) where the caller does not want his number shown."""


@dataclass(frozen=True, slots=True)
class Question:
    """Where a call to X goes. `caller` is None for an anonymous one; `invalid` if what was given
    for the caller has digits and is no number; `withheld` if the number may not be shown."""

    number: str
    caller: Subscriber | None
    invalid: bool = False
    withheld: bool = False


def read_route(body: bytes, plan: DialPlan) -> Question:
    """A route request. Raises Malformed."""
    fields = Members(wire.fields_of(wire.parse(body)))
    try:
        fields.identifier("call_id")
    except Unreadable as error:
        raise Malformed(str(error)) from None
    dialled = fields.optional("to", members.as_text) or ""
    if not fields.has("to") or "to" in fields.dropped:
        raise Malformed("to: the number that was dialled")
    if fields.optional("kind", members.text(MAX_WORD)) not in ("call", "sms"):
        raise Malformed("kind: call or sms")
    number = Members({"to": dialled}).optional("to", wire.number(plan))
    caller = _asserted(fields, plan) or fields.optional("from", wire.person(plan))
    privacy = fields.optional("privacy", members.as_text) or ""
    return Question(
        number=number or dialled,
        caller=caller,
        invalid=caller is None and not {"from", "asserted"}.isdisjoint(fields.dropped),
        withheld=not WITHHELD.isdisjoint(privacy.lower().replace(",", ";").split(";")),
    )


def _asserted(fields: Members, plan: DialPlan) -> Subscriber | None:
    """Who is calling as the network vouches for it: P-Asserted-Identity may name one twice, as a
    SIP URI and as a telephone."""
    given = fields.values.get("asserted")
    for each in given if isinstance(given, list) else [given]:
        found = Members({"asserted": each}, fields.collected).optional(
            "asserted", wire.person(plan)
        )
        if found is not None:
            return found
    return None


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
        route = answer.route
        reply = {
            "action": "connect",
            "to": answer.to.digits,
            "show": answer.show,
            "record": route.record,
            "max_duration_s": route.max_call_s,
            "announcement": route.prompt or None,
            "on_answer": route.presentation.on_answer or None,
            "binding": route.binding,
        }
    return json.dumps(reply)


def read_events(
    body: bytes, *, carrier: str, received: int, plan: DialPlan
) -> tuple[Reading, list[dict[str, Any]]]:
    """The events of a report, and for each that can't be read its index and why.

    Raises Malformed for a body that is not a list of at most MAX_EVENTS.
    """
    sent = wire.parse(body)
    if not isinstance(sent, list) or len(sent) > MAX_EVENTS:
        raise Malformed(f"a list of at most {MAX_EVENTS} events is wanted")
    good: list[Event] = []
    dropped: list[str] = []
    bad: list[dict[str, Any]] = []
    for index, raw in enumerate(sent):
        try:
            reading = read_event(raw, carrier=carrier, received=received, plan=plan)
        except Malformed as error:
            bad.append({"index": index, "error": str(error)})
        else:
            good += reading.events
            dropped += reading.dropped
    return Reading(tuple(good), tuple(dropped)), bad


def read_event(raw: Any, *, carrier: str, received: int, plan: DialPlan) -> Reading:
    """One event of the switch. A type that we don't know is an event of kind UNKNOWN, of which
    only `result`, which is the type, and `raw` say more. Other members that can't be read are
    dropped.

    Raises Malformed for an event that can't be stored: no id, no call, no type, no time, an X that
    can't be read, too large.
    """
    given = wire.fields_of(raw)
    text = json.dumps(given, ensure_ascii=False).encode(errors="replace")
    if len(text) > MAX_EVENT:
        raise Malformed(f"an event has at most {MAX_EVENT} bytes")
    fields = Members(given)
    try:
        kind = fields.identifier("type")
        known = kind in KNOWN_TYPES
        event = Event(
            id=fields.identifier("event_id"),
            kind=EventKind(kind) if known else EventKind.UNKNOWN,
            carrier=carrier,
            call_id=fields.identifier("call_id"),
            at=fields.needed("at", members.epoch_ms),
            received=received,
            raw=_raw(given),
            node=_node(fields),
            sequence=fields.optional("seq", members.whole(MAX_SEQUENCE)),
            placed=read_placed(fields, plan) if kind == EventKind.PLACED_ENDED else None,
            **(_details(fields, plan) if known else {"result": kind[:MAX_WORD]}),
        )
    except Unreadable as error:
        raise Malformed(str(error)) from None
    return Reading((event,), fields.dropped)


def _raw(given: Mapping[str, Any]) -> str:
    """What came, without what a message said: whether that may be kept its binding decides."""
    kept = {name: value for name, value in given.items() if name != "text"}
    return json.dumps(kept, ensure_ascii=False).encode(errors="replace").decode()


def _node(fields: Members) -> str | None:
    """Which machine reports it. Its name tells calls apart and stands in keys, so one that is odd,
    or might hold a telephone number, is no reason to guess. Raises Unreadable."""
    if not fields.has("node") or fields.values["node"] == "":
        return None
    name = fields.identifier("node")
    if not _NODE.fullmatch(name):
        raise Unreadable(
            "node: 1 to 64 letters, digits, dots, hyphens and underscores,"
            " at most nine digits, for example sbc-1"
        )
    return name


def _details(fields: Members, plan: DialPlan) -> dict[str, Any]:
    rejected = wire.word_or(RejectReason, RejectReason.BLOCKED)
    return {
        "number": fields.unless_absent("to", wire.number(plan)),
        "caller": _asserted(fields, plan) or fields.optional("from", wire.person(plan)),
        "callee": fields.optional("callee", wire.person(plan)),
        "binding": fields.optional("binding", members.as_text),
        "cause": fields.optional("reason", wire.cause),
        "released_by": fields.optional("released_by", wire.word(Party)),
        "rejected": fields.optional("rejected", rejected),
        "sms_result": fields.optional("result", wire.word_or(SmsResult, SmsResult.FAILED)),
        "url": fields.optional("url", members.as_url),
        "md5": fields.optional("md5", members.as_md5),
        "text": fields.optional("text", members.cut(MAX_EVENT)),
    }
