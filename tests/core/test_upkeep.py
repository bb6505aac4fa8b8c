"""The schedules at carriers, in simulated time: how much they get done, and who waits for whom."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.core.bindings.lease import DueBinding
from chalicelib.core.durations import DAY_MS, MINUTE_MS
from chalicelib.core.errors import CarrierRefused, StoreUnavailable, Unavailable
from chalicelib.jobs.schedules import FINISH_MS
from chalicelib.services.leases import due_queue
from chalicelib.services.leases import jobs as upkeep
from chalicelib.services.leases.jobs import SILENT_AFTER, LeaseJobs, LeaseReport
from tests.simulated_time import SimulatedTime

NOW = 1_900_000_000_000
HOUR_MS = 60 * MINUTE_MS
TIMEOUT_MS = 115_000
"""Of both functions, in .chalice/config.json."""
AT_ONCE = 32
SLOW_S = 3.9
TABLE_S = 0.01
"""What one write to the table takes."""


@dataclass
class Carrier:
    """One that answers each request after so many seconds, or not at all."""

    answers_in_s: float
    lease_ms: int = DAY_MS
    silent: bool = False
    refuses: bool = False
    at_once: int = 0
    most_at_once: int = 0
    answered_at: list[int] = field(default_factory=list)
    begun_at: list[int] = field(default_factory=list)


@dataclass
class Lease:
    """A binding that a carrier keeps."""

    carrier: str
    due_at: int
    until: int
    claims: int = 0
    always_fails: bool = False


class World:
    """Leases at carriers; fulfils of the port Bindings and of LeaseDesk what a run needs."""

    def __init__(self, **carriers: Carrier) -> None:
        self.time = SimulatedTime(NOW)
        self.carriers = carriers
        self.leases: dict[str, Lease] = {}
        self.lapsed = 0
        self.readings = 0
        self.put_off_at: Counter[str] = Counter()
        self.runs: list[LeaseReport] = []
        self.troubles: list[Exception] = []
        self.index_fails = False
        self.upkeep = LeaseJobs(
            self,  # type: ignore[arg-type]
            self,  # type: ignore[arg-type]
            trouble=self.troubles.append,
            now_ms=self.time.now_ms,
            start=self.time.start,
            new_lock=Lock,
            at_once=AT_ONCE,
        )

    def lease(self, carrier: str, *, due_at: int, until: int | None = None) -> Lease:
        """One more; it runs out a quarter of its length after it is due."""
        until = due_at + self.carriers[carrier].lease_ms // 4 if until is None else until
        lease = self.leases[f"{len(self.leases):012d}"] = Lease(carrier, due_at, until)
        return lease

    def run(self) -> LeaseReport:
        """One run, as Lambda starts it."""
        began = self.time.now_ms()

        def time_left() -> bool:
            return began + TIMEOUT_MS - self.time.now_ms() > FINISH_MS

        seen = self.upkeep.run("lease", now=began, time_left=time_left)
        self.runs.append(seen)
        return seen

    def minutes(self, number: int) -> None:
        """The schedule comes every minute, whether or not the run before has finished."""
        with self.time.finishing():
            for _ in range(number):
                self.time.start(lambda: self.run() and None)
                self.time.sleep(60)

    def due_at_carriers(self, work: str, *, now: int) -> Iterator[DueBinding]:
        self.readings += 1
        if self.index_fails:
            raise StoreUnavailable("query")
        due = [(each.due_at, handle) for handle, each in self.leases.items() if each.due_at <= now]
        for due_at, handle in sorted(due):
            each = self.leases[handle]
            yield DueBinding(handle, handle, each.carrier, due_at, lapses_at=each.until)

    def claim(self, entry: DueBinding, *, until: int) -> Any:
        self.time.sleep(TABLE_S)
        lease = self.leases[entry.handle]
        if lease.due_at != entry.due_at:
            return None
        # From the moment at which the worker began, not the run.
        assert abs(until - self.time.now_ms() - MINUTE_MS) < 100
        lease.due_at = until
        lease.claims += 1
        return SimpleNamespace(handle=entry.handle, lease=lease)

    def attend(self, binding: Any, *, now: int) -> None:
        lease = binding.lease
        carrier = self.carriers[lease.carrier]
        carrier.begun_at.append(now)
        for _ in range(2):
            carrier.at_once += 1
            carrier.most_at_once = max(carrier.most_at_once, carrier.at_once)
            self.time.sleep(8 if carrier.silent or lease.always_fails else carrier.answers_in_s)
            carrier.at_once -= 1
            if carrier.silent or lease.always_fails:
                raise Unavailable("no answer")
            if carrier.refuses:
                raise CarrierRefused("the key")
        self.time.sleep(2 * TABLE_S)
        now = self.time.now_ms()
        self.lapsed += now > lease.until
        carrier.answered_at.append(now)
        lease.until = now + carrier.lease_ms
        lease.due_at = lease.until - carrier.lease_ms // 4

    def put_off(self, binding: Any, *, now: int) -> None:
        self.time.sleep(TABLE_S)
        self.put_off_at[binding.lease.carrier] += 1
        binding.lease.due_at = now + MINUTE_MS // 2


def test_ten_thousand_in_an_hour_at_a_carrier_that_takes_3_9_s() -> None:
    world = World(slow=Carrier(SLOW_S))
    for i in range(10_000):
        world.lease("slow", due_at=NOW + i * HOUR_MS // 10_000)
    world.minutes(64)
    slow = world.carriers["slow"]
    assert len(slow.answered_at) == 10_000
    assert world.lapsed == 0
    # Nobody waits for long: it keeps up, not only within the six hours that a day's lease leaves.
    assert max(run.lag for run in world.runs) < 0.01
    assert max(slow.answered_at) < NOW + HOUR_MS + 2 * MINUTE_MS
    assert all(lease.claims == 1 for lease in world.leases.values())
    # While one run finishes what it began, the next one begins.
    assert slow.most_at_once <= 2 * AT_ONCE


def test_how_many_it_can_be() -> None:
    world = World(slow=Carrier(SLOW_S))
    for _ in range(2_500):
        world.lease("slow", due_at=NOW - 1)
    world.minutes(10)
    # 13,000 an hour, the number that docs/carriers.md tells.
    in_ten = sum(at < NOW + 10 * MINUTE_MS for at in world.carriers["slow"].answered_at)
    assert in_ten > 13_000 / 6
    assert world.lapsed == 0


def test_the_alarm_comes_before_the_first_lapses() -> None:
    world = World(slow=Carrier(SLOW_S, lease_ms=HOUR_MS))
    for _ in range(4_000):
        world.lease("slow", due_at=NOW)
    world.minutes(18)
    lagging = next(i for i, run in enumerate(world.runs) if run.lag >= 0.5)
    assert world.lapsed > 0
    # A quarter of an hour is the time that there is.
    assert lagging <= 9


def test_the_soonest_to_lapse_come_first_whenever_they_fell_due() -> None:
    world = World(slow=Carrier(SLOW_S))
    for i in range(2_000):
        world.lease("slow", due_at=NOW - 2_000 + i)
    urgent = [world.lease("slow", due_at=NOW, until=NOW + 90_000) for _ in range(50)]
    world.run()
    assert all(lease.claims for lease in urgent)
    assert world.lapsed == 0


@pytest.mark.parametrize("silent", [True, False])
def test_no_carrier_waits_for_another(silent: bool) -> None:
    world = World(bad=Carrier(SLOW_S, silent=silent), good=Carrier(0.1), one=Carrier(0.1))
    for _ in range(5_000):
        world.lease("bad", due_at=NOW - HOUR_MS)
    for _ in range(300):
        world.lease("good", due_at=NOW)
    world.lease("one", due_at=NOW)
    world.run()
    assert len(world.carriers["good"].answered_at) == 300
    assert max(world.carriers["good"].answered_at) < NOW + 5_000
    assert max(world.carriers["one"].answered_at) < NOW + 1_000


def test_what_is_due_at_a_silent_carrier_stays_due_and_unwritten() -> None:
    world = World(dead=Carrier(0.1, silent=True))
    for _ in range(500):
        world.lease("dead", due_at=NOW)
    seen = world.run()
    assert (seen.put_off, seen.left, seen.silent) == (SILENT_AFTER, 500 - SILENT_AFTER, ["dead"])
    assert sum(lease.claims for lease in world.leases.values()) == SILENT_AFTER
    assert sum(lease.due_at == NOW for lease in world.leases.values()) == 500 - SILENT_AFTER


@pytest.mark.parametrize("back_after_s", range(300, 420, 13))
def test_a_carrier_that_answers_again_is_agreed_with_in_two_minutes(back_after_s: int) -> None:
    world = World(dead=Carrier(0.5, silent=True))
    for i in range(400):
        world.lease("dead", due_at=NOW + i * 500)

    def come_back() -> None:
        world.time.sleep(back_after_s)
        world.carriers["dead"].silent = False

    world.time.start(come_back)
    world.minutes(10)
    dead = world.carriers["dead"]
    assert len(dead.answered_at) == 400
    assert max(dead.answered_at) < NOW + 1000 * back_after_s + 2 * MINUTE_MS


def test_a_carrier_that_falls_silent_meanwhile_is_left_alone() -> None:
    world = World(dying=Carrier(0.5))
    for _ in range(1_000):
        world.lease("dying", due_at=NOW)

    def die() -> None:
        world.time.sleep(5)
        world.carriers["dying"].silent = True

    world.time.start(die)
    seen = world.run()
    assert seen.done > 50
    # Those that were being asked by then.
    assert SILENT_AFTER <= seen.put_off <= 3 * AT_ONCE
    assert seen.silent == ["dying"]


@pytest.mark.parametrize("until", [NOW - HOUR_MS, NOW + 15 * MINUTE_MS])
def test_bindings_that_fail_for_ever_hold_up_no_others(until: int) -> None:
    """Their deadlines are the soonest of all, whether or not they have passed."""
    world = World(good=Carrier(0.1))
    for _ in range(100):
        world.lease("good", due_at=NOW - 1, until=until).always_fails = True
    for i in range(600):
        world.lease("good", due_at=NOW + i * 1000)
    world.minutes(11)
    good = world.carriers["good"]
    assert len(good.answered_at) == 600
    # Not one waits for much more than the next run.
    waited = [at - (NOW + i * 1000) for i, at in enumerate(sorted(good.answered_at))]
    assert max(waited) < 2 * MINUTE_MS


def test_a_refusal_is_no_silence() -> None:
    world = World(refusing=Carrier(0.1, refuses=True))
    for _ in range(20):
        world.lease("refusing", due_at=NOW)
    seen = world.run()
    assert (seen.done, seen.put_off, seen.left, seen.silent) == (0, 20, 0, [])


def test_more_than_a_run_remembers_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_queue, "REMEMBERED", 40)
    world = World(good=Carrier(0.1), slow=Carrier(SLOW_S))
    for i in range(1_000):
        world.lease("good", due_at=NOW - i)
        world.lease("slow", due_at=NOW - i)
    seen = world.run()
    assert len(world.carriers["good"].answered_at) == 1_000
    assert seen.done + seen.left == 2_000
    assert seen.taken == 0
    assert 10 < world.readings < 60


def test_what_was_begun_is_finished_and_nothing_is_begun_when_the_time_is_nearly_over() -> None:
    world = World(slow=Carrier(SLOW_S))
    for _ in range(2_000):
        world.lease("slow", due_at=NOW)
    seen = world.run()
    begun = sum(lease.claims for lease in world.leases.values())
    assert seen.done == begun == len(world.carriers["slow"].answered_at)
    assert max(world.carriers["slow"].begun_at) < NOW + TIMEOUT_MS - FINISH_MS + 100
    assert world.time.now_ms() < NOW + TIMEOUT_MS
    assert seen.left == 2_000 - begun


def test_two_runs_at_once_do_nothing_twice() -> None:
    world = World(good=Carrier(0.5))
    for _ in range(500):
        world.lease("good", due_at=NOW)
    with world.time.finishing():
        for _ in range(2):
            world.time.start(lambda: world.run() and None)
    assert all(lease.claims == 1 for lease in world.leases.values())
    assert sum(run.done for run in world.runs) == 500


def test_an_index_that_cannot_be_read_is_an_error_after_what_was_begun() -> None:
    world = World(good=Carrier(0.1))
    world.index_fails = True
    with pytest.raises(StoreUnavailable):
        world.run()


def test_many_carriers_share_the_threads_that_there_may_be() -> None:
    world = World(**{f"c{i}": Carrier(SLOW_S) for i in range(40)})
    threads: dict[str, int] = defaultdict(int)
    start = world.upkeep.start

    def counted(call: Any) -> Any:
        def work() -> None:
            threads["now"] += 1
            threads["most"] = max(threads["most"], threads["now"])
            call()
            threads["now"] -= 1

        return start(work)

    object.__setattr__(world.upkeep, "start", counted)
    for name in world.carriers:
        for _ in range(100):
            world.lease(name, due_at=NOW)
    world.run()
    assert threads["most"] <= upkeep.MOST_WORKERS + AT_ONCE
    done = [len(carrier.answered_at) for carrier in world.carriers.values()]
    assert min(done) > 50
