"""The simulator's time: real time that can be moved on, and the time that passes in a call."""

import threading
import time
from typing import Protocol


class Now(Protocol):
    """Whatever tells the time."""

    @property
    def now_ms(self) -> int:
        """Epoch milliseconds."""
        ...


class Clock:
    """A virtual clock. A call has one of its own, so that calls at once do not push each other."""

    def __init__(self, now_ms: int | None = None) -> None:
        self._now_ms = int(time.time() * 1000) if now_ms is None else now_ms

    @property
    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return self._now_ms

    def pass_time(self, seconds: float) -> int:
        """Moves on by `seconds` without waiting and returns the new time, epoch milliseconds."""
        self._now_ms += round(seconds * 1000)
        return self._now_ms


class MovableClock:
    """Real time, and however much it was moved on. Safe under threads."""

    def __init__(self) -> None:
        self._ahead_ms = 0
        self._lock = threading.Lock()

    @property
    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return int(time.time() * 1000) + self._ahead_ms

    def advance(self, seconds: float) -> int:
        """Moves on by `seconds`, back if negative; returns the new time, epoch milliseconds."""
        with self._lock:
            self._ahead_ms += round(seconds * 1000)
        return self.now_ms
