"""The values of the domain: subscribers, apps, what is asked for, bindings and legs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Literal, Self

from chalicelib.core.errors import BadParameter, RequestMismatch

MINUTE_MS = 60_000
DAY_MS = 86_400_000
YEAR_2001_MS = 10**12
"""No call was before; a clock that was never set says so."""
CLOCKS_APART_MS = 2 * MINUTE_MS
"""How far the clocks of processes, operators, carriers and switches may be apart."""
MIN_COOLING_MS = 5 * MINUTE_MS
"""How long routes cool at least, whatever an app sets: two clocks that are apart must not agree
that they lead to two people."""
MAX_LIFETIME_MS = 525_600 * MINUTE_MS
MARKS_KEPT = 16
"""How many extend requests a binding remembers; with their 17 bytes each it stays small."""

_SUBSCRIBER = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{3,24}", re.ASCII)
_MARK_KEY, _MARK_CONTENT = 10, 6

ASKING_MS = 3 * MINUTE_MS
"""How long what a process asks a carrier may be under way: it lives for two minutes at most (as a
Lambda function), and a request that took another one does not arrive any more."""
CARRIER_SLACK_MS = CLOCKS_APART_MS
"""What a carrier may keep a binding for longer than we reckon, by a clock of its own."""

NEVER = 253_370_764_800_000
"""9999-01-01 (epoch ms): the expiry of a binding that has none."""

Role = Literal["a", "b"]


class State(StrEnum):
    """What a binding is. One that has run out is still `BOUND`, until it is archived."""

    BINDING = "binding"
    """Its carrier is being asked: its routes are reserved and lead nowhere."""
    BOUND = "bound"
    ENDING = "ending"
    """Its carrier was asked to end it, and it is not known yet whether it did."""
    ENDED = "ended"
    """Released, or given up."""
    ARCHIVED = "archived"
    """Run out, and cleaned away."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A real person's number: E.164 digits with country code, no plus sign, 7 to 15 digits.

    Its text form is masked, so that it can't reach a log by accident; `digits` is the number.
    """

    digits: str

    @classmethod
    def parse(cls, text: str, *, name: str) -> Self:
        """Raises BadParameter with `name` unless `text` is an E.164 number in digits."""
        if not _SUBSCRIBER.fullmatch(text):
            raise BadParameter(name)
        return cls(text)

    def __repr__(self) -> str:
        return "Subscriber(***)"


def parse_number(text: str, *, name: str) -> str:
    """An X as dialled, digits only. X is not held to E.164: China's 700 segment has 15 digits
    before the country code. Raises BadParameter with `name`."""
    if not _NUMBER.fullmatch(text):
        raise BadParameter(name)
    return text


@dataclass(frozen=True, slots=True)
class Pool:
    """The X numbers of one app, as an operator assigned them: number -> area (or None). Those that
    are `draining` belong to it, but get no new bindings."""

    areas: Mapping[str, str | None]
    draining: frozenset[str] = frozenset()
    by_area: Mapping[str | None, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        grouped: dict[str | None, list[str]] = {None: sorted(self.areas.keys() - self.draining)}
        for number in grouped[None]:
            if (area := self.areas[number]) is not None:
                grouped.setdefault(area, []).append(number)
        frozen = {area: tuple(numbers) for area, numbers in grouped.items()}
        object.__setattr__(self, "by_area", frozen)

    def __contains__(self, number: object) -> bool:
        return number in self.areas

    def numbers(self, area: str | None) -> tuple[str, ...]:
        """All numbers of an area, or all there are, that may be bound; in a stable order."""
        return self.by_area.get(area, ())


class AppState(IntEnum):
    """What an app may do: everything while on trial or active, nothing afterwards."""

    TRIAL = 0
    ACTIVE = 1
    SUSPENDED = 2
    CLOSED = 3


@dataclass(frozen=True, slots=True)
class Tariff:
    """What an app pays, in millionths of a yuan: for a binding, for a message that was sent, and
    for each minute begun of a call that was answered."""

    binding: int = 0
    sms: int = 0
    minute: int = 0

    @property
    def free(self) -> bool:
        """Whether nothing is ever charged."""
        return not (self.binding or self.sms or self.minute)


FREE = Tariff()


RecordingAuth = Literal["link", "required"]
"""What opens the link to a recording in a callback of a vendor's format: the link itself, as the
vendors' documents have it, or only the app's own authentication."""


@dataclass(frozen=True, slots=True)
class App:
    """A tenant. Durations are milliseconds, `rate` is requests a second, `quota` live bindings.

    `quota_shards` is over how many counters the quota is spread; it is fixed when the app is made.
    `dialect` is in whose words it is told of its calls (`netease`, `interline`, `cloudevents`),
    `wants` which kinds of events (none: whatever the dialect has words for), `callback_json` that
    a dialect which knows forms and JSON uses JSON. `sources` are the networks (CIDR) that it may
    send from, any if there are none. `recording_days` is how long its recordings are kept,
    `recording_auth` what opens the links to them in its callbacks, `recording_link_days` for how
    long.
    """

    name: str
    carrier: str
    callback_url: str
    state: AppState
    quota: int
    quota_shards: int
    rate: int
    cooling_ms: int
    retention_ms: int
    max_call_s: int
    strict_nonce: bool
    pool: Pool
    im_calls: frozenset[str] = frozenset()
    """The calls of a carrier's messaging API that the app may have signed and relayed,
    as `<resource>/<action>`."""
    dialect: str = "netease"
    callback_json: bool = False
    tariff: Tariff = FREE
    role: str = ""
    sources: tuple[str, ...] = ()
    wants: frozenset[str] = frozenset()
    recording_days: int = 180
    recording_auth: RecordingAuth = "link"
    recording_link_days: int = 7
    left: tuple[str, ...] = ()
    """The X that left its pool a short time ago: a carrier may still have something on them."""

    @property
    def enabled(self) -> bool:
        """Whether it may ask for anything."""
        return self.state in (AppState.TRIAL, AppState.ACTIVE)

    def does_once(self, request: "RequestId") -> bool:
        """Whether a repeat of `request` is refused once what it made has ended. Otherwise it is a
        new request: clients that send a constant nonce sign all requests of one second alike."""
        return request.explicit or self.strict_nonce

    def shard_limit(self, shard: int) -> int:
        """How much of the quota this counter may hand out; the shards add up to the quota."""
        return self.quota // self.quota_shards + (shard < self.quota % self.quota_shards)


@dataclass(frozen=True, slots=True)
class RequestId:
    """What makes two requests the same one.

    `key` names the request within its app, `content` is a digest of what it asks. `explicit`
    says that the client named it itself; otherwise the key stands for an exact repeat.
    """

    key: str
    content: str
    explicit: bool

    @property
    def mark(self) -> str:
        """Stands for the request where many are remembered: the beginnings of key and content."""
        return self.key[:_MARK_KEY] + self.content[:_MARK_CONTENT]


@dataclass(frozen=True, slots=True)
class Presentation:
    """What people see and hear who call over an X.

    `show_a`: whoever A calls sees A's real number; `show_b`: A sees the number of whoever calls
    him. `prompt_a`, `prompt_b` and `prompt_others` name the announcement that A, B (of an XA:
    anybody) and everybody else hears who dials X, `on_answer` the ones that are played on answer,
    by commas; empty: none. The switch knows them by these codes.
    """

    show_a: bool = False
    show_b: bool = False
    prompt_a: str = ""
    prompt_b: str = ""
    prompt_others: str = ""
    on_answer: str = ""

    @property
    def shows_numbers(self) -> bool:
        """Whether anybody sees a real number."""
        return self.show_a or self.show_b

    @property
    def announces(self) -> bool:
        """Whether anything is played to anybody."""
        return bool(self.prompt_a or self.prompt_b or self.prompt_others or self.on_answer)


PLAIN = Presentation()


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client wants bound; `number` wins over `area`, with neither any X will do.

    Without `b` it is an XA: whoever dials X reaches A. `lifetime_ms` is None for one without end.
    """

    a: Subscriber
    b: Subscriber | None
    number: str | None
    area: str | None
    lifetime_ms: int | None
    record: bool
    user_data: str
    presentation: Presentation = PLAIN


