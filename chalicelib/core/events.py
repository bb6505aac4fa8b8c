"""What happened to calls and messages, normalised from any carrier, and the record of a call."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from chalicelib.core.values import Subscriber


class EventKind(StrEnum):
    """The kinds that the domain knows; anything else is stored as UNKNOWN."""

    CALL_STARTED = "call.started"
    CALL_RINGING = "call.ringing"
    CALL_ANSWERED = "call.answered"
    CALL_ENDED = "call.ended"
    SMS_SENT = "sms.sent"
    RECORDING_READY = "recording.ready"
    PLACED_ENDED = "placed.ended"
    UNKNOWN = "unknown"


REPORTED = frozenset(
    {
        EventKind.CALL_ENDED,
        EventKind.SMS_SENT,
        EventKind.RECORDING_READY,
        EventKind.PLACED_ENDED,
    }
)
"""The kinds that an app is told of."""


class RejectReason(StrEnum):
    """Why a call to an X is not connected."""

    UNKNOWN_NUMBER = "unknown_number"
    NO_BINDING = "no_binding"
    EXPIRED = "expired"
    COOLING = "cooling"
    THIRD_PARTY = "third_party"
    ANONYMOUS = "anonymous"
    BLOCKED = "blocked"


class Party(StrEnum):
    """Who ended a call."""

    CALLER = "caller"
    CALLEE = "callee"
    PLATFORM = "platform"


class SmsResult(StrEnum):
    """What became of a message."""

    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "timeout"
    NUMBER_FAULT = "number_fault"
    UNSUPPORTED = "unsupported"
    REJECTED = "rejected"
    EXPIRED = "expired"
    PLATFORM_ERROR = "platform_error"
    TOO_FREQUENT = "too_frequent"
    FORBIDDEN_WORD = "forbidden_word"
    FORBIDDEN_TEXT = "forbidden_text"


class Outcome(StrEnum):
    """How a call ended, in the words that all platforms of this kind share."""

    NO_BINDING = "no_binding"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    CALLER_HUNG_UP = "caller_hung_up"
    CALLEE_HUNG_UP = "callee_hung_up"
    PLATFORM_ENDED = "platform_ended"
    CALLER_GAVE_UP = "caller_gave_up"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    UNREACHABLE = "unreachable"
    ROUTE_FAILURE = "route_failure"
    NUMBER_FAULT = "number_fault"
    PLATFORM_ERROR = "platform_error"
    POWERED_OFF = "powered_off"
    SUSPENDED = "suspended"
    REJECTED = "rejected"
    EMPTY_NUMBER = "empty_number"
    TEST_QUOTA = "test_quota"
    CAPTCHA_FAILED = "captcha_failed"


@dataclass(frozen=True, slots=True)
class EventKey:
    """Where an event is stored: digests, so a queue may carry them."""

    call: str
    event: str

    def to_text(self) -> str:
        """As it stands in a queue message."""
        return json.dumps({"call": self.call, "event": self.event})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Reads `to_text`. Raises ValueError for anything else."""
        fields = json.loads(text)
        if not isinstance(fields, dict) or fields.keys() != {"call", "event"}:
            raise ValueError("not an event's key")
        return cls(call=str(fields["call"]), event=str(fields["event"]))


class Delivery(StrEnum):
    """How far an event has come on its way to the app."""

    PENDING = "pending"
    DELIVERED = "delivered"
    UNMATCHED = "unmatched"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class PlacedLeg:
    """One telephone of a placed call: when its part ended (epoch ms) and the cause, Q.850 below
    128, above that FreeSWITCH's own."""

    party: Subscriber
    ended: int | None
    cause: int | None


