"""Simulated time: an hour of many threads' work passes in seconds, each time in the same way."""

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count


class _Turn:
    """Somebody waits for its turn; it comes once."""

    def __init__(self) -> None:
        self.come = threading.Semaphore(0)
        self.over = False


class SimulatedTime:
    """A clock that moves on only while everybody sleeps, and threads of which one runs at a time:
    the one whose turn comes first. Whoever holds a lock must not sleep."""

    def __init__(self, now_ms: int) -> None:
        self._now = float(now_ms)
        self._turns: list[tuple[float, int, _Turn]] = []
        self._order = count()
        self._running = 0

    def now_ms(self) -> int:
        """Epoch ms."""
        return round(self._now)

    def sleep(self, seconds: float) -> None:
        """Lets this much time pass, and others have their turns."""
        self._wait(self._turn(at=self._now + 1000 * seconds))

    def start(self, call: Callable[[], None]) -> Callable[[float], bool]:
        """As chalicelib.clock.start."""
        done = False
        waiting: list[_Turn] = []
        first = self._turn(at=self._now)

        def work() -> None:
            nonlocal done
            first.come.acquire()
            try:
                call()
            finally:
                done = True
                self._running -= 1
                for turn in waiting:
                    self._again(turn)
                self._hand_over()

        def ended(within_s: float) -> bool:
            if not done and within_s > 0:
                waiting.append(self._turn(at=self._now + 1000 * within_s))
                self._wait(waiting[-1])
            return done

        self._running += 1
        threading.Thread(target=work, daemon=True).start()
        return ended

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Whatever was started in the block has ended after it."""
        yield
        while self._running:
            self.sleep(1)

    def _turn(self, *, at: float) -> _Turn:
        turn = _Turn()
        heapq.heappush(self._turns, (at, next(self._order), turn))
        return turn

    def _again(self, turn: _Turn) -> None:
        """Whose turn has not come yet has it now."""
        if not turn.over:
            heapq.heappush(self._turns, (self._now, next(self._order), turn))

    def _wait(self, turn: _Turn) -> None:
        self._hand_over()
        turn.come.acquire()

    def _hand_over(self) -> None:
        while True:
            at, _, turn = heapq.heappop(self._turns)
            if not turn.over:
                break
        self._now = max(self._now, at)
        turn.over = True
        turn.come.release()