@dataclass(frozen=True, slots=True)
class BindingInfo:
    """What an app may see of its binding. Times are epoch ms."""

    id: str
    number: str
    a: Subscriber
    b: Subscriber | None
    record: bool
    user_data: str
    created: int
    updated: int
    expires: int


@dataclass(frozen=True, slots=True)
class Operation:
    """What one process wants of a carrier. It is written down before the carrier is asked and stays
    until the outcome is known: nobody's word counts for another's.

    `id` is the process's own, `request` says what it asks: who asks for the same thing again asks
    under the same one. `since` is when the process began (epoch ms), `first` when the first one
    that asked for this did, and `lease_ms` how long the carrier is asked to keep the binding (a
    release: 0).
    """

    id: str
    kind: Literal["bind", "extend", "release"]
    since: int
    first: int = 0
    lease_ms: int = 0
    request: str = ""

    @property
    def over_at(self) -> int:
        """From when on it surely takes effect no more, by whichever clock: its process does not ask
        any more, and what was on its way has arrived."""
        return self.since + ASKING_MS + CLOCKS_APART_MS

    def over(self, now: int) -> bool:
        """Whether it surely takes effect no more at `now`."""
        return self.over_at <= now


@dataclass(frozen=True, slots=True)
class CarrierLease:
    """What is known of a binding at the carrier that keeps it. Times are epoch ms.

    `id` is its id there (None: it was never heard), `until` when it keeps it at least and `at_most`
    at most, whatever of the `operations` took or takes effect; `check_at` is when the carrier has
    to be asked next (None: never again).
    """

    id: str | None = None
    until: int = 0
    at_most: int = 0
    operations: tuple[Operation, ...] = ()
    check_at: int | None = None

    def without(self, *operations: Operation) -> tuple[Operation, ...]:
        """The operations but for these."""
        ids = {each.id for each in operations}
        return tuple(each for each in self.operations if each.id not in ids)

    def has(self, operation: Operation) -> bool:
        """Whether it still waits for this one."""
        return any(each.id == operation.id for each in self.operations)

    @property
    def asked(self) -> tuple[Operation, ...]:
        """The operations that may make the carrier keep it."""
        return tuple(each for each in self.operations if each.kind != "release")


