"""Whose turn it is: what is done for each app or X once an hour is spread over its minutes."""

import zlib

from chalicelib.core.durations import MINUTE_MS

SLICES = 60
"""A turn comes once in so many runs: with one a minute, every hour."""


def turn_of(name: str) -> int:
    """The minute of the hour at which an app or X has its turn."""
    return zlib.crc32(name.encode()) % SLICES


def has_turn(name: str, *, now: int) -> bool:
    """Whether that is the minute of `now` (epoch ms)."""
    return turn_of(name) == now // MINUTE_MS % SLICES
