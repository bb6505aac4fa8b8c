"""The clock and threads: read and begun here, passed on from here."""

import time
from collections.abc import Callable
from threading import Thread


def now_ms() -> int:
    """Epoch ms."""
    return time.time_ns() // 1_000_000


def start(call: Callable[[], None]) -> Callable[[float], bool]:
    """Begins a call in a thread of its own. What is returned waits for its end, so many seconds at
    most, and says whether it has ended."""
    thread = Thread(target=call)
    thread.start()

    def ended(within_s: float) -> bool:
        thread.join(within_s)
        return not thread.is_alive()

    return ended
