"""What must hold in every run, judged by what an app is told and by what the vendor's book says."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.bindings.model import BindingInfo
from chalicelib.core.durations import CLOCKS_APART_MS, MINUTE_MS
from chalicelib.core.tenants import App
from chalicelib.wiring.api import Api
from tests.simulation.processes import Process
from tests.simulation.schedules import Scenario
from tests.simulation.vendors import Book

SETTLED_MS = 2 * MINUTE_MS
"""Within this time of the vendor answering again it has what we have (DESIGN.md, invariant 2)."""
GRAIN_MS = MINUTE_MS
"""Vendors count in minutes, and the jobs come every minute."""


class Broken(BaseException):
    """An invariant does not hold. The text begins with a few words that name which one."""


@dataclass
class Claim:
    """What an app was told of a binding, and asked of it. Times are real ones (epoch ms)."""

    id: str
    request: str
    expires: int
    """As it was when it was bound, by the clock of the process that bound it."""
    longer: dict[str, tuple[int, bool, int]] = field(default_factory=dict)
    """Delays that may have been done: request -> by how much, whether it was acknowledged, and how
    many others that asked the same don't know."""
    ending: int | None = None
    """When somebody asked for its end, with whatever outcome."""
    ended: int | None = None
    """When its end was acknowledged."""

    def may_expire(self) -> set[int]:
        """Every expiry that it may have: an acknowledged delay counts, a failed one may count."""
        found = {self.expires}
        for delta, acknowledged, unknown in self.longer.values():
            if not acknowledged and not unknown:
                continue
            moved = {each + delta for each in found}
            found = moved if acknowledged else found | moved
        return found


