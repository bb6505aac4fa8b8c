"""The clock: read where a request or a job comes in, and passed on from there."""

import time


def now_ms() -> int:
    """Epoch ms."""
    return time.time_ns() // 1_000_000
