"""The schedules' work at carriers: longer leases in time, and answers that never came."""

from bisect import insort
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from itertools import cycle

from chalicelib.core.bindings.lease import Duty, Unsettled
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.errors import Unavailable
from chalicelib.services.leases.service import LeaseService
from chalicelib.store.bindings.bindings import BindingStore

CLAIM_MS = MINUTE_MS
"""For how long a binding is one worker's alone, counted from when that worker begins with it. Its
few requests, each of twice `CARRIER_TIMEOUT_S` at most, end before."""
SILENT_AFTER = 3
"""After how many bindings in a row without an answer a carrier is left alone until the next run.
Until its first answer in a run no more than so many are begun at a time."""
REMEMBERED = 1_000
"""How many due bindings of one carrier a run remembers; it reads the index again for the rest."""
MOST_WORKERS = 512
"""At a time, of all carriers together: a Lambda function may have 1,024 threads."""
LOOK_S = 0.2
"""How often a run looks whether it has to read on."""
SCHEDULE_MS = MINUTE_MS
"""How often the schedules come: a lease that waits for the next run is not late."""

Ended = Callable[[float], bool]
"""Waits for a worker, so many seconds at most; whether it has ended."""
Start = Callable[[Callable[[], None]], Ended]
"""Begins a call beside whatever else is going on."""


@dataclass(slots=True)
class Attended:
    """What one run did.

    Counts of bindings: `done`; `put_off` because the carrier failed or refused; `taken` by another
    run; `left` due, because their carrier is silent or the time was over. `silent` are the carriers
    that were left alone. `lag` is the largest share (0 to 1) of the time between due and lapsed
    that had gone by for a lease when this run found it, `late_ms` for how long the oldest entry had
    been due when it began.
    """

    done: int = 0
    put_off: int = 0
    taken: int = 0
    left: int = 0
    lag: float = 0.0
    late_ms: int = 0
    silent: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LeaseJobs:
    """Works off one kind of entry of the work index: side by side, `at_once` bindings of a carrier
    at a time, and no carrier waits for another."""

    bindings: BindingStore
    leases: LeaseService
    trouble: Callable[[Exception], None]
    """Is told what went wrong with a binding. Called by several threads at once."""
    now_ms: Callable[[], int]
    """Epoch ms; what is used of it is how time goes on during a run."""
    start: Start
    new_lock: Callable[[], AbstractContextManager[object]]
    at_once: int

    def run(self, duty: Duty, *, now: int, time_left: Callable[[], bool]) -> Attended:
        """Attends to what is due at `now` (epoch ms). Returns once all that was begun is finished;
        nothing is begun any more when `time_left()` is false.

        Runs at the same time do nothing twice: a worker claims a binding when it begins with it.
        One that fails is due again half a minute later. After SILENT_AFTER silences in a row
        nothing more of that carrier is begun or written: its bindings stay due for the next run.
        Raises Unavailable when the index can't be read, after finishing what was begun.
        """
        return _Run(self, duty, now=now, time_left=time_left).finished()


class _Outcome(Enum):
    DONE = "done"
    TAKEN = "taken"
    FAILED = "failed"
    SILENT = "silent"


class _Order(Enum):
    """Which of those that wait a worker takes."""

    URGENT = "the soonest to lapse"
    LONGEST = "due for longest"
    LATEST = "due only now"


_ORDERS = (_Order.URGENT, _Order.LONGEST, _Order.LATEST, *5 * (_Order.URGENT,))
"""By turns. Should the most urgent, or those that are due for longest, fail for ever, they hold up
no others, and a carrier is not taken for silent because of them."""


