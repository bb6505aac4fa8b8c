"""What happened to calls and messages, normalised from any carrier, and the record of a call."""

import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from chalicelib.core.values import Subscriber

_EVENT_ID = re.compile(r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{22}")


class EventKind(StrEnum):
    """The kinds that the domain knows; anything else is stored as UNKNOWN."""

    CALL_STARTED = "call.started"
    CALL_RINGING = "call.ringing"
    CALL_ANSWERED = "call.answered"
    CALL_ENDED = "call.ended"
    SMS_SENT = "sms.sent"
    RECORDING_READY = "recording.ready"
    PLACED_ENDED = "placed.ended"
    RECORDING_FAILED = "recording.failed"
    CALL_GAP = "call.gap"
    UNKNOWN = "unknown"


REPORTED = frozenset(
    {
        EventKind.CALL_ENDED,
        EventKind.SMS_SENT,
        EventKind.RECORDING_READY,
        EventKind.PLACED_ENDED,
    }
)
"""The kinds that an app is told of if nothing else was agreed."""


class RejectReason(StrEnum):
    """Why a call to an X is not connected."""

    UNKNOWN_NUMBER = "unknown_number"
    NO_BINDING = "no_binding"
    EXPIRED = "expired"
    COOLING = "cooling"
    PROXY_NUMBER = "proxy_number"
    """The caller is somebody's X: calls never go round."""
    INVALID_CALLER = "invalid_caller"
    """What the switch gave for the caller has digits and is no number."""
    UNAVAILABLE = "unavailable"
    """The switch had no answer from the gateway and turned the caller away."""
    THIRD_PARTY = "third_party"
    ANONYMOUS = "anonymous"
    BLOCKED = "blocked"


class Party(StrEnum):
    """Who ended a call."""

    CALLER = "caller"
    CALLEE = "callee"
    PLATFORM = "platform"
    LIMIT = "limit_reached"
    """The platform, because the call had lasted as long as it may."""


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
    HUNG_UP = "hung_up"
    """An answered call ended normally, and the carrier did not say who hung up."""
    PLATFORM_ENDED = "platform_ended"
    LIMIT_REACHED = "limit_reached"
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
    """Where an event is stored: digests, so a queue may carry them.

    `call` stands for carrier account, node, call id, owner and X; `event` for the event's id and
    what it says.
    """

    call: str
    event: str

    @property
    def id(self) -> str:
        """What an app knows the event by."""
        return f"{self.call}.{self.event}"

    @classmethod
    def from_id(cls, text: str) -> Self | None:
        """Reads `id`; None for what can't be one."""
        if not _EVENT_ID.fullmatch(text):
            return None
        call, _, event = text.partition(".")
        return cls(call, event)


@dataclass(frozen=True, slots=True)
class Errand:
    """What a queue message asks for: an event, and where else to look for what telling it takes
    (its app, its binding), as far as that is known."""

    key: EventKey
    app: str | None = None
    binding: str | None = None

    def to_text(self) -> str:
        """As it stands in a queue message."""
        fields = {"event": self.key.id, "app": self.app, "binding": self.binding}
        return json.dumps({name: value for name, value in fields.items() if value is not None})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Reads `to_text`. Raises ValueError for anything else."""
        fields = json.loads(text)
        key = EventKey.from_id(str(fields.pop("event", ""))) if isinstance(fields, dict) else None
        if key is None or not fields.keys() <= {"app", "binding"}:
            raise ValueError("not an errand")
        return cls(key, **{name: str(value) for name, value in fields.items()})


class Delivery(StrEnum):
    """How far an event has come on its way to the app.

    UNPLACED: it names nothing but the id of a call, and whose that is has to be found out.
    FETCHING: its recording has to be here first; LOST: that did not succeed. PENDING: to be told.
    DEAD: the receiver never took it. KEPT: nobody has to be told; UNMATCHED: it is nobody's.
    """

    UNPLACED = "unplaced"
    FETCHING = "fetching"
    LOST = "lost"
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    UNMATCHED = "unmatched"
    KEPT = "kept"


OPEN = frozenset({Delivery.UNPLACED, Delivery.FETCHING, Delivery.PENDING})
"""What is still to be worked on."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an event is. While it is open, `attempts` failed so far and the next is due `at`;
    afterwards that is when it was settled (epoch ms). `spared`: the next one was put off already,
    because the receiver is left alone."""

    delivery: Delivery
    attempts: int = 0
    at: int = 0
    spared: bool = False

    @property
    def open(self) -> bool:
        """Whether something is still to be done."""
        return self.delivery in OPEN


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording that we keep: its name among our files, bytes, md5 (lower hex), since when and
    until when (epoch ms), and its media type."""

    name: str
    size: int
    md5: str
    stored: int
    expires: int
    content_type: str


@dataclass(frozen=True, slots=True)
class PlacedLeg:
    """One telephone of a placed call: when its part ended (epoch ms) and the cause, Q.850 below
    128, above that FreeSWITCH's own."""

    party: Subscriber
    ended: int | None
    cause: int | None


@dataclass(frozen=True, slots=True)
class PlacedEnd:
    """How a call that was placed for an app ended. `status` is the carrier's word in lower case,
    empty if it gave none; times are epoch ms. A conference has only `parties`, a call its caller
    and legs too."""

    conference: bool
    account: str
    caller: Subscriber | None
    parties: tuple[Subscriber, ...]
    created: int | None
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
    `cause` is a Q.850 cause, `result` the carrier's own word for how it ended (or for what kind of
    event this is, if we don't know the kind), `result_of` the event format whose word that is
    (`netease`, `interline`). `raw` is what the carrier sent. `started`, `ringing`, `answered` and
    `outcome` are there when a carrier tells of a whole call at its end; `placed` when it was a
    placed one. `text` is what a message said.
    `sequence` is the number that a carrier which counts its events gave this one.

    `node` is the node of the switch that reports it, where the switch names one. `timed` is False
    when the carrier did not say when it happened: `at` is `received` then. `talked_s` is how long
    people talked as the carrier says it, in seconds. `request` is the id of the request that first
    reported it.
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
    sequence: int | None = None
    node: str | None = None
    timed: bool = True
    talked_s: int | None = None
    result_of: str | None = None
    request: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """An event at rest. `recording` is the one it brought, once that is kept here."""

    key: EventKey
    event: Event
    progress: Progress
    recording: Recording | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Everything that is known of one call (or message): `id` is its digest, `app` whose X it went
    over (None: nobody's); events by their time. `version` grows with every change. `recorded` are
    the bindings of it whose calls are recorded. `looked` is when it was last looked over (epoch ms;
    0: never).

    As it is stored it may be several calls with one key: core.splitting takes them apart. `part`
    says then which one this is.
    """

    id: str
    app: str | None
    version: int
    stored: tuple[Stored, ...]
    recorded: frozenset[str] = frozenset()
    looked: int = 0
    part: str = ""

    @property
    def name(self) -> str:
        """What an app knows the call by."""
        return f"{self.id}.{self.part}" if self.part else self.id

    @property
    def events(self) -> list[Event]:
        """What happened, by the carrier's time."""
        return [each.event for each in self.stored]

    def find(self, key: EventKey) -> Stored | None:
        """One of its events."""
        return next((each for each in self.stored if each.key == key), None)

    def completed(self, event: Event) -> Event:
        """An event with what others of its call say of X, binding and people, as far as it does not
        say so itself."""
        known: dict[str, Any] = {
            name: next(filter(None, (getattr(each, name) for each in (event, *self.events))), None)
            for name in ("number", "binding", "caller", "callee")
        }
        return replace(event, **known)

    def errand(self, stored: Stored) -> Errand:
        """What asks for something to be done about one of its events."""
        return Errand(stored.key, app=self.app, binding=stored.event.binding)
