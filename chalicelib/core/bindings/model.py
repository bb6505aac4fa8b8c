"""Bindings: what is asked for, what stands, and their ids."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal

from chalicelib.core.bindings.lease import CARRIER_SLACK_MS, CarrierLease
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.errors import RequestMismatch
from chalicelib.core.requests import MARK_KEY, RequestId
from chalicelib.core.subscribers import Subscriber

MIN_COOLING_MS = 5 * MINUTE_MS
"""How long routes cool at least, whatever an app sets: clocks are apart, and a route must not lead
to two people by two clocks."""


MAX_LIFETIME_MS = 525_600 * MINUTE_MS


MARKS_KEPT = 16
"""How many extend requests a binding remembers; with their 17 bytes each it stays small."""


Role = Literal["a", "b"]


class State(StrEnum):
    """What a binding is. One that has run out is still `BOUND`, until it is archived."""

    BINDING = "binding"
    """Its carrier is being asked to bind it: its routes are reserved and lead nowhere."""
    BOUND = "bound"
    ENDING = "ending"
    """Its carrier is being asked to release it; the outcome is not known."""
    ENDED = "ended"
    """Released, or given up."""
    ARCHIVED = "archived"
    """Expired, and taken off the work index and the quota."""


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


class Direction(StrEnum):
    """Who may call whom over a binding. Over an XA only everybody else calls A."""

    BOTH = "both"
    A_TO_B = "a_to_b"
    B_TO_A = "b_to_a"


@dataclass(frozen=True, slots=True)
class Revision:
    """What held of a binding before its app changed it at `until` (epoch ms)."""

    until: int
    b: Subscriber | None
    direction: Direction
    record: bool


@dataclass(frozen=True, slots=True)
class Ask:
    """What a client wants bound. `number` wins over `area` and `country` (ISO 3166-1), without any
    of them any X will do.

    Without `b` it is an XA: whoever dials X reaches A. `lifetime_ms` is None for one without end,
    `max_call_s` None for what the app's calls last at most. `reference` is the app's own name for
    the binding (empty: none): no two live ones have the same.
    """

    a: Subscriber
    b: Subscriber | None
    number: str | None
    area: str | None
    lifetime_ms: int | None
    record: bool
    user_data: str
    presentation: Presentation = PLAIN
    max_call_s: int | None = None
    direction: Direction = Direction.BOTH
    reference: str = ""
    country: str | None = None


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
class BindingFacts:
    """What of a binding hardly changes: its id, app, carrier and X, whom it is or was about (an XA:
    A alone), and whether its calls are recorded. Whoever keeps it reads it again where a change
    would matter."""

    id: str
    app: str
    carrier: str
    number: str
    people: tuple[Subscriber, ...]
    record: bool

    @property
    def everybodys(self) -> bool:
        """Whether whoever dials X may call over it."""
        return len(self.people) == 1


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
    version: int
    state: State = State.BOUND
    extensions: tuple[str, ...] = ()
    key_version: int | None = None
    lease: CarrierLease | None = None
    presentation: Presentation = PLAIN
    price: int = 0
    direction: Direction = Direction.BOTH
    reference: str = ""
    revisions: tuple[Revision, ...] = ()

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
    def facts(self) -> BindingFacts:
        """What hardly changes of it."""
        return BindingFacts(
            id=self.id,
            app=self.app,
            carrier=self.carrier,
            number=self.number,
            people=self.people,
            record=self.record,
        )

    @property
    def people(self) -> tuple[Subscriber, ...]:
        """Whom it is about, then whom A reached before."""
        before = (each.b for each in reversed(self.revisions))
        everybody = (self.a, self.b, *before)
        return tuple(dict.fromkeys(person for person in everybody if person is not None))

    @property
    def over(self) -> bool:
        """Whether it is released or archived: for good, by any clock."""
        return self.state in (State.ENDED, State.ARCHIVED)

    @property
    def released(self) -> bool:
        """Whether it was ended while it still routed."""
        return self.state is State.ENDED and self.updated <= self.expires

    def live(self, now: int) -> bool:
        """Whether it routes at `now`: decided by the clock, never by a job."""
        return self.state in (State.BOUND, State.ENDING) and now < self.expires

    @property
    def unfinished(self) -> bool:
        """Whether something is still to be done or found out at its carrier, even if it is over."""
        lease = self.lease
        if lease is None:
            return False
        return bool(lease.operations) or (lease.id is not None and self._kept_too_long)

    @property
    def blocks(self) -> bool:
        """Whether even the same two may not have its routes again. What is still to be done at its
        carrier might hit their next binding: an XA is released there by its X alone, and asking
        again for a pending operation may bind it once more."""
        if not self.unfinished:
            return False
        return self.b is None or self.over or self._kept_too_long

    @property
    def _kept_too_long(self) -> bool:
        # Carriers count in minutes.
        return self.lease is not None and self.lease.at_most >= self.expires + MINUTE_MS

    @property
    def reusable_at(self) -> int:
        """When its routes may lead elsewhere: they cool from when nobody can be reached over it."""
        lease = self.lease
        if lease is None:
            return self.expires + self.cooling_ms
        if lease.id is None and not lease.operations:
            # Its carrier has had it no more since `at_most`.
            return max(self.expires, lease.at_most) + self.cooling_ms
        return self.kept_until + self.cooling_ms

    @property
    def kept_until(self) -> int:
        """When its carrier has ended it by itself for certain: a carrier counts in minutes, by its
        own clock, from when it hears of the binding."""
        at_most = self.lease.at_most if self.lease is not None else 0
        return max(self.expires + MINUTE_MS, at_most) + CARRIER_SLACK_MS

    def extended_by(self, request: RequestId) -> bool:
        """Whether this request was carried out. Raises RequestMismatch if its id came with other
        parameters."""
        same = [mark for mark in self.extensions if mark[:MARK_KEY] == request.mark[:MARK_KEY]]
        if same and request.mark not in same:
            raise RequestMismatch("this request id came with other parameters")
        return bool(same)

    def extended(self, *, delta_ms: int, request: RequestId, now: int) -> "Binding":
        """The same binding, `delta_ms` longer, changed by this request."""
        return replace(self, expires=self.expires + delta_ms).changed_by(request, now=now)

    def changed_by(self, request: RequestId, *, now: int) -> "Binding":
        """The same binding, which remembers that this request changed it at `now`."""
        marks = (*self.extensions, request.mark)[-MARKS_KEPT:]
        return replace(self, updated=now, extensions=marks)

    def ended(self, *, now: int) -> "Binding":
        """The same binding, released."""
        return replace(self, state=State.ENDED, expires=min(self.expires, now), updated=now)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a commit did not happen; nothing was written.

    `existing` is the binding that already stands under the same handle. `route` says what holds a
    route over this X: `bound` (this very pair), `taken` (somebody else), `cooling` (until
    `free_at`, epoch ms), or None. `unpaid`: the app's account does not pay for it. `referred` is
    the id of the binding that has its reference.
    """

    existing: Binding | None = None
    route: str | None = None
    quota_full: bool = False
    unpaid: bool = False
    referred: str | None = None
    free_at: int | None = None


@dataclass(frozen=True, slots=True)
class Overdue:
    """A binding that has expired and still counts against the quota."""

    handle: str
    id: str
    app: str
    quota_shard: int


_UTC8 = timedelta(hours=8)


def binding_id(handle: str, now: int) -> str:
    """26 digits: two, yyyyMMddHHmmss (UTC+8), ten. `handle` are the twelve around the time."""
    at = datetime.fromtimestamp(now / 1000, UTC) + _UTC8
    return f"{handle[:2]}{at:%Y%m%d%H%M%S}{handle[2:]}"


def handle_of(binding_id: str) -> str | None:
    """The handle inside an id; None if the text can't be an id."""
    if len(binding_id) != 26 or not (binding_id.isascii() and binding_id.isdigit()):
        return None
    return binding_id[:2] + binding_id[16:]
