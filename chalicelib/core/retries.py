"""When, and how often, what failed is tried again."""

import zlib

WEBHOOK_RETRIES_S = (
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
"""Seconds after each failed attempt to deliver an event, as Standard Webhooks publishes them, and
one retry at once before. After the last one an event is dead-lettered."""

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

JITTER = 0.1
"""A retry comes up to this part later, so that what failed together does not come together."""

QUEUED_S = 900
"""A retry this soon waits in the queue, a later one in the work index."""

EARLY_MS = 1_000
"""A message that comes this much too soon is as good as in time."""

EXPORT_TRIES = 5
"""After so many failures in a row an export has failed."""

EXPORT_RETRY_S = 60
"""An export waits this much longer after each failure in a row."""

CHANGE_TRIES = 10
"""How often a change is worked out anew because others change the same thing meanwhile, before
whoever wants it is told to come again."""


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
