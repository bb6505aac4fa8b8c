"""CloudEvents on the wire: structured JSON (CloudEvents 1.0.2 and its JSON format), and what is in
their `data`. The members are those of the records that apps can ask for."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.cdr import call_record
from chalicelib.core.calls.events import Event, EventKind, PlacedEnd
from chalicelib.core.calls.model import EventKey
from chalicelib.core.subscribers import Subscriber

KINDS = frozenset(kind for kind in EventKind if kind.traits.known)

VERSION = 1
"""Of `data`: members may be added to it, and nothing else may change."""

Data = dict[str, Any]


def type_of(kind: EventKind) -> str:
    """`type` of the events of this kind."""
    return f"masking.{kind}.v{VERSION}"


def source_of(app: str) -> str:
    """`source` of the events of an app: a relative reference, as one deployment may have several
    addresses, and nothing about an event is to depend on the one it has today."""
    return f"/apps/{app}"


def write(
    event: Event,
    call: Sequence[Event],
    *,
    key: EventKey,
    record: str,
    app: str,
    binding: Binding | None,
) -> Data:
    """The whole message; `record` is the id of the call's record, `subject` is left out where there
    is no binding. Raises ValueError for a kind that there are no words for."""
    if event.kind not in KINDS:
        raise ValueError(f"no words for {event.kind}")
    more = _OF_KIND.get(event.kind, _nothing_more)(event, call)
    return {
        "specversion": "1.0",
        "id": key.id,
        "source": source_of(app),
        "type": type_of(event.kind),
        "time": _time(event.at),
        **({"subject": binding.id} if binding else {}),
        "datacontenttype": "application/json",
        "data": {
            **_common(event, record, binding),
            **more,
        },
    }


def _common(event: Event, record: str, binding: Binding | None) -> Data:
    return {
        "call": record,
        "call_id": event.call_id,
        "binding": binding.id if binding else None,
        "user_data": binding.user_data if binding else None,
        "number": event.number or (binding.number if binding else None),
        "caller": _digits(event.caller),
        "callee": _digits(event.callee),
        "at": event.at,
    }


def _nothing_more(_: Event, __: Sequence[Event]) -> Data:
    return {}


def _end(event: Event, call: Sequence[Event]) -> Data:
    record = call_record(event, call)
    return {
        "started": record.started,
        "ringing": record.ringing,
        "answered": record.answered,
        "ended": record.ended,
        "talked_s": record.talked_s,
        "released_by": record.released_by,
        "outcome": record.outcome,
        "rejected": event.rejected,
        "cause": event.cause,
        "result": event.result,
    }


def _sms(event: Event, _: Sequence[Event]) -> Data:
    return {"sms_result": event.sms_result, "text": event.text}


def _recording(event: Event, _: Sequence[Event]) -> Data:
    return {"url": event.url, "md5": event.md5}


def _why(event: Event, _: Sequence[Event]) -> Data:
    return {"result": event.result}


def _placed(event: Event, _: Sequence[Event]) -> Data:
    placed = event.placed
    return {} if placed is None else {**_of_everybody(placed), "ended": event.at}


def _of_everybody(placed: PlacedEnd) -> Data:
    return {
        "conference": placed.conference,
        "account": placed.account,
        "caller": _digits(placed.caller),
        "parties": [party.digits for party in placed.parties],
        "created": placed.created,
        "started": placed.started,
        "talked_s": placed.duration_s,
        "result": placed.status,
        "legs": [
            {"party": leg.party.digits, "ended": leg.ended, "cause": leg.cause}
            for leg in placed.legs
        ],
    }


_OF_KIND: Mapping[EventKind, Callable[[Event, Sequence[Event]], Data]] = {
    EventKind.CALL_ENDED: _end,
    EventKind.SMS_SENT: _sms,
    EventKind.RECORDING_READY: _recording,
    EventKind.PLACED_ENDED: _placed,
    EventKind.RECORDING_FAILED: _why,
    EventKind.CALL_GAP: _why,
}
"""What the events of a kind say beside what all of them say."""


def _digits(party: Subscriber | None) -> str | None:
    return party.digits if party else None


def _time(at: int) -> str:
    """RFC 3339, with milliseconds. From whole numbers: a float would be off by one now and then."""
    moment = datetime.fromtimestamp(at // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"
