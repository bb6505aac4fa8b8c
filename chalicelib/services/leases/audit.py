"""What the schedule `audit` does: compares what carriers list on our numbers with what we have.

Pending operations cover what is known to be open. The audit finds the rest: a request that took
effect later than anybody waits for, a binding that the carrier lost or ended by itself.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from chalicelib.core import errors
from chalicelib.core.bindings.lease import ASKING_MS
from chalicelib.core.bindings.model import Binding, BindingInfo, State
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.numbers import canonical
from chalicelib.core.ports import Carriers, Lister
from chalicelib.core.tenants import App
from chalicelib.core.turns import has_turn
from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.services.leases.service import LeaseService
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.tenants.apps import AppStore

SILENT_AFTER = 3
"""After how many X in a row without an answer a carrier is left alone until the next run."""


@dataclass(slots=True)
class AuditReport:
    """What one run found: how many X it audited; bindings of the carrier that are over here and
    were released (`strays`); those that the carrier has lost (`lost`: they are bound there
    anew), keeps for less long than it said (`shorter`), and those that are not ours (`unknown`:
    left alone, somebody else may use the account)."""

    numbers: int = 0
    strays: int = 0
    lost: int = 0
    shorter: int = 0
    unknown: int = 0


@dataclass(slots=True)
class Usage:
    """Live bindings, and the X of their apps."""

    bindings: int = 0
    numbers: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """Compares and repairs."""

    apps: AppStore
    names: Callable[[], Iterable[tuple[str, str]]]
    """The names of all apps, each with its carrier."""
    bindings: BindingStore
    leases: LeaseService
    carriers: Carriers
    trouble: Callable[[Exception], None]

    def run(self, *, now: int, time_left: Callable[[], bool]) -> AuditReport:
        """Audits the X whose turn it is at `now` (epoch ms), as long as `time_left()`."""
        seen = AuditReport()
        silences: Counter[str] = Counter()
        for app, lister, number in self._turn(now=now):
            if not time_left():
                break
            if silences[app.carrier] >= SILENT_AFTER:
                continue
            try:
                self.look(app, lister, number, seen, now=now)
                silences[app.carrier] = 0
            except errors.GatewayError as error:
                silences[app.carrier] += isinstance(error, errors.Unavailable)
                self.trouble(error)
        return seen

    def usage(self, *, now: int) -> Usage:
        """Counts what the apps have whose turn it is at `now` (epoch ms); each has one an hour. One
        query an app: the counters of its quota. Raises Unavailable."""
        used = Usage()
        for name, _ in self.names():
            app = self.apps.get(name) if has_turn(name, now=now) else None
            if app is not None:
                used.bindings += sum(self.bindings.quota_used(name).values())
                used.numbers += len(app.pool.areas)
        return used

    def look(self, app: App, lister: Lister, number: str, seen: AuditReport, *, now: int) -> None:
        """Audits one X. Raises what a carrier does."""
        listed = lister.on_number(number, now=now)
        seen.numbers += 1
        for info in listed:
            binding = self.bindings.get(info.user_data)
            if binding is None or not _is_of(binding, app.carrier, number):
                seen.unknown += 1
            elif _is_stray(binding, info, now=now):
                self.leases.release_stray(binding, info.id, now=now)
                seen.strays += 1
            elif _is_shorter(binding, info):
                self.leases.correct(binding, until=info.expires, now=now)
                seen.shorter += 1
        there = {info.user_data for info in listed}
        for ours in self.bindings.live_on(number, app=app.name, now=now):
            if ours.id not in there and (lost := self._lost(ours.id, listed_at=now)):
                self.leases.correct(lost, until=0, now=now)
                seen.lost += 1

    def _turn(self, *, now: int) -> Iterator[tuple[App, Lister, str]]:
        names = sorted(self.names())
        listers = {carrier: self._lister(carrier) for carrier in {of for _, of in names}}
        for name, carrier in names:
            # The apps of a carrier that lists nothing are not read.
            lister = listers[carrier]
            app = self.apps.get(name) if lister is not None else None
            if app is None or lister is None:
                continue
            for number in (*sorted(app.pool.areas), *app.left):
                if has_turn(number, now=now):
                    yield app, lister, number

    def _lister(self, carrier: str) -> Lister | None:
        try:
            return self.carriers.of(carrier).lister
        except errors.Unavailable as error:
            self.trouble(error)
            return None

    def _lost(self, binding_id: str, *, listed_at: int) -> Binding | None:
        """The binding, if the carrier should have listed it."""
        binding = self.bindings.get(binding_id)
        if binding is None or binding.lease is None or binding.state is not State.BOUND:
            return None
        settled = not binding.lease.operations and binding.created <= listed_at - ASKING_MS
        near_end = binding.expires <= listed_at + MINUTE_MS
        return binding if settled and not near_end else None


def _is_of(binding: Binding, carrier: str, number: str) -> bool:
    """Whether it was bound over X at this carrier, by any app: X may have moved since."""
    return binding.carrier == carrier and canonical(binding.number) == canonical(number)


def _is_stray(binding: Binding, info: BindingInfo, *, now: int) -> bool:
    """Whether what the carrier lists is not ours any more, and no pending operation covers it."""
    lease = binding.lease
    if lease is not None and lease.operations:
        return False
    if binding.over or now >= binding.expires + LATER_MS:
        return True
    return binding.state is State.BOUND and lease is not None and lease.id not in (None, info.id)


def _is_shorter(binding: Binding, info: BindingInfo) -> bool:
    lease = binding.lease
    if lease is None or lease.operations or lease.id != info.id:
        return False
    return info.expires < lease.until - MINUTE_MS
