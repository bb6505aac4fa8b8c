"""An example of each kind of event: for the documents, and for an app that tries its endpoint. All
numbers are nobody's."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event, EventKind, Party, PlacedEnd, PlacedLeg, SmsResult
from chalicelib.core.calls.model import EventKey
from chalicelib.core.subscribers import Subscriber

A, B = Subscriber("447700900001"), Subscriber("447700900002")
X = "8610000000001"
BINDING_ID = "12202601151600000123456789"


@dataclass(frozen=True, slots=True)
class Example:
    """An event with its key, the events of its call, and its binding."""

    event: Event
    key: EventKey
    call: Sequence[Event]
    binding: Binding | None


def examples(
    *, ended: int, app: str = "shop", call_id: str = "c-2026-1"
) -> dict[EventKind, Example]:
    """Of each kind one, of a call of A to B that ended then (epoch ms)."""
    call = tuple(_call(ended, call_id))
    binding = _binding(ended, app)
    found = [*call, *_others(ended, call_id)]
    return {
        each.kind: Example(
            each,
            EventKey(digest(call_id), digest(each.kind)),
            call,
            binding if each.binding else None,
        )
        for each in found
    }


def digest(text: str) -> str:
    """Has the form of a part of an event's id."""
    return urlsafe_b64encode(sha256(text.encode()).digest()[:16]).decode()[:22]


def _call(ended: int, call_id: str) -> Iterator[Event]:
    yield _event(EventKind.CALL_STARTED, ended - 75_250, call_id)
    yield _event(EventKind.CALL_RINGING, ended - 73_000, call_id)
    yield _event(EventKind.CALL_ANSWERED, ended - 65_250, call_id)
    yield _event(EventKind.CALL_ENDED, ended, call_id, cause=16, released_by=Party.CALLER)


def _others(ended: int, call_id: str) -> Iterator[Event]:
    recording = (
        f"https://gateway.example/v1/recordings/{digest(call_id)}.{digest('recording.ready')}"
    )
    yield _event(
        EventKind.RECORDING_READY,
        ended + 4_000,
        call_id,
        url=recording,
        md5="9e107d9d372bb6826bd81d3542a419d6",
    )
    yield _event(
        EventKind.RECORDING_FAILED,
        ended + 4_000,
        call_id,
        result="its md5 is not what was announced",
    )
    yield _event(EventKind.CALL_GAP, ended + 1_800_000, call_id, result="no_recording")
    yield _event(
        EventKind.SMS_SENT, ended, call_id, sms_result=SmsResult.OK, text="I am at the door"
    )
    yield _event(
        EventKind.PLACED_ENDED,
        ended,
        call_id,
        binding=None,
        number=None,
        callee=None,
        placed=PlacedEnd(
            conference=False,
            account="clerk-1",
            caller=A,
            parties=(A, B),
            created=ended - 90_000,
            started=ended - 65_250,
            duration_s=65,
            status="success",
            legs=(PlacedLeg(A, ended, 16), PlacedLeg(B, ended, 16)),
            user_data="order-1",
        ),
    )


def _event(kind: EventKind, at: int, call_id: str, **more: object) -> Event:
    """One over the binding of A and B, unless `more` says otherwise."""
    values: dict[str, object] = {
        "id": kind,
        "carrier": "switch",
        "call_id": call_id,
        "received": at,
        "binding": BINDING_ID,
        "number": X,
        "caller": A,
        "callee": B,
    }
    return Event(kind=kind, at=at, **values | more)  # type: ignore[arg-type]


def _binding(ended: int, app: str) -> Binding:
    return Binding(
        id=BINDING_ID,
        handle="",
        app=app,
        carrier="switch",
        number=X,
        a=A,
        b=B,
        record=True,
        user_data="order-1",
        created=ended - 3_600_000,
        updated=ended - 3_600_000,
        expires=ended + 3_600_000,
        cooling_ms=0,
        retention_ms=0,
        max_call_s=0,
        quota_shard=0,
        request="",
        content="",
        version=1,
    )
