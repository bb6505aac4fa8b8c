"""interline's callbacks on the wire: call records (5.1) and starts of calls (5.3), read and
written. Their times are epoch seconds, numbers national."""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.carriers import callback_members as members
from chalicelib.carriers.callback_members import Members, call_and_binding, event_of, members_of
from chalicelib.carriers.interline import results
from chalicelib.carriers.interline import wire_values as wire
from chalicelib.core import numbers
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.cdr import call_record
from chalicelib.core.calls.events import Event, EventKind, Reading, SmsResult, Unreadable
from chalicelib.core.calls.merging import end_of
from chalicelib.core.credentials import AppCredentials

MAX_SMS = 8 * 1024
MAX_WORD = 64
OF_A_RECORD = (
    *("result", "beginTime", "ringTime", "answerTime", "releaseTime"),
    *("duration", "recording", "releasedir"),
)
"""What only call records have."""
OF_A_START = ("callTime", "smsContent")
"""What only starts of calls and messages have."""

_MAX_SECONDS = 10**9
_EMPTY = ("", " ", 0, "0")

Message = Mapping[str, str | int]
Details = dict[str, Any]


def is_addressed_to(body: bytes, developer: str, app_id: str | None) -> bool:
    """Whether a callback is for this developer and app, or names none."""
    try:
        fields = members_of(body)
    except Unreadable:
        return True
    named = [fields.optional(name, members.as_text) for name in ("devid", "appid")]
    return named[0] in (None, developer) and (app_id is None or named[1] in (None, app_id))


def read(body: bytes, *, carrier: str, received: int) -> Reading:
    """What a callback reports that came to the address for call records, in the order in which it
    is to be stored. What only call records have makes it one, `smsContent` a message, `callTime`
    the start of a call.

    Two callbacks that say the same, as form or as JSON, give events that differ in `raw` and
    `received` alone. `received` is epoch ms, and stands for a time that it does not have. X has its
    country code. Raises Unreadable, also for one that is none of these.
    """
    fields = members_of(body)
    if not any(fields.has(name) for name in (*OF_A_RECORD, *OF_A_START)):
        raise Unreadable("neither a call record nor the start of a call nor a message")
    return _reading(fields, body, carrier=carrier, received=received)


def read_start(body: bytes, *, carrier: str, received: int) -> Reading:
    """The same of one that came to the address for starts and messages: it is the start of a call
    if nothing in it says otherwise."""
    return _reading(members_of(body), body, carrier=carrier, received=received)


def _reading(fields: Members, body: bytes, *, carrier: str, received: int) -> Reading:
    events = [event_of(each, body, carrier=carrier, received=received) for each in _details(fields)]
    return Reading(tuple(events), fields.dropped)


def _details(fields: Members) -> list[Details]:
    of_record = [fields.values[name] for name in OF_A_RECORD if fields.has(name)]
    # A message may have a record's members, as long as they say nothing.
    is_message = fields.has("smsContent") and all(each in _EMPTY for each in of_record)
    if of_record and not is_message:
        return _of_record(fields)
    if fields.has("smsContent"):
        text = fields.optional("smsContent", members.cut(MAX_SMS)) or ""
        sms = {"kind": EventKind.SMS_SENT, "sms_result": SmsResult.OK, "text": text}
        return [_of_start(fields) | sms]
    return [_of_start(fields)]


def _of_record(fields: Members) -> list[Details]:
    """A call's end. Its recording is an event of its own and stands before it: a record that comes
    again, with the recording this time, is the same end."""
    end = _of_end(fields)
    url = fields.optional("recording", members.as_url)
    if url is None:
        return [end]
    same = ("call_id", "binding", "carrier_binding", "number", "at", "started")
    recording = {name: end[name] for name in same}
    return [{**recording, "kind": EventKind.RECORDING_READY, "url": url}, end]