@dataclass(frozen=True, slots=True)
class Binding:
    """A and B over X, or (without `b`) everybody and A over X. Times are epoch ms; `expires` is the
    first moment it no longer routes. `price` is what was charged for it (millionths of a yuan).

    `handle` is the part of the id that finds it again, `extensions` the marks of the latest extend
    requests, newest last, and `key_version` the data key that its routes stand under (None: not
    stored yet). `version` grows with every change and begins anywhere, so that id and version name
    one state of one binding, also when one that came to nothing is bound anew under its id.
    `lease` is what its carrier has (None: we keep it ourselves).
    """

    id: str
    handle: str
    app: str
    carrier: str
    number: str
    a: Subscriber
    b: Subscriber | None
    record: bool
    user_data: str
    created: int
    updated: int
    expires: int
    cooling_ms: int
    retention_ms: int
    max_call_s: int
    quota_shard: int
    request: str
    content: str
    state: State = State.BOUND
    extensions: tuple[str, ...] = ()
    version: int = 1
    key_version: int | None = None
    lease: CarrierLease | None = None
    presentation: Presentation = PLAIN
    price: int = 0

    @property
    def info(self) -> BindingInfo:
        """The part of it that its app may see."""
        return BindingInfo(
            id=self.id,
            number=self.number,
            a=self.a,
            b=self.b,
            record=self.record,
            user_data=self.user_data,
            created=self.created,
            updated=self.updated,
            expires=self.expires,
        )

    @property
    def over(self) -> bool:
        """Whether it is released or archived: for good, whatever a clock says."""
        return self.state in (State.ENDED, State.ARCHIVED)

    def live(self, now: int) -> bool:
        """Whether it routes at `now`: decided by the clock, never by a job."""
        return self.state in (State.BOUND, State.ENDING) and now < self.expires

    @property
    def unfinished(self) -> bool:
        """Whether its carrier has to be asked, or something to be found out, even once it is
        over."""
        lease = self.lease
        if lease is None:
            return False
        return bool(lease.operations) or (lease.id is not None and self._kept_too_long)

    @property
    def blocks(self) -> bool:
        """Whether even the same two may not have its routes again, because what is still to be done
        at its carrier would meet what they have by then: an XA is ended there by its X alone, and
        who asks again what became of a request may bind it once more."""
        if not self.unfinished:
            return False
        return self.b is None or self.over or self._kept_too_long

    @property
    def _kept_too_long(self) -> bool:
        # Carriers count in minutes.
        return self.lease is not None and self.lease.at_most >= self.expires + MINUTE_MS

    @property
    def free_at(self) -> int:
        """When its routes may lead elsewhere: cooled down since nobody can be reached over it."""
        lease = self.lease
        if lease is None:
            return self.expires + self.cooling_ms
        if lease.id is None and not lease.operations:
            # Its carrier has it no more, since the moment that is noted.
            return max(self.expires, lease.at_most) + self.cooling_ms
        return self.kept_until + self.cooling_ms

    @property
    def kept_until(self) -> int:
        """When its carrier has surely let go of it by itself: it counts in minutes, and by a clock
        of its own, which it starts after we ours."""
        at_most = self.lease.at_most if self.lease is not None else 0
        return max(self.expires + MINUTE_MS, at_most) + CARRIER_SLACK_MS

    def extended_by(self, request: RequestId) -> bool:
        """Whether this request was carried out. Raises RequestMismatch if its id came with other
        parameters."""
        same = [mark for mark in self.extensions if mark[:_MARK_KEY] == request.mark[:_MARK_KEY]]
        if same and request.mark not in same:
            raise RequestMismatch("this request id came with other parameters")
        return bool(same)

    def extended(self, *, delta_ms: int, request: RequestId, now: int) -> "Binding":
        """The same binding, `delta_ms` longer; remembers the latest requests."""
        return replace(
            self,
            expires=self.expires + delta_ms,
            updated=now,
            extensions=(*self.extensions, request.mark)[-MARKS_KEPT:],
        )

    def ended(self, *, now: int) -> "Binding":
        """The same binding, released."""
        return replace(self, state=State.ENDED, expires=min(self.expires, now), updated=now)