class Watch:
    """Watches one run. `observer` is a process of ours that never waits."""

    def __init__(self, scenario: Scenario, observer: Process, app: App, x: str) -> None:
        self._observer, self._app, self._x = observer, app, x
        self._time = observer.outside.time
        self._book: Book = observer.outside.vendor
        self._spread = scenario.spread_ms
        self._patience = SETTLED_MS + GRAIN_MS + self._spread
        self._slowest = min(0, *(each.offset_s * 1000 for each in scenario.rivals))
        self.claims: dict[str, Claim] = {}
        self._all_end = False
        self._looked: tuple[Any, int, list[BindingInfo]] = (None, 0, [])
        """The table, the time and what was routed then."""
        self._over: dict[str, int] = {}
        """Bindings that nobody can be told of any more: since when (real time)."""
        self.settling_since: int | None = None
        """Since when (real time) healthy jobs run and the vendor answers."""

    # What an app hears.

    def bound(self, id_: str, request: str, *, expires: int) -> None:
        """A bind was acknowledged.

        Invariant 3: one request makes at most one binding. Allowed is another one under the same
        request once the end of the first was asked for (an app that is not strict begins anew).
        """
        others = [
            each.id
            for each in self.claims.values()
            if each.request == request and each.id != id_ and each.ending is None
        ]
        if others:
            raise Broken(f"3 one request: {id_} was acknowledged, and before {others[0]}")
        ending = self._time.now if self._all_end else None
        self.claims.setdefault(id_, Claim(id_, request, expires, ending=ending))

    def asked_longer(self, id_: str, request: str, delta_ms: int, *, outcome: bool | None) -> None:
        """A delay is about to be asked for (None), was done, or surely was not."""
        for claim in self._known([id_]):
            _, done, unknown = claim.longer.get(request, (delta_ms, False, 0))
            unknown += 1 if outcome is None else -1
            claim.longer[request] = (delta_ms, done or outcome is True, unknown)

    def asked_end(self, *ids: str, all_later: bool = False) -> None:
        """Somebody is about to ask for their end; `all_later`: whatever comes to be bound before it
        is answered may end by it, too."""
        self._all_end |= all_later
        for claim in self._known(ids):
            claim.ending = claim.ending or self._time.now

    def unbound(self, *ids: str) -> None:
        """Their end was acknowledged.

        Invariant 2, a release at the carrier: what had not run out is not connected any more by the
        vendor, or our jobs will see to it. Nothing is allowed, whatever the clocks say.
        """
        connected = {entry.ours for entry in self._book.live()}
        for claim in self._known(ids):
            left = claim.id in connected and not self._is_due(claim.id)
            if left and self._time.now < min(claim.may_expire()):
                raise Broken(f"2 unbound yet connected, and nothing is due: {claim.id}")
            claim.ended = claim.ended or self._time.now
        self.written()

    def _known(self, ids: Iterable[str]) -> list[Claim]:
        return [self.claims[id_] for id_ in ids if id_ in self.claims]

    # What is looked at.

    def written(self) -> None:
        """Our table was written.

        The slowest clock is asked: it sees all that any other one sees.

        Invariant 1, our routes: at this moment no X leads one caller to two people, whichever
        process with whatever clock is asked. Nothing is allowed.

        Invariant 2: a binding whose end was acknowledged is routed by none of the processes, from
        the acknowledgement on. Nothing is allowed, whatever the clocks say. And one that was
        acknowledged is found by its id, while nobody asked for its end.
        """
        seen = self._infos(self._slowest)
        _no_crossing("our routes", [(each.a.digits, _b(each)) for each in seen])
        for info in seen:
            claim = self.claims.get(info.id)
            if claim is not None and claim.ended is not None:
                raise Broken(f"2 unbound yet routed: {info.id}")
        for claim in self.claims.values():
            over = min(claim.may_expire()) - self._spread
            if claim.ending is None and self._time.now < over and not self._knows(claim.id):
                raise Broken(f"2 acknowledged yet unknown: {claim.id}")

    def arrived(self) -> None:
        """The vendor answered something.

        Invariant 1, the vendor's book: no X leads one caller to two people. Two live bindings of
        the same two are allowed (a second lease beside the first), and a pair beside an XA: the
        pair goes first, as the vendor's document has it. Nor is an XA replaced by somebody else's.
        """
        if self._book.replaced:
            raise Broken(f"1 crossed at the vendor: {self._book.replaced}")
        _no_crossing("the vendor's book", [(each.a, each.b) for each in self._book.live()])

    def before_jobs(self) -> None:
        """A minute has passed, and the healthy process is about to run the jobs.

        Invariant 2, leases: none lapses between two runs. Allowed is what `minute` allows for the
        beginning, and anything with clocks farther apart than they may be.
        """
        if self._spread <= CLOCKS_APART_MS:
            self._connected(self._infos(0), {entry.ours for entry in self._book.live()})

    def minute(self) -> None:
        """A minute has passed while a healthy process runs the jobs.

        Invariant 2, the end: what the vendor connects is a live binding of ours. Allowed is what
        was over (unbound, run out, or never acknowledged) for less than SETTLED_MS and one GRAIN_MS
        after the jobs began and the vendor answered, plus as much as the clocks are apart: a moment
        that one clock wrote down is waited for by another.

        Invariant 2, the beginning: what we route stands at the vendor. Allowed is the same time to
        repair it, and that the vendor ends it a GRAIN_MS and the clocks' difference early.

        Invariant 2, delays: the expiry is one that the acknowledged delays make, a failed one may
        or may not count. One whose end was asked for may end earlier, others are routed until then.
        """
        self.written()
        self.arrived()
        now, since = self._time.now, self.settling_since
        assert since is not None
        infos = {info.id: info for info in self._infos(0)}
        there = set()
        for entry in self._book.live():
            there.add(entry.ours)
            if entry.ours in infos:
                continue
            over = self._over.setdefault(entry.ours, self._since_over(entry.ours))
            if now > max(over, since) + self._patience:
                raise Broken(
                    f"2 {self._kind(entry.ours)} yet connected by the vendor: {entry.ours},"
                    f" for {(entry.until - now) // 1000} s more"
                )
        self._connected(infos.values(), there)
        for claim in self.claims.values():
            self._expires_right(claim, infos.get(claim.id), now=now)

    def finished(self, *, quota: int, due: Iterable[str]) -> None:
        """All is over, and the jobs ran.

        Invariant 7: nothing is due or pending, no binding counts against the quota and the vendor
        connects nothing. Nothing is allowed.
        """
        left = sorted(due)
        if left:
            raise Broken(f"7 still due: {', '.join(left)}")
        if quota:
            raise Broken(f"7 quota: {quota} bindings are counted, and none is left")
        if self._book.live():
            raise Broken(f"7 the vendor connects: {self._book.live()[0].ours}")

    def last_end(self) -> int:
        """When (real time) the last binding of the book or of our routes is over, as it stands."""
        ends = [entry.until for entry in self._book.live()]
        return max([*ends, *(info.expires for info in self._infos(0)), self._time.now])

    def over_since(self) -> int:
        """When (real time) the last binding that was acknowledged may have been over; 0: never."""
        ends = [
            min(claim.ending or self._time.now, self._time.now, *claim.may_expire())
            for claim in self.claims.values()
        ]
        return max(ends, default=0)

    @property
    def live(self) -> bool:
        """Whether anything is routed here."""
        return bool(self._infos(0))

    def _connected(self, infos: Iterable[BindingInfo], there: Collection[str]) -> None:
        now, since = self._time.now, self.settling_since
        assert since is not None
        for info in infos:
            near_end = info.expires - GRAIN_MS - self._spread <= now
            if info.id not in there and not near_end and now > since + self._patience:
                raise Broken(f"2 bound yet not connected by the vendor: {info.id}")

    def _infos(self, offset: int) -> list[BindingInfo]:
        now = self._time.now + offset
        items, at, known = self._looked
        # A table that was written since has other items.
        if items is not self._observer.outside.database.items or at != now:
            desk = self._observer.gateway.shared(Api).binding_service
            known = self._observer.freely(lambda: desk.on_number(self._app, self._x, now=now))
            self._looked = self._observer.outside.database.items, now, known
        return known

    def _is_due(self, id_: str) -> bool:
        items = self._observer.outside.database.items.values()
        return any("due_shard" in each and each["id"]["S"] == id_ for each in items)

    def _knows(self, id_: str) -> bool:
        desk, now = self._observer.gateway.shared(Api).binding_service, self._time.now
        return self._observer.freely(lambda: desk.find(self._app, id_, now=now)) is not None

    def _since_over(self, id_: str) -> int:
        claim = self.claims.get(id_)
        if claim is None:
            return self._time.now
        end = claim.ended if claim.ended is not None else self._time.now
        past = [each for each in claim.may_expire() if each <= end]
        return max(past, default=end)

    def _kind(self, id_: str) -> str:
        claim = self.claims.get(id_)
        if claim is None:
            return "never acknowledged"
        return "unbound" if claim.ended is not None else "expired"

    def _expires_right(self, claim: Claim, info: BindingInfo | None, *, now: int) -> None:
        allowed = claim.may_expire()
        ending = claim.ending is not None
        earlier = info is not None and ending and info.expires < max(allowed)
        if info is not None and info.expires not in allowed and not earlier:
            off = min((info.expires - each for each in allowed), key=abs) // 1000
            raise Broken(f"2 wrong expiry: {claim.id}, {off} s off what was acknowledged")
        if info is None and not ending and now < min(allowed) - self._spread:
            raise Broken(f"2 acknowledged yet not routed: {claim.id}")


def _b(info: BindingInfo) -> str | None:
    return info.b.digits if info.b is not None else None


def _no_crossing(where: str, people: Iterable[tuple[str, str | None]]) -> None:
    reached: defaultdict[str, set[str]] = defaultdict(set)
    for a, b in people:
        if b is None:
            reached["everybody"].add(a)
        else:
            reached[a].add(b)
            reached[b].add(a)
    for caller, met in reached.items():
        if len(met) > 1:
            raise Broken(f"1 crossed in {where}: {caller} reaches {' and '.join(sorted(met))}")
