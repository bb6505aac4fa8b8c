"""NetEase's callbacks on the wire, in both directions. Times of theirs are in UTC+8."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.carriers.json_text import parse_json
from chalicelib.carriers.netease import codes, hang_causes
from chalicelib.carriers.netease.wire_calls import national, of_national
from chalicelib.core.binding import handle_of
from chalicelib.core.events import (
    Event,
    EventKind,
    Outcome,
    Party,
    PlacedEnd,
    PlacedLeg,
    SmsResult,
    call_record,
)
from chalicelib.core.values import Binding, Subscriber

MAX_RAW = 32 * 1024
"""Characters of a callback that are kept as they came: more might not fit into an item of the
table, and what is known is read from the whole."""
MAX_TEXT = 150
MAX_URL = 2048
MAX_PARTIES = 64
END_OF_TIME = 10**13

_UTC8 = timedelta(hours=8)
_COMPACT = "%Y%m%d%H%M%S"
_SPACED = "%Y-%m-%d %H:%M:%S"
_FORMS = {
    _COMPACT: re.compile(r"[0-9]{14}", re.ASCII),
    _SPACED: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII),
}
_DIGITS = re.compile(r"[0-9]{1,24}", re.ASCII)

Fields = Mapping[str, Any]


class _Unreadable(ValueError):
    """A callback of a type that we know, with members that we can't read."""


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
    except _Unreadable:
        call_id = fields.get("callId", fields.get("session"))
        is_id = isinstance(call_id, str) and 0 < len(call_id) <= MAX_TEXT
        details = {"kind": EventKind.UNKNOWN, "call_id": call_id if is_id else common["id"]}
    return Event(**{"at": received, **common, **details})


def write(event: Event, call: Sequence[Event], *, binding: Binding | None) -> dict[str, str]:
    """The body's members, all of them text, as the document's tables list them."""
    if event.placed is not None:
        return {"callback": _compact(_placed(event.placed, event.call_id)), "eventType": "10"}
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
                "smsTime": _written(event.at, _COMPACT),
                "smsResult": str(codes.SMS_RESULTS[event.sms_result or SmsResult.OK]),
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
    finish = _written(record.ended, _COMPACT)
    start = _written(record.answered, _COMPACT) if record.answered is not None else finish
    # As a client works it out from the two times, which have no parts of a second.
    talked_s = record.ended // 1000 - (record.answered or record.ended) // 1000
    return {
        "callTime": _written(record.started, _COMPACT),
        "startTime": start,
        "finishTime": finish,
        "callDuration": str(talked_s),
        "finishType": str(codes.FINISH_TYPES[record.released_by]),
        "finishState": str(codes.FINISH_STATES[record.outcome]),
    }


def _placed(end: PlacedEnd, session: str) -> dict[str, Any]:
    common = {
        "createtime": end.created,
        "durationSec": end.duration_s,
        "initAccount": end.account,
        "session": session,
        **({"starttime": _written(end.started, _SPACED)} if end.started is not None else {}),
        "status": end.status.upper(),
    }
    if end.conference or end.caller is None:
        return {**common, "members": _compact([national(each) for each in end.parties])}
    callee = next((each for each in end.parties if each != end.caller), end.caller)
    return {
        **common,
        "caller": national(end.caller),
        "callee": national(callee),
        "legs": [
            {
                **({"endTime": _written(leg.ended, _SPACED)} if leg.ended is not None else {}),
                "endpoint": national(leg.party),
                "hangCause": hang_causes.NAMES.get(leg.cause or 0, "NONE"),
            }
            for leg in end.legs
        ],
    }


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _read_call(fields: Fields) -> dict[str, Any]:
    start, finish = _time(fields, "startTime"), _time(fields, "finishTime")
    talked = start != finish or _text(fields, "callDuration") != "0"
    return {
        "kind": EventKind.CALL_ENDED,
        "at": finish,
        "started": _time(fields, "callTime"),
        "answered": start if talked else None,
        # A number that is in no table is no reason to lose an event; `raw` keeps it.
        "outcome": codes.OUTCOMES.get(_text(fields, "finishState"), Outcome.PLATFORM_ERROR),
        "released_by": codes.PARTIES.get(_text(fields, "finishType"), Party.PLATFORM),
        **_of_binding(fields),
        **_parties(fields),
    }


def _read_sms(fields: Fields) -> dict[str, Any]:
    return {
        "kind": EventKind.SMS_SENT,
        "at": _time(fields, "smsTime"),
        "sms_result": codes.RESULTS.get(_text(fields, "smsResult"), SmsResult.FAILED),
        **_of_binding(fields),
        **_parties(fields),
    }


