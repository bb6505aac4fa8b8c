"""A carrier without query and extend, in memory: a longer lease is a second one, and whatever it is
asked once it answers alike for ever. It writes down when it had what."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Lock
from uuid import uuid4

from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.bindings.model import Binding
from chalicelib.core.durations import DAY_MS, MINUTE_MS
from chalicelib.core.ports import Carrier
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import Book, Entry
from tests.gateways import lend


@dataclass(frozen=True)
class Term:
    """From when to when it had what for which binding of ours; `planned` is the end that it was
    asked for. Epoch ms."""

    ours: str
    id: str
    since: int
    until: int
    planned: int


_TRANSFER = "transfer/"
_REFUSED = (errors.NumberTaken, errors.CarrierRefused)


@dataclass
class SwappingBook(Book):
    """What the carrier has and had.

    `beside`: it takes a second lease for the same people beside the first; `stubborn`: a refusal
    too is its answer for ever; `careless`: it takes other people beside them.
    """

    beside: bool = True
    stubborn: bool = False
    careless: bool = False
    answers: dict[str, tuple[str | None, int]] = field(default_factory=dict)
    leases: list[Term] = field(default_factory=list)
    replaced: list[tuple[str, str]] = field(default_factory=list)
    """Ids of ours: an XA whose place the XA of somebody else took while it lasted."""
    reached: dict[str, str] = field(default_factory=dict)
    """Our binding's id -> its A."""
    mismatches: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def put(self, request: str, binding: Binding, *, lease_ms: int, now: int) -> str:
        """Binds; the id of it. Raises NumberTaken."""
        with self.lock:
            answer, first_ms = self.answers.get(request, (None, lease_ms))
            if first_ms != lease_ms:
                self.mismatches.append(request)
                raise errors.CarrierRefused("this request id came with other parameters")
            if answer is not None:
                return answer
            if (self.stubborn and request in self.answers) or self._refuses(binding, now=now):
                self.answers[request] = (None, lease_ms)
                raise errors.NumberTaken("taken")
            entry = _entry(binding, until=now + lease_ms)
            self.reached[entry.ours] = binding.a.digits
            self._cut(entry.id, now=now, by=entry.ours)
            self.entries[entry.id] = entry
            self.leases.append(Term(entry.ours, entry.id, now, entry.until, entry.until))
            self.answers[request] = (entry.id, lease_ms)
            return entry.id

    def delete(self, id_: str, *, now: int) -> None:
        """Ends it, if it is there."""
        with self.lock:
            self._cut(id_, now=now)

    def gaps(self, ours: str, *, since: int, until: int) -> list[tuple[int, int]]:
        """From when to when it had nothing for this binding of ours."""
        found: list[tuple[int, int]] = []
        for lease in sorted((each for each in self.leases if each.ours == ours), key=_since):
            if since < min(lease.since, until):
                found.append((since, min(lease.since, until)))
            since = max(since, lease.until)
        return [*found, (since, until)] if since < until else found

    def _cut(self, id_: str, *, now: int, by: str | None = None) -> None:
        entry = self.entries.pop(id_, None)
        if entry is None or entry.until <= now:
            return
        if by is not None and self.reached[by] != self.reached[entry.ours]:
            self.replaced.append((entry.ours, by))
        self.leases = [
            replace(each, until=min(each.until, now)) if each.id == id_ else each
            for each in self.leases
        ]

    def _refuses(self, binding: Binding, *, now: int) -> bool:
        people = people_of(binding)
        on_it = [each.people for each in self.live(now=now) if each.number == binding.number]
        crossed = any(people & each and people != each for each in on_it)
        return (people in on_it and not self.beside) or (crossed and not self.careless)


def _since(lease: Term) -> int:
    return lease.since


def people_of(binding: Binding) -> frozenset[str]:
    """Whose legs it has; `*` is everybody's."""
    return frozenset(("*",) if binding.b is None else (binding.a.digits, binding.b.digits))


def _entry(binding: Binding, *, until: int) -> Entry:
    id_ = _TRANSFER + binding.number if binding.b is None else uuid4().hex
    return Entry(id_, binding.id, binding.number, people_of(binding), until)


@dataclass
class SwappingKeeper:
    """Fulfils the port BindingCarrier over such a book, as the package of such a carrier does.
    `before` and `after` are run before and after each call takes effect, and may raise."""

    book: SwappingBook
    lease_ms: int = DAY_MS
    asks_again: bool = True
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None
    asked: Counter[str] = field(default_factory=Counter)

    def bind(self, binding: Binding, asked: Operation, *, now: int) -> Lease:
        return self._ask(binding, asked, now=now)

    def release(self, carrier_id: str, *, now: int) -> None:
        self._begin("release")
        self.book.delete(carrier_id, now=now)
        self.after("release")

    def renew(
        self, binding: Binding, asked: Operation, *, until: int, last: bool, now: int
    ) -> Lease:
        try:
            return self._ask(binding, asked, now=now)
        except errors.NumberTaken:
            raise errors.NotBeside from None

    def find(self, binding: Binding, asked: Sequence[Operation], *, now: int) -> list[Lease]:
        lease = binding.lease
        assert lease is not None
        found = []
        if lease.id is not None:
            found.append(Lease(lease.id, lease.until, lease.at_most))
        for each in {each.request: each for each in asked}.values():
            with suppress(*_REFUSED):
                found.append(self._ask(binding, each, now=now))
        return found

    def _ask(self, binding: Binding, asked: Operation, *, now: int) -> Lease:
        self._begin("bind")
        request = f"{binding.id} {binding.number} {asked.request}"
        id_ = self.book.put(request, binding, lease_ms=asked.lease_ms, now=now)
        self.after("bind")
        until, at_most = asked.first + asked.lease_ms, now + asked.lease_ms
        return Lease(id_, until, at_most if at_most - until > MINUTE_MS else None)

    def _begin(self, call: str) -> None:
        self.asked[call] += 1
        self.before(call)


@dataclass(frozen=True)
class OneSwapping:
    """Fulfils the port Carriers: every carrier is this one."""

    keeper: SwappingKeeper

    def of(self, name: str) -> Carrier:
        return Carrier(name, "test", bindings=self.keeper, transfers=True, announces=True)


def swapping(gateway: Gateway, book: SwappingBook) -> SwappingKeeper:
    """Lets this gateway have its bindings kept in such a book; what stands between the two."""
    keeper = SwappingKeeper(book)
    lend(gateway, OneSwapping(keeper))
    return keeper
