"""What the schedules `extend` and `reconcile` do: attend to bindings that are due, side by side."""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum

from chalicelib.clock import Ended
from chalicelib.core.bindings.lease import DueBinding, LeaseWork
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.errors import Unavailable
from chalicelib.services.leases.due_queue import SILENT_AFTER, DueQueue
from chalicelib.services.leases.service import LeaseService
from chalicelib.store.bindings.bindings import BindingStore

CLAIM_MS = MINUTE_MS
"""How long a claim lasts, from when a worker begins with a binding. Its few requests to the
carrier, each of twice `CARRIER_TIMEOUT_S` at most, end before."""
MOST_WORKERS = 512
"""Of all carriers together: a Lambda function may have 1,024 threads."""
LOOK_S = 0.2
"""How often a run checks whether it has to read the index again."""
SCHEDULE_MS = MINUTE_MS
"""How often the schedules come: a lease that waits for the next run is not late."""

Start = Callable[[Callable[[], None]], Ended]
"""Begins a call beside whatever else is going on."""


@dataclass(slots=True)
class LeaseReport:
    """What one run did.

    Counts of bindings: `done`; `put_off` because the carrier failed or refused; `taken` by another
    run; `left` due, because their carrier is silent or the time was over. `silent` are the carriers
    that were left alone. `lag` is the largest share (0 to 1) of the time between due and lapsed
    that had passed for a lease when the run found it; `late_ms` is how long the oldest entry had
    been due when the run began.
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
    """Attends to the due bindings of all carriers: `at_once` of a carrier at a time, and no carrier
    waits for another."""

    bindings: BindingStore
    leases: LeaseService
    trouble: Callable[[Exception], None]
    """Reports what went wrong with a binding. Called by several threads at once."""
    now_ms: Callable[[], int]
    """Epoch ms; only the time that passes during a run is taken from it."""
    start: Start
    new_lock: Callable[[], AbstractContextManager[object]]
    at_once: int

    def run(self, work: LeaseWork, *, now: int, time_left: Callable[[], bool]) -> LeaseReport:
        """Attends to what is due at `now` (epoch ms). Begins nothing more once `time_left()` is
        false, and returns when all that was begun has ended.

        Runs at the same time do nothing twice: a worker claims each binding first. One that fails
        is due again half a minute later. When a carrier has not answered SILENT_AFTER times in a
        row, no more of its bindings are begun or written: they stay due for the next run. Raises
        Unavailable if the index can't be read, after what was begun has ended.
        """
        return _Run(self, work, now=now, time_left=time_left).result()


class _Outcome(Enum):
    DONE = "done"
    TAKEN = "taken"
    FAILED = "failed"
    SILENT = "silent"


class _Run:
    """One run. What workers share is touched only under the lock, and nobody waits for anything
    while holding it. Where workers are not threads (a simulation), one may run while it is being
    started."""

    def __init__(
        self, jobs: LeaseJobs, work: LeaseWork, *, now: int, time_left: Callable[[], bool]
    ) -> None:
        self._jobs = jobs
        self._kind: LeaseWork = work
        self._due_by = now
        self._ahead_ms = now - jobs.now_ms()
        self._time_left = time_left
        self._lock = jobs.new_lock()
        self._queues: dict[str, DueQueue] = {}
        self._started: deque[Ended] = deque()
        self._fatal: list[BaseException] = []
        self._counts = dict.fromkeys(_Outcome, 0)
        self._lag = 0.0
        self._late_ms = 0

    def result(self) -> LeaseReport:
        """Raises what ended a worker."""
        try:
            self._read()
            while self._more_is_wanted():
                self._read()
        finally:
            while self._started:
                self._wait()
        if self._fatal:
            raise self._fatal[0]
        queues = self._queues.items()
        return LeaseReport(
            done=self._counts[_Outcome.DONE],
            put_off=self._counts[_Outcome.FAILED] + self._counts[_Outcome.SILENT],
            taken=self._counts[_Outcome.TAKEN],
            left=sum(len(queue.waiting) + queue.left_out for _, queue in queues),
            lag=self._lag,
            late_ms=self._late_ms,
            silent=sorted(name for name, queue in queues if queue.silent),
        )

    def _read(self) -> None:
        """Puts all that is due into the queue of its carrier; workers begin meanwhile."""
        with self._lock:
            for queue in self._queues.values():
                queue.left_out = 0
        for entry in self._jobs.bindings.due_at_carriers(self._kind, now=self._due_by):
            with self._lock:
                self._lag = max(self._lag, _lag(entry, now=self._now()))
                self._late_ms = max(self._late_ms, self._due_by - entry.due_at)
                queue = self._queues.setdefault(entry.carrier, DueQueue())
                queue.offer(entry, now=self._now())
                self._staff(queue)
            if self._over():
                return

    def _more_is_wanted(self) -> bool:
        """Waits until the index has to be read again; False if all work ends before."""
        while True:
            with self._lock:
                if not self._over() and any(queue.wants_more for queue in self._queues.values()):
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
        return self._jobs.now_ms() + self._ahead_ms

    def _staff(self, queue: DueQueue) -> None:
        """Starts the workers that a queue may have and lacks. The lock is held."""
        wanted = min(self._allowed(queue) - queue.workers, len(queue.waiting))
        if queue.silent or self._over():
            return
        for _ in range(wanted):
            queue.workers += 1
            self._started.append(self._jobs.start(lambda: self._work(queue)))

    def _allowed(self, queue: DueQueue) -> int:
        if not queue.answers:
            return min(SILENT_AFTER - queue.silences, self._jobs.at_once)
        busy = sum(each.busy for each in self._queues.values())
        return max(1, min(self._jobs.at_once, MOST_WORKERS // busy))

    def _work(self, queue: DueQueue) -> None:
        """A worker: attends to one binding after the other."""
        try:
            while (taken := self._next(queue)) is not None:
                entry, answers_before = taken
                self._record(queue, self._attended(entry), answers_before)
        except BaseException as error:  # noqa: BLE001 - `result` raises it
            with self._lock:
                self._fatal.append(error)
                queue.workers -= 1

    def _next(self, queue: DueQueue) -> tuple[DueBinding, int] | None:
        """An entry, and how many answers there have been; None if the worker has to end, which
        does not count any more then."""
        with self._lock:
            too_many = queue.workers > self._allowed(queue)
            if queue.silent or too_many or not queue.waiting or self._over():
                queue.workers -= 1
                return None
            return queue.take(), queue.answers

    def _record(self, queue: DueQueue, outcome: _Outcome, answers_before: int) -> None:
        with self._lock:
            self._counts[outcome] += 1
            if outcome is _Outcome.DONE:
                queue.answered()
                self._staff(queue)
            elif outcome is _Outcome.SILENT:
                queue.unanswered(answers_before)

    def _attended(self, entry: DueBinding) -> _Outcome:
        """Attends to one binding. Whatever goes wrong, even with an item that can't be read, is
        reported, and the worker goes on with the others."""
        bindings, leases, trouble = self._jobs.bindings, self._jobs.leases, self._jobs.trouble
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


def _lag(entry: DueBinding, *, now: int) -> float:
    """Which share of the time between due and lapsed has passed, not counting one period of the
    schedule."""
    if entry.lapses_at is None:
        return 0.0
    if now >= entry.lapses_at:
        return 1.0
    from_when = entry.due_at + SCHEDULE_MS
    if now <= from_when:
        return 0.0
    return (now - from_when) / (entry.lapses_at - from_when)