class _Lane:
    """The due bindings of one carrier that a run knows of, and who works on them."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bool, int, str, Unsettled]] = []
        """Sorted by urgency: the soonest deadline first, behind them what lapsed already."""
        self.workers = 0
        self.answers = 0
        self.silences = 0
        self.left_out = 0
        """How many entries the latest reading of the index had no room for."""
        self._known: set[str] = set()
        """Handles of those that wait, and of those that were begun in this run."""
        self._orders = cycle(_ORDERS)

    @property
    def silent(self) -> bool:
        return self.silences >= SILENT_AFTER

    @property
    def busy(self) -> bool:
        return self.workers > 0 or bool(self.waiting)

    @property
    def wants_more(self) -> bool:
        return bool(self.left_out) and not self.silent and len(self.waiting) < REMEMBERED // 4

    def offer(self, entry: Unsettled, *, now: int) -> None:
        """Remembers an entry, if it is among the most urgent."""
        if entry.handle in self._known:
            return
        if self.silent:
            self.left_out += 1
            return
        lapsed = entry.lapses_at is not None and entry.lapses_at <= now
        insort(self.waiting, (lapsed, entry.deadline, entry.handle, entry))
        self._known.add(entry.handle)
        if len(self.waiting) > REMEMBERED:
            *_, handle, _ = self.waiting.pop()
            self._known.remove(handle)
            self.left_out += 1

    def take(self) -> Unsettled:
        """The next one, as the orders take turns."""
        order, index = next(self._orders), 0
        if order is not _Order.URGENT:
            choose = min if order is _Order.LONGEST else max
            index = choose(range(len(self.waiting)), key=lambda i: self.waiting[i][-1].due_at)
        return self.waiting.pop(index)[-1]

    def answered(self) -> None:
        """The carrier did what was asked."""
        self.answers += 1
        self.silences = 0

    def unanswered(self, answers_before: int) -> None:
        """The carrier did not answer; `answers_before` is how often it had when it was asked. If it
        answered somebody meanwhile, it is not the carrier's fault."""
        if self.answers == answers_before:
            self.silences += 1