@dataclass(frozen=True, slots=True)
class PlacedEnd:
    """How a call that was placed for an app ended. `status` is the carrier's word in lower case;
    times are epoch ms. A conference has only `parties`, a call its caller and legs too."""

    conference: bool
    account: str
    caller: Subscriber | None
    parties: tuple[Subscriber, ...]
    created: int
    started: int | None
    duration_s: int
    status: str
    legs: tuple[PlacedLeg, ...] = ()

    @property
    def everybody(self) -> tuple[Subscriber, ...]:
        """Caller and all others."""
        return (*((self.caller,) if self.caller else ()), *self.parties)


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `at` is the carrier's time, `received` ours, both epoch ms.

    `binding` is our id of it, `carrier_binding` the carrier's own. `caller` is None when anonymous.
    `cause` is a Q.850 cause, `result` the carrier's own word for how it ended. `raw` is what the
    carrier sent. `started`, `ringing`, `answered` and `outcome` are there when a carrier tells of a
    whole call at its end; `placed` when it was a placed one. `text` is what a message said.
    """

    id: str
    kind: EventKind
    carrier: str
    call_id: str
    at: int
    received: int
    binding: str | None = None
    number: str | None = None
    caller: Subscriber | None = None
    callee: Subscriber | None = None
    cause: int | None = None
    released_by: Party | None = None
    rejected: RejectReason | None = None
    sms_result: SmsResult | None = None
    url: str | None = None
    md5: str | None = None
    raw: str = ""
    started: int | None = None
    answered: int | None = None
    outcome: Outcome | None = None
    placed: PlacedEnd | None = None
    carrier_binding: str | None = None
    ringing: int | None = None
    result: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call as its events tell it; `ringing` and `answered` are None if nothing rang, nobody
    answered. Epoch ms."""

    started: int
    ringing: int | None
    answered: int | None
    ended: int
    released_by: Party
    outcome: Outcome

    @property
    def talked_s(self) -> int:
        """Seconds, as whoever sees both times without their parts of a second works it out."""
        return 0 if self.answered is None else self.ended // 1000 - self.answered // 1000


_BY_CAUSE = {
    1: Outcome.EMPTY_NUMBER,
    2: Outcome.ROUTE_FAILURE,
    3: Outcome.ROUTE_FAILURE,
    17: Outcome.BUSY,
    18: Outcome.NO_ANSWER,
    19: Outcome.NO_ANSWER,
    20: Outcome.POWERED_OFF,
    21: Outcome.REJECTED,
    22: Outcome.EMPTY_NUMBER,
    25: Outcome.ROUTE_FAILURE,
    27: Outcome.UNREACHABLE,
    28: Outcome.EMPTY_NUMBER,
    50: Outcome.SUSPENDED,
    55: Outcome.BLOCKED,
    57: Outcome.SUSPENDED,
}
_NORMAL = frozenset({16, 31})
HUNG_UP = {
    Party.CALLER: Outcome.CALLER_HUNG_UP,
    Party.CALLEE: Outcome.CALLEE_HUNG_UP,
    Party.PLATFORM: Outcome.PLATFORM_ENDED,
}
"""How an answered call ended, by who ended it."""
GAVE_UP = {
    Party.CALLER: Outcome.CALLER_GAVE_UP,
    Party.CALLEE: Outcome.REJECTED,
    Party.PLATFORM: Outcome.PLATFORM_ERROR,
}
"""How a call ended that nobody answered and that has no other cause, by who ended it."""
_NOT_ROUTED = {
    RejectReason.EXPIRED: Outcome.EXPIRED,
    RejectReason.BLOCKED: Outcome.BLOCKED,
}


def call_record(end: Event, call: Sequence[Event]) -> CallRecord:
    """Reads the record of a call off its end and whatever other events of it are known."""
    rings = [e.at for e in call if e.kind is EventKind.CALL_RINGING]
    rings += [end.ringing] if end.ringing is not None else []
    starts = [e.at for e in call if e.kind is EventKind.CALL_STARTED] + rings
    starts += [end.started] if end.started is not None else []
    answers = [e.at for e in call if e.kind is EventKind.CALL_ANSWERED]
    answers += [end.answered] if end.answered is not None else []
    answered = min(*answers, end.at) if answers else None
    known = [end.at, *starts, *answers]
    return CallRecord(
        started=min(known),
        ringing=min(rings, default=None),
        answered=answered,
        ended=end.at,
        released_by=end.released_by or Party.PLATFORM,
        outcome=_outcome(end, answered=answered is not None),
    )


def _outcome(end: Event, *, answered: bool) -> Outcome:
    if end.outcome is not None:
        return end.outcome
    if end.rejected is not None:
        return _NOT_ROUTED.get(end.rejected, Outcome.NO_BINDING)
    if end.binding is None:
        return Outcome.NO_BINDING
    by = end.released_by or Party.PLATFORM
    if answered:
        return HUNG_UP[by]
    if end.cause is None or end.cause in _NORMAL:
        return GAVE_UP[by]
    return _BY_CAUSE.get(end.cause, Outcome.PLATFORM_ERROR)
