"""CloudEvents on the wire: structured JSON (CloudEvents 1.0.2 and its JSON format), and what is in
their `data`. The members are those of the records that apps can ask for (schema.calls)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.cdr import call_record
from chalicelib.core.calls.events import Event, EventKind, PlacedEnd
from chalicelib.core.calls.model import EventKey
from chalicelib.schema import calls
from chalicelib.schema.types import Listed, Member, Nullable, Object, shape
from chalicelib.schema.values import ANYBODY, BOOLEAN, TIMESTAMP, choice, shown_text

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
    message = {
        "specversion": "1.0",
        "id": key.id,
        "source": source_of(app),
        "type": type_of(event.kind),
        "time": event.at,
        **({"subject": binding.id} if binding else {}),
        "datacontenttype": "application/json",
        "data": {**_common(event, record, binding), **more},
    }
    written: Data = MESSAGES[event.kind].write(message)
    return written


_COMMON: calls.Members = {
    "call": Member(shown_text("A7yIiw-CjYoCmIcgGCC5Lw"), "`id` of the call's record."),
    **calls.members(("call_id", "binding")),
    "user_data": Member(Nullable(shown_text("order-1")), "Of the binding, or of the placed call."),
    **calls.members(("number", "caller", "callee")),
    "at": Member(TIMESTAMP, "When it happened: `time` again."),
}
_CDR = (
    *("started", "ringing", "answered", "ended", "talked_s"),
    *("released_by", "outcome", "rejected", "cause", "result"),
)
_LEG = shape(
    "",
    {
        "party": Member(ANYBODY, "Whose telephone it is."),
        **calls.members(("ended", "cause")),
    },
)
_MORE: Mapping[EventKind, calls.Members] = {
    EventKind.CALL_ENDED: calls.members(_CDR),
    EventKind.SMS_SENT: {
        **calls.members(("sms_result",)),
        "text": Member(Nullable(shown_text("I am at the door")), "What the message said."),
    },
    EventKind.RECORDING_READY: {
        "url": Member(
            Nullable(shown_text("https://gateway.example/v1/recordings/A7yIiw...")),
            "Where the recording is, with the app's own authentication.",
        ),
        "md5": Member(Nullable(shown_text("9e107d9d372bb6826bd81d3542a419d6")), "Of the file."),
    },
    EventKind.PLACED_ENDED: {
        "conference": Member(BOOLEAN, "Whether it has more than two parties."),
        "account": Member(shown_text("clerk-1"), "For whom it was placed."),
        **calls.members(("parties",)),
        "created": Member(Nullable(TIMESTAMP), "When it was placed."),
        **calls.members(("started", "ended", "talked_s", "result")),
        "legs": Member(Listed(_LEG), "Each telephone: when its part ended, and its Q.850 cause."),
    },
    EventKind.RECORDING_FAILED: calls.members(("result",)),
    EventKind.CALL_GAP: calls.members(("result",)),
}


def _message(kind: EventKind) -> Object[Data]:
    return shape(
        "",
        {
            "specversion": Member(choice(["1.0"]), ""),
            "id": Member(
                shown_text("A7yIiw-CjYoCmIcgGCC5Lw.juMao8W7HpX6dNo16bAvhg"),
                "The same however often the event is delivered; also `webhook-id`.",
            ),
            "source": Member(shown_text("/apps/shop"), "With `id` it is unique."),
            "type": Member(choice([type_of(kind)]), ""),
            "time": Member(TIMESTAMP, "When it happened, by the carrier's clock."),
            "subject": Member(
                shown_text("12202601151600000123456789"), "Id of the binding.", required=False
            ),
            "datacontenttype": Member(choice(["application/json"]), ""),
            "data": Member(shape("", {**_COMMON, **_MORE.get(kind, {})}), ""),
        },
    )


MESSAGES: Mapping[EventKind, Object[Data]] = {
    kind: _message(kind) for kind in EventKind if kind in KINDS
}
"""The whole message, for each kind."""


def _common(event: Event, record: str, binding: Binding | None) -> Data:
    return {
        "call": record,
        "call_id": event.call_id,
        "binding": binding.id if binding else None,
        "user_data": _user_data(event, binding),
        "number": event.number or (binding.number if binding else None),
        "caller": event.caller,
        "callee": event.callee,
        "at": event.at,
    }


def _user_data(event: Event, binding: Binding | None) -> str | None:
    if binding is not None:
        return binding.user_data
    return event.placed.user_data or None if event.placed is not None else None


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
    placed = event.placed or _UNKNOWN
    return {
        "conference": placed.conference,
        "account": placed.account,
        "caller": placed.caller,
        "parties": placed.parties,
        "created": placed.created,
        "started": placed.started,
        "ended": event.at,
        "talked_s": placed.duration_s,
        "result": placed.status,
        "legs": [
            {"party": leg.party, "ended": leg.ended, "cause": leg.cause} for leg in placed.legs
        ],
    }


_UNKNOWN = PlacedEnd(
    conference=False,
    account="",
    caller=None,
    parties=(),
    created=None,
    started=None,
    duration_s=0,
    status="",
)
"""What is said of a placed call's end that says nothing."""

_OF_KIND: Mapping[EventKind, Callable[[Event, Sequence[Event]], Data]] = {
    EventKind.CALL_ENDED: _end,
    EventKind.SMS_SENT: _sms,
    EventKind.RECORDING_READY: _recording,
    EventKind.PLACED_ENDED: _placed,
    EventKind.RECORDING_FAILED: _why,
    EventKind.CALL_GAP: _why,
}
"""The values of what the events of a kind say beside what all of them say."""
