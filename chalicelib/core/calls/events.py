"""What happened to calls and messages, normalised from any carrier."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from chalicelib.core.subscribers import Subscriber


@dataclass(frozen=True, slots=True)
class Traits:
    """What is true of all events of a kind."""

    about: str = ""
    """What happened, for whoever reads our own API's document."""
    part: bool = False
    """The record of a call is made of it."""
    record: bool = False
    """The record of a message, or of a placed call, is made of it."""
    starts: bool = False
    """Its time is when the call or message began."""
    ends: bool = False
    """The call is over with it."""
    charged: bool = False
    """It can change what has to be paid."""
    ours: bool = False
    """Only we report it. It is of the call that it names, whatever its time, and its id says all
    that makes two of them the same."""
    known: bool = True
    """We know what happened."""

    @property
    def made(self) -> bool:
        """Whether there is a call, message or placed call if there is such an event."""
        return self.part or self.record


_NONE = Traits()


class EventKind(StrEnum):
    """The kinds that the domain knows, each with its traits; anything else is stored as UNKNOWN.
    What an event format says of a kind stands in the format's wire module."""

    traits: Traits

    # A start costs nothing, but says that what seemed to be one long call were two.
    CALL_STARTED = "call.started", Traits("A call reached X", part=True, starts=True, charged=True)
    CALL_RINGING = "call.ringing", Traits("The callee's telephone rings", part=True)
    CALL_ANSWERED = "call.answered", Traits("Somebody took the call", part=True, charged=True)
    CALL_ENDED = (
        "call.ended",
        Traits("A call is over, or was never connected", part=True, ends=True, charged=True),
    )
    SMS_SENT = "sms.sent", Traits("A message was sent to X", record=True, starts=True, charged=True)
    RECORDING_READY = "recording.ready", Traits("The recording of a call can be fetched", part=True)
    PLACED_ENDED = (
        "placed.ended",
        Traits("A call that was placed for the app is over", record=True, ends=True, charged=True),
    )
    RECORDING_FAILED = (
        "recording.failed",
        Traits("A recording could not be fetched; `result` says why", ours=True),
    )
    CALL_GAP = "call.gap", Traits("Something is missing of a call; `result` says what", ours=True)
    UNKNOWN = "unknown", Traits(known=False)

    def __new__(cls, word: str, traits: Traits = _NONE) -> Self:
        """`word` is what is stored and sent, and all that a kind is looked up by."""
        kind = str.__new__(cls, word)
        kind._value_ = word
        kind.traits = traits
        return kind


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
    and legs too. `user_data` is what the app gave with the call."""

    conference: bool
    account: str
    caller: Subscriber | None
    parties: tuple[Subscriber, ...]
    created: int | None
    started: int | None
    duration_s: int
    status: str
    legs: tuple[PlacedLeg, ...] = ()
    user_data: str = ""

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
class Reading:
    """What a callback tells of, in the order in which it is to be stored. `dropped` are the names
    of optional members that could not be read."""

    events: tuple[Event, ...]
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadCallback:
    """An authentic callback that nobody could read yet: of which carrier account, of which kind it
    is (`netease`, `interline`, `interline.start`), its raw body, and when it was received (epoch
    ms)."""

    carrier: str
    kind: str
    body: bytes
    received: int


class Unreadable(ValueError):
    """A callback that does not say which call it is about; the text names the member, never its
    value."""