@dataclass(frozen=True, slots=True)
class Leg:
    """The routing entry (X, caller) -> binding, with all that a call needs.

    `free_at` (epoch ms) is when the leg may lead to a different person. An XA has two: A's own,
    which leads nowhere, and the one of role `b` that is everybody's.
    """

    binding: str
    app: str
    number: str
    role: Role
    a: Subscriber
    b: Subscriber | None
    record: bool
    expires: int
    free_at: int
    released: bool
    max_call_s: int
    presentation: Presentation = PLAIN

    def live(self, now: int) -> bool:
        """Whether it leads somewhere at `now`: one that was released does not, whatever a clock
        says."""
        return not self.released and now < self.expires

    @property
    def peer(self) -> Subscriber | None:
        """Whom this caller reaches; nobody on the own call of an XA's A."""
        return self.b if self.role == "a" else self.a

    @property
    def shows_caller(self) -> bool:
        """Whether the peer sees this caller's real number."""
        return self.presentation.show_a if self.role == "a" else self.presentation.show_b

    @property
    def prompt(self) -> str:
        """The announcement that this caller hears; empty: none."""
        return self.presentation.prompt_a if self.role == "a" else self.presentation.prompt_b


@dataclass(frozen=True, slots=True)
class Kept:
    """A binding as its carrier has it: the carrier's id, and until when it keeps it (epoch ms,
    never later than it really does). `at_most` is when it has surely ended, where that is not the
    same to a minute."""

    id: str
    until: int
    at_most: int | None = None
