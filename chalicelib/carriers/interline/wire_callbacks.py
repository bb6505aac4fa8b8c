"""interline's callbacks on the wire: call records (5.1) and starts of calls (5.3), read and
written. Their times are epoch seconds, numbers national."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.carriers.interline import results
from chalicelib.carriers.interline import wire_members as members
from chalicelib.carriers.interline.wire_members import Fields, Unreadable
from chalicelib.core import numbers
from chalicelib.core.binding import handle_of
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.events import Event, EventKind, Outcome, SmsResult
from chalicelib.core.records import call_record
from chalicelib.core.values import Binding

MAX_RAW = 32 * 1024
"""Characters of a callback that are kept as they came: more might not fit into an item of the
table, and what is known is read from the whole."""
MAX_URL = 2048
MAX_SMS = 8 * 1024
MAX_RESULT = 64

Message = Mapping[str, str | int]


def is_for(body: bytes, *, developer: str, app_id: str | None) -> bool:
    """Whether a callback is for this developer and app, or names none."""
    try:
        fields = members.fields_of(body)
    except Unreadable:
        return True
    named = (fields.get("devid") or developer, fields.get("appid") or app_id)
    return named == (developer, app_id or named[1])


def read(body: bytes, *, carrier: str, received: int) -> list[Event]:
    """The events that a callback tells of, in the order in which they are to be stored. A `result`
    makes it a call record, a `callTime` the start of a call or a message.

    Two events are one if they say the same, as form or as JSON. What can't be read, whatever it is,
    is an event of kind UNKNOWN. `received` is epoch ms, and stands for a time that is not told.
    X is as the carrier writes it.
    """
    fields: Fields = {}
    try:
        fields = members.fields_of(body)
        details = _details(fields, received=received)
    except Unreadable:
        call_id, digest = fields.get("taskid", ""), _digest(body)
        is_id = 0 < len(call_id) <= members.MAX_TEXT
        kind = EventKind.UNKNOWN
        details = [{"kind": kind, "id": digest, "call_id": call_id if is_id else digest}]
    raw = body.decode(errors="replace")[:MAX_RAW]
    common: dict[str, Any] = {"carrier": carrier, "received": received, "at": received, "raw": raw}
    return [Event(**common | each) for each in details]


def _details(fields: Fields, *, received: int) -> list[dict[str, Any]]:
    if "result" in fields:
        return _of_record(fields, received=received)
    if "callTime" in fields:
        return [_of_start(fields, received=received)]
    raise Unreadable("result")


def _of_record(fields: Fields, *, received: int) -> list[dict[str, Any]]:
    """A call's end. Its recording is an event of its own and stands before it: a record that comes
    again, with the recording this time, is the same end."""
    url = members.text(fields, "recording", most=MAX_URL)
    rest = {name: value for name, value in fields.items() if name != "recording"}
    end = _of_end(rest, received=received)
    if not url:
        return [end]
    recording = _of_binding(fields) | {
        "id": _digest(f"recording\n{end['call_id']}\n{url}".encode()),
        "kind": EventKind.RECORDING_READY,
        "at": end["at"],
        "number": end["number"],
        "url": url,
    }
    return [recording, end]


def _of_end(fields: Fields, *, received: int) -> dict[str, Any]:
    result = members.text(fields, "result", most=MAX_RESULT)
    if not result:
        raise Unreadable("result")
    begun, rung, answer = (
        members.time(fields, name) for name in ("beginTime", "ringTime", "answerTime")
    )
    talked_ms = (members.seconds(fields, "duration") or 0) * 1000
    talked = result == results.ANSWERED or talked_ms > 0
    at = members.time(fields, "releaseTime") or (answer or rung or begun or received) + talked_ms
    released_by = results.PARTIES.get(members.text(fields, "releasedir"))
    outcome = results.outcome(result, released_by, talked=talked)
    # A stranger's call belongs to no binding, though the carrier may name one of this X.
    no_binding = {"binding": None, "carrier_binding": None}
    return {
        **_of_binding(fields),
        **(no_binding if outcome is Outcome.NO_BINDING else {}),
        **_of_parties(fields),
        "id": _digest(members.canonical(fields).encode()),
        "kind": EventKind.CALL_ENDED,
        "at": at,
        "started": begun,
        "ringing": rung,
        "answered": (answer or at - talked_ms) if talked else None,
        "result": result,
        "outcome": outcome,
        "cause": results.cause(result),
        "released_by": released_by,
    }


def _of_start(fields: Fields, *, received: int) -> dict[str, Any]:
    common = {
        **_of_binding(fields),
        **_of_parties(fields),
        "id": _digest(members.canonical(fields).encode()),
        "at": members.time(fields, "callTime") or received,
    }
    if "smsContent" not in fields:
        return {**common, "kind": EventKind.CALL_STARTED}
    said = members.text(fields, "smsContent", most=MAX_SMS)
    return {**common, "kind": EventKind.SMS_SENT, "sms_result": SmsResult.OK, "text": said}


def _of_binding(fields: Fields) -> dict[str, Any]:
    user_data = fields.get("userData", "")
    return {
        "call_id": members.identifier(fields, "taskid"),
        "binding": user_data if handle_of(user_data) else None,
        "carrier_binding": members.text(fields, "subid") or None,
    }


def _of_parties(fields: Fields) -> dict[str, Any]:
    return {
        "caller": members.telephone(fields, "caller"),
        "callee": members.telephone(fields, "callee"),
        "number": members.digits(fields, "rcaller"),
    }


def _digest(said: bytes) -> str:
    return hashlib.sha256(said).hexdigest()


def write_record(
    end: Event, call: Sequence[Event], *, to: AppCredentials, binding: Binding | None
) -> Message:
    """A call record, with every member that is known, in the order of the document's table."""
    record = call_record(end, call)
    recordings = [each for each in call if each.kind is EventKind.RECORDING_READY and each.url]
    # A carrier may have moved it.
    latest = max(recordings, key=lambda each: each.received, default=None)
    by_whom = end.released_by is not None or end.rejected is not None
    return {
        **_whose(end, to=to, binding=binding),
        "result": results.result(end, record),
        "beginTime": record.started // 1000,
        **({"ringTime": record.ringing // 1000} if record.ringing is not None else {}),
        **({"answerTime": record.answered // 1000} if record.answered is not None else {}),
        "releaseTime": record.ended // 1000,
        "duration": record.talked_s,
        **({"recording": latest.url or ""} if latest else {}),
        **_user_data(binding),
        **({"releasedir": results.RELEASED[record.released_by]} if by_whom else {}),
    }


def write_start(event: Event, *, to: AppCredentials, binding: Binding | None) -> Message:
    """The start of a call, or a message: that one has smsContent, empty if it is not known."""
    sms = {"smsContent": event.text or ""} if event.kind is EventKind.SMS_SENT else {}
    return {
        **_whose(event, to=to, binding=binding),
        "callTime": event.at // 1000,
        **sms,
        **_user_data(binding),
    }


def _whose(event: Event, *, to: AppCredentials, binding: Binding | None) -> Message:
    number = event.number or (binding.number if binding else "")
    return {
        "devid": to.key,
        "appid": to.app_id or "",
        "taskid": event.call_id,
        "subid": binding.id if binding else "",
        "caller": numbers.told(event.caller.digits) if event.caller else "",
        "rcaller": numbers.national(number) or number,
        "callee": numbers.told(event.callee.digits) if event.callee else "",
    }


def _user_data(binding: Binding | None) -> Message:
    return {"userData": binding.user_data} if binding and binding.user_data else {}