def _of_end(fields: Members) -> Details:
    begun, rung, answer, release = (
        fields.optional(name, wire.as_time)
        for name in ("beginTime", "ringTime", "answerTime", "releaseTime")
    )
    talked_s = fields.optional("duration", members.whole(_MAX_SECONDS)) or None
    result = fields.optional("result", _word)
    talked = result == results.ANSWERED or talked_s is not None
    last = answer or rung or begun
    at = release or (last + (talked_s or 0) * 1000 if last else None)
    # One that begins after its end is none: how long it took says when it was answered.
    answered = answer if answer and at and (answer <= at or talked_s is None) else None
    by = fields.optional("releasedir", _word)
    released_by = results.PARTIES.get(by) if by else None
    return {
        **_of_binding(fields),
        **_of_parties(fields),
        "kind": EventKind.CALL_ENDED,
        "at": at,
        "started": begun,
        "ringing": rung,
        "answered": (answered or (at if talked_s is None else None)) if talked else None,
        "talked_s": talked_s,
        **({"result": result, "result_of": results.FORMAT} if result else {}),
        "outcome": results.outcome(result, released_by, talked=talked),
        "cause": results.cause(result) if result else None,
        "released_by": released_by,
    }


def _of_start(fields: Members) -> Details:
    return {
        **_of_binding(fields),
        **_of_parties(fields),
        "kind": EventKind.CALL_STARTED,
        "at": fields.optional("callTime", wire.as_time),
    }


def _of_binding(fields: Members) -> Details:
    return call_and_binding(fields, call="taskid", ours="userData", theirs="subid")


def _of_parties(fields: Members) -> Details:
    person = wire.as_person_in_form if fields.form else wire.as_person
    return {
        "caller": fields.optional("caller", person),
        "callee": fields.optional("callee", person),
        "number": fields.unless_absent("rcaller", wire.as_number),
    }


def _word(value: Any) -> str:
    return members.as_text(value, most=MAX_WORD).strip()


def _write_record(
    end: Event, call: Sequence[Event], to: AppCredentials, binding: Binding | None
) -> Message | None:
    """A call record, with every member that is known, in the order of the document's table."""
    record = call_record(end, call)
    recordings = [each for each in call if each.kind is EventKind.RECORDING_READY and each.url]
    # A carrier may have moved it.
    latest = max(recordings, key=lambda each: each.received, default=None)
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
        **({"releasedir": results.RELEASED[record.released_by]} if record.released_by else {}),
    }


def _write_recording(
    event: Event, call: Sequence[Event], to: AppCredentials, binding: Binding | None
) -> Message | None:
    """A record has the recordings that were named until it came: one that was named later is sent
    with the record once more."""
    end = end_of(call)
    if end is None or event.received <= end.received:
        return None
    return _write_record(end, call, to, binding)


def _write_start(
    event: Event, _: Sequence[Event], to: AppCredentials, binding: Binding | None
) -> Message | None:
    """The start of a call, or a message: that one has smsContent, empty if it is not known."""
    sms = {"smsContent": event.text or ""} if event.kind is EventKind.SMS_SENT else {}
    return {
        **_whose(event, to=to, binding=binding),
        "callTime": event.at // 1000,
        **sms,
        **_user_data(binding),
    }


WRITERS = {
    EventKind.CALL_STARTED: _write_start,
    EventKind.CALL_ENDED: _write_record,
    EventKind.SMS_SENT: _write_start,
    EventKind.RECORDING_READY: _write_recording,
}
"""The kinds of events that there is a callback for, each with what writes it; None is written where
another event of the call has it."""


def _whose(event: Event, *, to: AppCredentials, binding: Binding | None) -> Message:
    number = event.number or (binding.number if binding else "")
    return {
        "devid": to.key,
        "appid": to.app_id or "",
        "taskid": event.call_id,
        "subid": binding.id if binding else "",
        "caller": numbers.national_or_plus(event.caller.digits) if event.caller else "",
        "rcaller": numbers.national(number) or number,
        "callee": numbers.national_or_plus(event.callee.digits) if event.callee else "",
    }


def _user_data(binding: Binding | None) -> Message:
    return {"userData": binding.user_data} if binding and binding.user_data else {}