class _Run:
    """One run. Whatever workers share is touched under the lock only, and nobody waits for anything
    while holding it. Where workers are not threads, one may begin with its work while it is being
    started."""

    def __init__(
        self, upkeep: LeaseJobs, duty: Duty, *, now: int, time_left: Callable[[], bool]
    ) -> None:
        self._upkeep = upkeep
        self._duty: Duty = duty
        self._due_by = now
        self._ahead_ms = now - upkeep.now_ms()
        self._time_left = time_left
        self._lock = upkeep.new_lock()
        self._lanes: dict[str, _Lane] = {}
        self._started: deque[Ended] = deque()
        self._fatal: list[BaseException] = []
        self._counts = dict.fromkeys(_Outcome, 0)
        self._lag = 0.0
        self._late_ms = 0

    def finished(self) -> Attended:
        """Does it all. Raises what ended a worker."""
        try:
            self._read()
            while self._more_is_wanted():
                self._read()
        finally:
            while self._started:
                self._wait()
        if self._fatal:
            raise self._fatal[0]
        lanes = self._lanes.items()
        return Attended(
            done=self._counts[_Outcome.DONE],
            put_off=self._counts[_Outcome.FAILED] + self._counts[_Outcome.SILENT],
            taken=self._counts[_Outcome.TAKEN],
            left=sum(len(lane.waiting) + lane.left_out for _, lane in lanes),
            lag=self._lag,
            late_ms=self._late_ms,
            silent=sorted(name for name, lane in lanes if lane.silent),
        )

    def _read(self) -> None:
        """Offers everything that is due to its carrier's lane; workers begin meanwhile."""
        with self._lock:
            for lane in self._lanes.values():
                lane.left_out = 0
        for entry in self._upkeep.bindings.unsettled(self._duty, now=self._due_by):
            with self._lock:
                self._lag = max(self._lag, _lag(entry, now=self._now()))
                self._late_ms = max(self._late_ms, self._due_by - entry.due_at)
                lane = self._lanes.setdefault(entry.carrier, _Lane())
                lane.offer(entry, now=self._now())
                self._staff(lane)
            if self._over():
                return

    def _more_is_wanted(self) -> bool:
        """Waits until the index has to be read again; False if the work is done before."""
        while True:
            with self._lock:
                if not self._over() and any(lane.wants_more for lane in self._lanes.values()):
                    return True
            if not self._started:
                return False
            self._wait()

    def _wait(self) -> None:
        """Until the worker that was started first has ended, but not for long."""
        if self._started[0](LOOK_S):
            self._started.popleft()

    def _over(self) -> bool:
        return bool(self._fatal) or not self._time_left()

    def _now(self) -> int:
        return self._upkeep.now_ms() + self._ahead_ms

    def _staff(self, lane: _Lane) -> None:
        """Starts the workers that a lane may have and lacks. The lock is held."""
        wanted = min(self._allowed(lane) - lane.workers, len(lane.waiting))
        if lane.silent or self._over():
            return
        for _ in range(wanted):
            lane.workers += 1
            self._started.append(self._upkeep.start(lambda: self._work(lane)))

    def _allowed(self, lane: _Lane) -> int:
        if not lane.answers:
            return min(SILENT_AFTER - lane.silences, self._upkeep.at_once)
        busy = sum(each.busy for each in self._lanes.values())
        return max(1, min(self._upkeep.at_once, MOST_WORKERS // busy))

    def _work(self, lane: _Lane) -> None:
        """What a worker does: one binding after the other."""
        try:
            while (taken := self._next(lane)) is not None:
                entry, answers_before = taken
                self._note(lane, self._attended(entry), answers_before)
        except BaseException as error:  # noqa: BLE001 - raised by whoever waits for the workers
            with self._lock:
                self._fatal.append(error)
                lane.workers -= 1

    def _next(self, lane: _Lane) -> tuple[Unsettled, int] | None:
        """An entry, and how often the carrier has answered by now. None when the worker is to go
        home; it does not count any more then."""
        with self._lock:
            too_many = lane.workers > self._allowed(lane)
            if lane.silent or too_many or not lane.waiting or self._over():
                lane.workers -= 1
                return None
            return lane.take(), lane.answers

    def _note(self, lane: _Lane, outcome: _Outcome, answers_before: int) -> None:
        with self._lock:
            self._counts[outcome] += 1
            if outcome is _Outcome.DONE:
                lane.answered()
                self._staff(lane)
            elif outcome is _Outcome.SILENT:
                lane.unanswered(answers_before)

    def _attended(self, entry: Unsettled) -> _Outcome:
        """What became of one binding. An item may hold anything, and others wait: whatever goes
        wrong is told, and is nobody else's trouble."""
        bindings, leases, trouble = self._upkeep.bindings, self._upkeep.leases, self._upkeep.trouble
        try:
            binding = bindings.claim(entry, until=self._now() + CLAIM_MS)
        except Exception as error:  # noqa: BLE001 - as above
            trouble(error)
            return _Outcome.FAILED
        if binding is None:
            return _Outcome.TAKEN
        try:
            leases.attend(binding, now=self._now())
        except Exception as error:  # noqa: BLE001 - as above
            trouble(error)
            outcome = _Outcome.SILENT if isinstance(error, Unavailable) else _Outcome.FAILED
        else:
            return _Outcome.DONE
        try:
            leases.put_off(binding, now=self._now())
        except Exception as error:  # noqa: BLE001 - it is due again when the claim lapses
            trouble(error)
        return outcome


def _lag(entry: Unsettled, *, now: int) -> float:
    """Which share of the time that there is for a lease has gone by, its schedule's turn set
    aside."""
    if entry.lapses_at is None:
        return 0.0
    if now >= entry.lapses_at:
        return 1.0
    from_when = entry.due_at + SCHEDULE_MS
    if now <= from_when:
        return 0.0
    return (now - from_when) / (entry.lapses_at - from_when)
