"""NetEase's callbacks on the wire, in both directions. Times of theirs are in UTC+8."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.carriers import callback_members as members
from chalicelib.carriers.callback_json import canonical
from chalicelib.carriers.callback_members import Members, call_and_binding, event_of, members_of
from chalicelib.carriers.netease import outcomes
from chalicelib.carriers.netease import wire_values as wire
from chalicelib.carriers.netease.wire_placed import read_placed, write_placed
from chalicelib.carriers.netease.wire_values import COMPACT
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.cdr import call_record, outcome_of
from chalicelib.core.calls.events import Event, EventKind, Outcome, Reading, SmsResult

FORMAT = "netease"
"""The event format whose words these are."""

MAX_WORD = 64
_MAX_SECONDS = 10**9
_WHOLE = re.compile(r"0*([0-9]+)(?:\.0*)?", re.ASCII)


def read(body: bytes, *, carrier: str, received: int) -> Reading:
    """What a callback reports; nothing for `{}`, which checks that somebody listens.

    Two callbacks that say the same give events that differ in `raw` and `received` alone. One of a
    type that we don't know is an event of kind UNKNOWN. `received` is epoch ms, and stands for a
    time that the callback does not have. Raises Unreadable.
    """
    fields = members_of(body)
    if not fields.values:
        return Reading(())
    event_type = fields.identifier("eventType")
    details = _READERS.get(_number_in(event_type), _read_unknown)(fields)
    event = event_of(details, body, carrier=carrier, received=received)
    return Reading((event,), fields.dropped)


def write(event: Event, call: Sequence[Event], *, binding: Binding | None) -> dict[str, str]:
    """The body's members, all of them text, as the document's tables list them. Raises ValueError
    for an event that there is no callback for."""
    if event.kind not in WRITERS:
        raise ValueError(f"no callback for {event.kind}")
    return WRITERS[event.kind](event, call, binding)


def _write_placed(event: Event, _: Sequence[Event], __: Binding | None) -> dict[str, str]:
    if event.placed is None:
        raise ValueError("no callback for a placed call of which nothing is known")
    return write_placed(event.placed, event.call_id)


def _write_call(event: Event, call: Sequence[Event], binding: Binding | None) -> dict[str, str]:
    user_data = {"userData": binding.user_data if binding else ""}
    return _common("32", event, binding) | user_data | _people(event, binding) | _call(event, call)


def _write_sms(event: Event, _: Sequence[Event], binding: Binding | None) -> dict[str, str]:
    # The document's table has userData, its example, of a binding without, has none.
    user_data = {"userData": binding.user_data} if binding and binding.user_data else {}
    ours = str(outcomes.SMS_RESULTS[event.sms_result or SmsResult.OK])
    sms = {
        "smsTime": wire.written(event.at, COMPACT),
        "smsResult": _own_word(event) or ours,
    }
    return _common("33", event, binding) | user_data | _people(event, binding) | sms


def _write_recording(event: Event, _: Sequence[Event], binding: Binding | None) -> dict[str, str]:
    user_data = {"userData": binding.user_data if binding else ""}
    recording = {"url": event.url or "", "md5": event.md5 or ""}
    return _common("34", event, binding) | user_data | recording


WRITERS = {
    EventKind.CALL_ENDED: _write_call,
    EventKind.SMS_SENT: _write_sms,
    EventKind.RECORDING_READY: _write_recording,
    EventKind.PLACED_ENDED: _write_placed,
}
"""The kinds of events that there is a callback for, each with what writes it."""


def _common(event_type: str, event: Event, binding: Binding | None) -> dict[str, str]:
    bind_id = binding.id if binding else ""
    return {"eventType": event_type, "callId": event.call_id, "bindId": bind_id}


def _people(event: Event, binding: Binding | None) -> dict[str, str]:
    return {
        "callNo": event.caller.digits if event.caller else "",
        "peerNo": event.callee.digits if event.callee else "",
        "phoneX": event.number or (binding.number if binding else ""),
    }


def _call(event: Event, call: Sequence[Event]) -> dict[str, str]:
    record = call_record(event, call)
    finish = wire.written(record.ended, COMPACT)
    start = wire.written(record.answered, COMPACT) if record.answered is not None else finish
    return {
        "callTime": wire.written(record.started, COMPACT),
        "startTime": start,
        "finishTime": finish,
        "callDuration": str(record.talked_s),
        "finishType": str(outcomes.FINISH_TYPES[record.released_by]),
        "finishState": _own_word(event) or str(outcomes.FINISH_STATES[record.outcome]),
    }


def _own_word(event: Event) -> str | None:
    """The carrier's own finishState or smsResult, which may be in no table, if it speaks as this
    format does."""
    return event.result if event.result_of == FORMAT else None


def _read_call(fields: Members) -> dict[str, Any]:
    begun, start, finish = (
        fields.optional(name, wire.as_time) for name in ("callTime", "startTime", "finishTime")
    )
    talked_s = fields.optional("callDuration", members.whole(_MAX_SECONDS)) or None
    by = fields.optional("finishType", _word)
    released_by = outcomes.PARTIES.get(by) if by else None
    state = fields.optional("finishState", _word)
    known_start = start if start is not None else begun
    at = finish
    if at is None and known_start is not None:
        at = known_start + (talked_s or 0) * 1000
    lasted = start is not None and at is not None and start < at
    return {
        "kind": EventKind.CALL_ENDED,
        "at": at,
        "started": begun,
        # One that begins after its end is none: how long it took says when it was answered.
        "answered": start if lasted else None,
        "talked_s": talked_s,
        # A number that is in no table is no reason to lose an event; `result` keeps it.
        "outcome": outcomes.OUTCOMES.get(state, Outcome.PLATFORM_ERROR)
        if state
        else outcome_of(None, released_by, answered=lasted or talked_s is not None),
        "released_by": released_by,
        **_own(state),
        **_of_binding(fields),
        **_parties(fields),
    }


def _read_sms(fields: Members) -> dict[str, Any]:
    result = fields.optional("smsResult", _word)
    return {
        "kind": EventKind.SMS_SENT,
        "at": fields.optional("smsTime", wire.as_time),
        "sms_result": outcomes.RESULTS.get(result, SmsResult.FAILED) if result else None,
        **_own(result),
        **_of_binding(fields),
        **_parties(fields),
    }


def _read_recording(fields: Members) -> dict[str, Any]:
    return {
        "kind": EventKind.RECORDING_READY,
        "url": fields.needed("url", members.as_url),
        "md5": fields.optional("md5", members.as_md5),
        **_of_binding(fields),
    }


def _read_unknown(fields: Members) -> dict[str, Any]:
    """All of it says what happened, so all of it says whether it is a repeat."""
    digest = hashlib.sha256(canonical(fields.values)).hexdigest()
    call_id = fields.optional("callId", members.as_text)
    return {
        "kind": EventKind.UNKNOWN,
        "id": digest,
        "call_id": call_id or fields.optional("session", members.as_text) or digest,
        **_own(fields.optional("eventType", members.cut(MAX_WORD))),
    }


_READERS: Mapping[str, Callable[[Members], dict[str, Any]]] = {
    "10": read_placed,
    "32": _read_call,
    "33": _read_sms,
    "34": _read_recording,
}


def _number_in(word: str) -> str:
    """The digits of a whole number, however it is written; any other word as it stands."""
    found = _WHOLE.fullmatch(word.strip())
    return found[1] if found else word


def _word(value: Any) -> str:
    return members.as_text(value, most=MAX_WORD).strip()


def _own(word: str | None) -> dict[str, Any]:
    return {"result": word, "result_of": FORMAT} if word else {}


def _of_binding(fields: Members) -> dict[str, Any]:
    return call_and_binding(fields, call="callId", ours="userData", theirs="bindId")


def _parties(fields: Members) -> dict[str, Any]:
    return {
        "caller": fields.optional("callNo", wire.as_person),
        "callee": fields.optional("peerNo", wire.as_person),
        "number": fields.unless_absent("phoneX", members.as_number),
    }
