"""When, and how often, to retry what failed, and whether the queue or the work index holds it until
then. The schedule of webhooks is a part of the delivery policy."""

import zlib

RECORDING_RETRIES_S = (
    5,
    60,
    5 * 60,
    15 * 60,
    30 * 60,
    3600,
    2 * 3600,
    4 * 3600,
    8 * 3600,
    16 * 3600,
)
"""Seconds after each failed attempt to fetch a recording: carriers' links live for two
hours to three days."""

MATCHING_RETRIES_S = (5, 15, 60, 5 * 60, 15 * 60, 45 * 60)
"""Seconds after each failed attempt to find out whose call an event is that names nothing
but the call's id, from when it came: what else is known of the call may come later."""

EXPORT_TRIES = 5
"""After so many failures in a row an export has failed."""

EXPORT_RETRY_S = 60
"""An export waits this much longer after each failure in a row."""

CHANGE_TRIES = 10
"""How often a change is worked out anew because others change the same thing meanwhile, before
whoever wants it is told to come again."""

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
