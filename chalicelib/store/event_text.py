"""Events as text, to be sealed."""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.core.calls.events import (
    Event,
    EventKind,
    Outcome,
    Party,
    PlacedEnd,
    PlacedLeg,
    RejectReason,
    SmsResult,
)
from chalicelib.core.subscribers import Subscriber


def to_text(event: Event) -> str:
    """JSON without blanks, and after a line's end what the carrier sent, as it is: the end of a
    call stays below the size at which each write costs twice as much."""
    return _compact(_fields(event)) + "\n" + event.raw


def said(event: Event) -> str:
    """What a carrier says with an event: the same text for two reports that say the same, whenever
    they were received and whatever else stands in them."""
    fields = _fields(event)
    del fields["received"], fields["request"]
    if not event.timed:
        del fields["at"]
    return _compact(fields)


def _compact(fields: dict[str, Any]) -> str:
    told = {name: value for name, value in fields.items() if value is not None}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _fields(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "kind": event.kind,
        "carrier": event.carrier,
        "call_id": event.call_id,
        "at": event.at,
        "received": event.received,
        "binding": event.binding,
        "number": event.number,
        "caller": event.caller.digits if event.caller else None,
        "callee": event.callee.digits if event.callee else None,
        "cause": event.cause,
        "released_by": event.released_by,
        "rejected": event.rejected,
        "sms_result": event.sms_result,
        "url": event.url,
        "md5": event.md5,
        "started": event.started,
        "answered": event.answered,
        "outcome": event.outcome,
        "placed": _placed_fields(event.placed) if event.placed else None,
        "carrier_binding": event.carrier_binding,
        "ringing": event.ringing,
        "result": event.result,
        "text": event.text,
        "sequence": event.sequence,
        "node": event.node,
        # What most events are is left out.
        "timed": None if event.timed else False,
        "talked_s": event.talked_s,
        "result_of": event.result_of,
        "request": event.request,
    }


def from_text(text: str) -> Event:
    """Reads `to_text`."""
    told, _, raw = text.partition("\n")
    fields: dict[str, Any] = {"raw": raw, **json.loads(told)}
    readers: dict[str, Callable[[Any], Any]] = {
        "kind": EventKind,
        "caller": Subscriber,
        "callee": Subscriber,
        "released_by": Party,
        "rejected": RejectReason,
        "sms_result": SmsResult,
        "outcome": Outcome,
        "placed": _placed,
    }
    return Event(**{name: readers.get(name, _as_is)(value) for name, value in fields.items()})


def _placed_fields(placed: PlacedEnd) -> dict[str, Any]:
    return {
        "conference": placed.conference,
        "account": placed.account,
        "caller": placed.caller.digits if placed.caller else None,
        "parties": [party.digits for party in placed.parties],
        "created": placed.created,
        "started": placed.started,
        "duration_s": placed.duration_s,
        "status": placed.status,
        "legs": [[leg.party.digits, leg.ended, leg.cause] for leg in placed.legs],
    }


def _placed(fields: dict[str, Any]) -> PlacedEnd:
    caller = fields["caller"]
    return PlacedEnd(
        **fields
        | {
            "caller": Subscriber(caller) if caller else None,
            "parties": tuple(Subscriber(each) for each in fields["parties"]),
            "legs": tuple(
                PlacedLeg(Subscriber(party), ended, cause) for party, ended, cause in fields["legs"]
            ),
        }
    )


def _as_is(value: Any) -> Any:
    return value
