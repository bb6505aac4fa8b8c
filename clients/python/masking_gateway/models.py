"""What the gateway answers. Members are called as in the API's document; times have a time zone,
durations are seconds; numbers of people and secrets are not in a `repr`."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, TypedDict

Direction = Literal["both", "a_to_b", "b_to_a"]
ShowCaller = Literal["none", "a", "b", "both"]


class Prompts(TypedDict, total=False):
    """Announcements, by codes that the switch knows."""

    a: str
    b: str
    others: str
    on_answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Two people, or one, over a proxy number."""

    id: str
    mode: str
    state: str
    number: str
    a: str = field(repr=False)
    b: str | None = field(repr=False)
    record: bool
    max_call_s: int
    direction: str
    user_data: str = field(repr=False)
    reference: str | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    carrier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Whom a call reaches, or would have reached, and why."""

    decision: str
    to: str | None = field(repr=False)
    show: str | None
    reason: str | None
    binding: str | None
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The sound of a call; `state` is `kept` when it can be downloaded."""

    id: str
    state: str
    size: int | None
    md5: str | None
    expires: datetime | None
    url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLink:
    """Where a recording can be downloaded, for a short time and by anybody."""

    url: str = field(repr=False)
    expires_in_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A call, a message or a placed call: all of its events, merged."""

    id: str
    kind: str
    binding: str | None
    number: str | None
    caller: str | None = field(repr=False)
    callee: str | None = field(repr=False)
    parties: tuple[str, ...] = field(repr=False)
    caller_ref: str | None
    callee_ref: str | None
    party_refs: tuple[str, ...]
    started: datetime | None
    ringing: datetime | None
    answered: datetime | None
    ended: datetime | None
    talked_s: int
    released_by: str | None
    outcome: str | None
    cause: int | None
    result: str | None
    sms_result: str | None
    gaps: tuple[str, ...]
    events: tuple[str, ...]
    call_id: str
    recordings: tuple[Recording, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """All records of one day (UTC) as files; `links` of those there are, where one export is
    asked for."""

    id: str
    day: date
    format: str
    state: str
    created: datetime
    parts: int
    records: int
    links: tuple[str, ...] = field(default=(), repr=False)
    expires_in_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt to deliver an event; `error` says in a word why it failed."""

    at: datetime
    status: int | None
    duration_ms: int
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentEvent:
    """An event, and what became of it."""

    id: str
    record: str
    kind: str
    at: datetime
    state: str
    attempts: tuple[Attempt, ...]
    next_attempt: datetime | None
    failed: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfUsage:
    """What was used in a day (UTC)."""

    day: date
    bindings_made: int
    calls: int
    connected_calls: int
    minutes_begun: int
    messages: int
    recordings: int
    events_delivered: int
    events_dead_lettered: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What was used from `since` until `complete_until`; `days` where that was asked for."""

    since: datetime
    until: datetime
    complete_until: datetime
    bindings_made: int
    calls: int
    connected_calls: int
    minutes_begun: int
    messages: int
    recordings: int
    events_delivered: int
    events_dead_lettered: int
    days: tuple[DayOfUsage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What the app may spend, in decimals."""

    amount: str
    overdraft: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What things cost, in decimals."""

    binding: str
    sms: str
    minute: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The app: what it may do, and how much of it is used."""

    app: str
    state: str
    carrier: str
    quota: int
    quota_used: int
    rate: int
    balance: Balance | None
    tariff: Tariff | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A proxy number; one that is `draining` gets no new bindings."""

    number: str
    area: str | None
    country: str | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberInUse(Number):
    """The same with its live bindings, counted up to 1,000."""

    bindings: int
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that was placed."""

    id: str
    state: str
    connected: bool | None
    parties: tuple[str, ...] = field(repr=False)
    number: str | None
    max_call_s: int
    record: bool
    account: str | None
    user_data: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the app: `id` is the user of HTTP Basic."""

    id: str
    name: str
    read_only: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWithSecret(Key):
    """The same as it is made; None instead of the secret if that was shown long ago."""

    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where and how the app is sent its events."""

    url: str = field(repr=False)
    format: str
    events: tuple[str, ...]
    has_secret: bool
    previous_secret_valid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedSecret:
    """A new secret of the endpoint."""

    secret: str | None = field(repr=False)
    previous_valid: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookTest:
    """What the endpoint answered to a test event; `status` is None if it did not."""

    event_id: str
    accepted: bool
    status: int | None
    duration_ms: int
    error: str | None