def _read_recording(fields: Fields) -> dict[str, Any]:
    return {
        "kind": EventKind.RECORDING_READY,
        "url": _text(fields, "url", most=MAX_URL),
        "md5": _text(fields, "md5"),
        **_of_binding(fields),
    }


def _read_placed(fields: Fields) -> dict[str, Any]:
    inner = _inner(fields, "callback", dict)
    conference = "members" in inner
    caller = None if conference else _telephone(inner.get("caller"))
    people = _inner(inner, "members", list) if conference else [inner.get("callee")]
    if len(people) > MAX_PARTIES:
        raise _Unreadable("members")
    others = tuple(_telephone(each) for each in people)
    legs = _legs(inner)
    created = _integer(inner, "createtime", below=END_OF_TIME)
    started = _time(inner, "starttime", _SPACED) if inner.get("starttime") else None
    duration_s = _integer(inner, "durationSec", below=END_OF_TIME // 1000)
    talked_until = (started or created) + duration_s * 1000
    return {
        "kind": EventKind.PLACED_ENDED,
        "call_id": _id(inner, "session"),
        "at": max([talked_until, *(leg.ended for leg in legs if leg.ended is not None)]),
        "caller": caller,
        "placed": PlacedEnd(
            conference=conference,
            account=_text(inner, "initAccount"),
            caller=caller,
            parties=(caller, *others) if caller else others,
            created=created,
            started=started,
            duration_s=duration_s,
            status=_text(inner, "status").lower(),
            legs=legs,
        ),
    }


def _legs(inner: Fields) -> tuple[PlacedLeg, ...]:
    legs = inner.get("legs", [])
    if not isinstance(legs, list) or len(legs) > MAX_PARTIES:
        raise _Unreadable("legs")
    if not all(isinstance(leg, dict) for leg in legs):
        raise _Unreadable("legs")
    return tuple(
        PlacedLeg(
            party=_telephone(leg.get("endpoint")),
            ended=_time(leg, "endTime", _SPACED) if leg.get("endTime") else None,
            cause=hang_causes.NUMBERS.get(_text(leg, "hangCause", default="")),
        )
        for leg in legs
    )


def _unknown(_: Fields) -> dict[str, Any]:
    raise _Unreadable("eventType")


_READERS: Mapping[str, Callable[[Fields], dict[str, Any]]] = {
    "10": _read_placed,
    "32": _read_call,
    "33": _read_sms,
    "34": _read_recording,
}


def _of_binding(fields: Fields) -> dict[str, Any]:
    user_data = _text(fields, "userData", default="")
    return {
        "call_id": _id(fields, "callId"),
        "binding": user_data if handle_of(user_data) else None,
        "carrier_binding": _text(fields, "bindId", default="") or None,
    }


def _parties(fields: Fields) -> dict[str, Any]:
    """A number that is not shown is empty, or in words: only digits are one."""
    caller, callee, number = (_text(fields, name) for name in ("callNo", "peerNo", "phoneX"))
    return {
        "caller": Subscriber(caller) if _DIGITS.fullmatch(caller) else None,
        "callee": Subscriber(callee) if _DIGITS.fullmatch(callee) else None,
        "number": number if _DIGITS.fullmatch(number) else None,
    }


def _inner(fields: Fields, name: str, kind: type) -> Any:
    """JSON that stands as text in JSON."""
    text = fields.get(name)
    try:
        parsed = parse_json(text.encode()) if isinstance(text, str) else None
    except ValueError:
        parsed = None
    if not isinstance(parsed, kind):
        raise _Unreadable(name)
    return parsed


def _telephone(value: Any) -> Subscriber:
    if not isinstance(value, str) or not _DIGITS.fullmatch(value):
        raise _Unreadable("telephone")
    return of_national(value)


def _id(fields: Fields, name: str) -> str:
    value = _text(fields, name)
    if not value:
        raise _Unreadable(name)
    return value


def _text(fields: Fields, name: str, *, default: str | None = None, most: int = MAX_TEXT) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str) or len(value) > most:
        raise _Unreadable(name)
    return value


def _integer(fields: Fields, name: str, *, below: int) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value < below:
        raise _Unreadable(name)
    return value


def _time(fields: Fields, name: str, form: str = _COMPACT) -> int:
    """Epoch ms."""
    text = _text(fields, name)
    try:
        if not _FORMS[form].fullmatch(text):
            raise _Unreadable(name)
        at = datetime.strptime(text, form).replace(tzinfo=UTC) - _UTC8
    except (ValueError, OverflowError):
        raise _Unreadable(name) from None
    ms = int(at.timestamp()) * 1000
    if not 0 < ms < END_OF_TIME:
        raise _Unreadable(name)
    return ms


def _written(at: int, form: str) -> str:
    return f"{datetime.fromtimestamp(at // 1000, UTC) + _UTC8:{form}}"
