"""A carrier that keeps bindings, in memory, whose answers and deaths a test decides."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from chalicelib.core import errors
from chalicelib.core.bindings.lease import ASKING_MS, Lease, LeaseWork, Operation
from chalicelib.core.bindings.model import Binding, BindingInfo
from chalicelib.core.bindings.renewal import Extender
from chalicelib.core.durations import CLOCKS_APART_MS, DAY_MS, MINUTE_MS
from chalicelib.core.ports import Carrier
from chalicelib.core.subscribers import Subscriber
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.gateways import lend

OVER_MS = ASKING_MS + CLOCKS_APART_MS
"""So long after it began an operation surely takes effect no more."""


class Died(BaseException):
    """The process is gone; nothing after this line ran."""


@dataclass
class Book:
    """What the carrier has: its id -> our binding's id, X, people, until when."""

    entries: dict[str, "Entry"] = field(default_factory=dict)

    def live(self, *, now: int) -> list["Entry"]:
        return [entry for entry in list(self.entries.values()) if now < entry.until]


@dataclass(frozen=True)
class Entry:
    """One binding at the carrier."""

    id: str
    ours: str
    number: str
    people: frozenset[str]
    until: int


@dataclass
class Keeper(Extender):
    """Fulfils the port BindingCarrier. `before` and `after` are run before and after each call
    takes effect, with its name, and may raise. A careless one binds whatever it is asked to."""

    book: Book
    lease_ms: int = DAY_MS
    asks_again: bool = False
    careless: bool = False
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None
    asked: Counter[str] = field(default_factory=Counter)

    def bind(self, binding: Binding, asked: Operation, *, now: int) -> Lease:
        self._begin("bind")
        people = frozenset(person.digits for person in (binding.a, binding.b) if person)
        for entry in [] if self.careless else self.book.live(now=now):
            if entry.number == binding.number and entry.people & people:
                raise errors.NumberTaken("taken")
        until = now - (-asked.lease_ms // MINUTE_MS) * MINUTE_MS
        entry = Entry(uuid4().hex, binding.id, binding.number, people, until)
        self.book.entries[entry.id] = entry
        self.after("bind")
        return Lease(entry.id, until)

    def release(self, carrier_id: str, *, now: int) -> None:
        self._begin("release")
        self.book.entries.pop(carrier_id, None)
        self.after("release")

    def extend(self, carrier_id: str, *, delta_ms: int, now: int) -> None:
        self._begin("extend")
        entry = self.book.entries.get(carrier_id)
        if entry is None or entry.until <= now:
            raise errors.UnknownBinding("gone")
        self.book.entries[carrier_id] = replace(entry, until=entry.until + delta_ms)
        self.after("extend")

    def find(self, binding: Binding, asked: Sequence[Operation], /, *, now: int) -> list[Lease]:
        self._begin("find")
        found = [
            Lease(entry.id, entry.until)
            for entry in self.book.live(now=now)
            if entry.ours == binding.id and entry.number == binding.number
        ]
        return sorted(found, key=lambda kept: kept.until)

    def on_number(self, number: str, *, now: int) -> list[BindingInfo]:
        """Fulfils the port Lister."""
        self._begin("list")
        return [
            BindingInfo(
                id=entry.id,
                number=number,
                a=Subscriber(min(entry.people)),
                b=Subscriber(max(entry.people)),
                record=False,
                user_data=entry.ours,
                created=0,
                updated=0,
                expires=entry.until,
            )
            for entry in self.book.live(now=now)
            if entry.number == number
        ]

    def _begin(self, call: str) -> None:
        self.asked[call] += 1
        self.before(call)


@dataclass(frozen=True)
class OneCarrier:
    """Fulfils the port Carriers: every carrier is this one."""

    keeper: Keeper

    def of(self, name: str) -> Carrier:
        return Carrier(name=name, kind="test", bindings=self.keeper, lister=self.keeper)


def keeping(gateway: Gateway, book: Book) -> Keeper:
    """Lets this gateway have its bindings kept in the book; what stands between the two."""
    keeper = Keeper(book)
    lend(gateway, OneCarrier(keeper))
    return keeper


def keeper(gateway: Gateway) -> Keeper:
    """What stands between this gateway and the book."""
    return gateway.carriers.of("any").bindings  # type: ignore[return-value]


def fails(call: str, error: BaseException) -> Callable[[str], None]:
    """Raises at this call of the carrier."""

    def fail(asked: str) -> None:
        if asked == call:
            raise error

    return fail


def attend(gateway: Gateway, duty: LeaseWork, *, now: int) -> tuple[int, int, int]:
    """One run of a schedule: settled, put off, taken by others."""
    seen = gateway.shared(schedules.lease_jobs).run(duty, now=now, time_left=lambda: True)
    return seen.done, seen.put_off, seen.taken
