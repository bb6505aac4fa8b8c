"""NetEase's callbacks on the wire, in both directions. Times of theirs are in UTC+8."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.carriers.json_text import parse_json
from chalicelib.carriers.netease import outcomes
from chalicelib.carriers.netease import wire_members as members
from chalicelib.carriers.netease.wire_members import (
    COMPACT,
    DIGITS,
    MAX_TEXT,
    Fields,
    Unreadable,
)
from chalicelib.carriers.netease.wire_placed import read_placed, write_placed
from chalicelib.core.binding import handle_of
from chalicelib.core.events import Event, EventKind, Outcome, Party, SmsResult
from chalicelib.core.records import call_record
from chalicelib.core.values import Binding, Subscriber

MAX_RAW = 32 * 1024
"""Characters of a callback that are kept as they came: more might not fit into an item of the
table, and what is known is read from the whole."""
MAX_URL = 2048


def read(body: bytes, *, carrier: str, received: int) -> Event | None:
    """The event that a callback tells of; None for `{}`, which checks that somebody listens.

    Two events are one if they say the same. What can't be read, whatever it is, is an event of
    kind UNKNOWN. `received` is epoch ms, and stands for a time that the callback does not tell.
    """
    try:
        parsed = parse_json(body)
        said = json.dumps(parsed, sort_keys=True).encode()
    except (ValueError, RecursionError):
        parsed, said = None, body
    if parsed == {}:
        return None
    fields: Fields = parsed if isinstance(parsed, dict) else {}
    common: dict[str, Any] = {
        "id": hashlib.sha256(said).hexdigest(),
        "carrier": carrier,
        "received": received,
        "raw": body.decode(errors="replace")[:MAX_RAW],
    }
    event_type = fields.get("eventType")
    try:
        details = _READERS.get(str(event_type), _unknown)(fields)
    except Unreadable:
        call_id = fields.get("callId", fields.get("session"))
        is_id = isinstance(call_id, str) and 0 < len(call_id) <= MAX_TEXT
        details = {"kind": EventKind.UNKNOWN, "call_id": call_id if is_id else common["id"]}
    return Event(**{"at": received, **common, **details})


def write(event: Event, call: Sequence[Event], *, binding: Binding | None) -> dict[str, str]:
    """The body's members, all of them text, as the document's tables list them."""
    if event.placed is not None:
        return write_placed(event.placed, event.call_id)
    user_data = binding.user_data if binding else ""
    common = {"callId": event.call_id, "bindId": binding.id if binding else ""}
    told = {"userData": user_data}
    parties = {
        "callNo": event.caller.digits if event.caller else "",
        "peerNo": event.callee.digits if event.callee else "",
        "phoneX": event.number or (binding.number if binding else ""),
    }
    match event.kind:
        case EventKind.CALL_ENDED:
            return {"eventType": "32", **common, **told, **parties, **_call(event, call)}
        case EventKind.SMS_SENT:
            sms = {
                "smsTime": members.written(event.at, COMPACT),
                "smsResult": str(outcomes.SMS_RESULTS[event.sms_result or SmsResult.OK]),
            }
            # The document's table has userData, its example, of a binding without, has none.
            told = told if user_data else {}
            return {"eventType": "33", **common, **told, **parties, **sms}
        case EventKind.RECORDING_READY:
            link = {"url": event.url or "", "md5": event.md5 or ""}
            return {"eventType": "34", **common, **told, **link}
        case _:
            raise ValueError(f"no callback for {event.kind}")


def _call(event: Event, call: Sequence[Event]) -> dict[str, str]:
    record = call_record(event, call)
    finish = members.written(record.ended, COMPACT)
    start = members.written(record.answered, COMPACT) if record.answered is not None else finish
    return {
        "callTime": members.written(record.started, COMPACT),
        "startTime": start,
        "finishTime": finish,
        "callDuration": str(record.talked_s),
        "finishType": str(outcomes.FINISH_TYPES[record.released_by]),
        "finishState": str(outcomes.FINISH_STATES[record.outcome]),
    }


def _read_call(fields: Fields) -> dict[str, Any]:
    start, finish = members.time(fields, "startTime"), members.time(fields, "finishTime")
    talked = start != finish or members.text(fields, "callDuration") != "0"
    return {
        "kind": EventKind.CALL_ENDED,
        "at": finish,
        "started": members.time(fields, "callTime"),
        "answered": start if talked else None,
        # A number that is in no table is no reason to lose an event; `raw` keeps it.
        "outcome": outcomes.OUTCOMES.get(
            members.text(fields, "finishState"), Outcome.PLATFORM_ERROR
        ),
        "released_by": outcomes.PARTIES.get(members.text(fields, "finishType"), Party.PLATFORM),
        **_of_binding(fields),
        **_parties(fields),
    }


def _read_sms(fields: Fields) -> dict[str, Any]:
    return {
        "kind": EventKind.SMS_SENT,
        "at": members.time(fields, "smsTime"),
        "sms_result": outcomes.RESULTS.get(members.text(fields, "smsResult"), SmsResult.FAILED),
        **_of_binding(fields),
        **_parties(fields),
    }


def _read_recording(fields: Fields) -> dict[str, Any]:
    return {
        "kind": EventKind.RECORDING_READY,
        "url": members.text(fields, "url", most=MAX_URL),
        "md5": members.text(fields, "md5"),
        **_of_binding(fields),
    }


def _unknown(_: Fields) -> dict[str, Any]:
    raise Unreadable("eventType")


_READERS: Mapping[str, Callable[[Fields], dict[str, Any]]] = {
    "10": read_placed,
    "32": _read_call,
    "33": _read_sms,
    "34": _read_recording,
}


def _of_binding(fields: Fields) -> dict[str, Any]:
    user_data = members.text(fields, "userData", default="")
    return {
        "call_id": members.identifier(fields, "callId"),
        "binding": user_data if handle_of(user_data) else None,
        "carrier_binding": members.text(fields, "bindId", default="") or None,
    }


def _parties(fields: Fields) -> dict[str, Any]:
    """A number that is not shown is empty, or in words: only digits are one."""
    caller, callee, number = (members.text(fields, name) for name in ("callNo", "peerNo", "phoneX"))
    return {
        "caller": Subscriber(caller) if DIGITS.fullmatch(caller) else None,
        "callee": Subscriber(callee) if DIGITS.fullmatch(callee) else None,
        "number": number if DIGITS.fullmatch(number) else None,
    }
