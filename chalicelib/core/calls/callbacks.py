"""Callbacks of carriers as they were read: the events that they tell of, or nothing yet."""

from dataclasses import dataclass

from chalicelib.core.calls.events import Event


@dataclass(frozen=True, slots=True)
class Reading:
    """What a callback tells of, in the order in which it is to be stored. `dropped` are the names
    of optional members that could not be read."""

    events: tuple[Event, ...]
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnreadCallback:
    """An authentic callback that nobody could read yet: of which carrier account, of which kind it
    is (`netease`, `interline`, `interline.start`), its raw body, and when it was received (epoch
    ms)."""

    carrier: str
    kind: str
    body: bytes
    received: int


class Unreadable(ValueError):
    """A callback that does not say which call it is about; the text names the member, never its
    value."""
