"""When what failed is tried again."""

import zlib

RETRIES_S = (
    0,
    5,
    5 * 60,
    30 * 60,
    2 * 3600,
    5 * 3600,
    10 * 3600,
    14 * 3600,
    20 * 3600,
    24 * 3600,
)
"""Seconds after each failed attempt to tell an app, as Standard Webhooks publishes them, and one
retry at once before. After the last one an event is dead."""

FETCHES_S = (5, 60, 5 * 60, 15 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 16 * 3600)
"""The same of fetching a recording: carriers' links live for two hours to three days."""

PLACES_S = (5, 15, 60, 5 * 60, 15 * 60, 45 * 60)
"""The same of finding out whose call an event is that names nothing but the call's id, from when it
came: what else is known of the call may come later."""

JITTER = 0.1
"""A retry comes up to this part later, so that what failed together does not come together."""

QUEUED_S = 900
"""A retry this soon waits in the queue, a later one in the due index."""

EARLY_MS = 1_000
"""A message that comes this much too soon is as good as in time."""


def retry_at(delays_s: tuple[int, ...], *, failed: int, now: int, salt: str) -> int | None:
    """When (epoch ms) to try again what failed `failed` times by now; None: not any more. `salt`
    decides on the jitter, so that the same event always gets the same."""
    if failed > len(delays_s):
        return None
    share = zlib.crc32(f"{salt}{failed}".encode()) / 2**32
    return now + round(delays_s[failed - 1] * 1000 * (1 + JITTER * share))


def wait_s(at: int, *, now: int) -> int | None:
    """How long a message about it waits in the queue; None: too long for one."""
    seconds = max(0, -(-(at - now) // 1000))
    return seconds if seconds <= QUEUED_S else None
