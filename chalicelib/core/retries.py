"""When to retry what failed, and whether the queue or the work index holds it until then."""

import zlib

JITTER = 0.1
"""The largest share of a delay that is added to it, so that requests which failed together are not
retried together."""

QUEUED_S = 900
"""The longest delay that SQS takes. The work index holds what is due later."""

EARLY_MS = 1_000
"""A message that arrives at most this much before its time is handled at once."""


def retry_at(delays_s: tuple[int, ...], *, failed: int, now: int, salt: str) -> int | None:
    """When (epoch ms) to retry after `failed` attempts; None after the last of `delays_s`. The
    jitter is derived from `salt`, so that it is the same whoever computes it."""
    if failed > len(delays_s):
        return None
    share = zlib.crc32(f"{salt}{failed}".encode()) / 2**32
    return now + round(delays_s[failed - 1] * 1000 * (1 + JITTER * share))


def queue_delay_s(at: int, *, now: int) -> int | None:
    """Seconds for which the queue has to hold a message that is due `at` (epoch ms); None if that
    is longer than a queue can."""
    seconds = max(0, -(-(at - now) // 1000))
    return seconds if seconds <= QUEUED_S else None
