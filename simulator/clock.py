"""The simulator's time: starts at the real now and moves only when something is said to last."""

import time


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
