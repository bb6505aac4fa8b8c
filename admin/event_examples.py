"""What apps are told in CloudEvents: an example of each kind, made by the code that tells them."""

import json
from base64 import urlsafe_b64encode
from hashlib import sha256

from chalicelib.carriers.cloudevents import wire_callbacks as wire
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event, EventKind, Party, PlacedEnd, PlacedLeg, SmsResult
from chalicelib.core.calls.model import EventKey
from chalicelib.core.subscribers import Subscriber

ENDED = 1_768_464_075_250
"""When the call of the examples ended; everything else is about then."""

_A, _B = Subscriber("447700900001"), Subscriber("447700900002")
_X = "8610000000001"
_BINDING = Binding(
    id="12202601151600000123456789",
    handle="",
    app="shop",
    carrier="switch",
    number=_X,
    a=_A,
    b=_B,
    record=True,
    user_data="order-1",
    created=ENDED - 3_600_000,
    updated=ENDED - 3_600_000,
    expires=ENDED + 3_600_000,
    cooling_ms=0,
    retention_ms=0,
    max_call_s=0,
    quota_shard=0,
    request="",
    content="",
    version=1,
)


def documents() -> dict[EventKind, str]:
    """Of each kind that is told the whole body, as indented JSON."""
    return {event.kind: _written(event) for event in _events()}


def _written(event: Event) -> str:
    binding = _BINDING if event.binding else None
    key = EventKey(_digest(event.call_id), _digest(event.kind))
    message = wire.write(event, _CALL, key=key, record=key.call, app="shop", binding=binding)
    return json.dumps(message, ensure_ascii=False, indent=2)


def _digest(text: str) -> str:
    return urlsafe_b64encode(sha256(text.encode()).digest()[:16]).decode()[:22]


def _event(kind: EventKind, at: int, **more: object) -> Event:
    """One of the call of A to B, unless `more` says otherwise."""
    values: dict[str, object] = {
        "id": kind,
        "carrier": "switch",
        "call_id": "c-2026-1",
        "received": at,
        "binding": _BINDING.id,
        "number": _X,
        "caller": _A,
        "callee": _B,
    }
    return Event(kind=kind, at=at, **values | more)  # type: ignore[arg-type]


_CALL = (
    _event(EventKind.CALL_STARTED, ENDED - 75_250),
    _event(EventKind.CALL_RINGING, ENDED - 73_000),
    _event(EventKind.CALL_ANSWERED, ENDED - 65_250),
    _event(EventKind.CALL_ENDED, ENDED, cause=16, released_by=Party.CALLER),
)


def _events() -> tuple[Event, ...]:
    return (
        *_CALL,
        _event(
            EventKind.RECORDING_READY,
            ENDED + 4_000,
            url=f"https://gateway.example/v1/recordings/{_digest('c-2026-1')}.{_digest('recording.ready')}",
            md5="9e107d9d372bb6826bd81d3542a419d6",
        ),
        _event(
            EventKind.RECORDING_FAILED, ENDED + 4_000, result="its md5 is not what was announced"
        ),
        _event(EventKind.CALL_GAP, ENDED + 1_800_000, result="no_recording"),
        _event(EventKind.SMS_SENT, ENDED, sms_result=SmsResult.OK, text="I am at the door"),
        _event(
            EventKind.PLACED_ENDED,
            ENDED,
            binding=None,
            number=None,
            callee=None,
            placed=PlacedEnd(
                conference=False,
                account="clerk-1",
                caller=_A,
                parties=(_A, _B),
                created=ENDED - 90_000,
                started=ENDED - 65_250,
                duration_s=65,
                status="success",
                legs=(PlacedLeg(_A, ENDED, 16), PlacedLeg(_B, ENDED, 16)),
            ),
        ),
    )
