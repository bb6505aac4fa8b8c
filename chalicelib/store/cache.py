"""What was read from the table lately, by name; what was not there, too."""

from collections.abc import Callable
from typing import Generic, TypeVar

_T = TypeVar("_T")

ABSENT_S = 30
"""How long it is remembered that there is nothing of a name: anybody may send any."""
MOST_ABSENT = 1_000
"""How many names of which there is nothing are remembered, the latest."""


class Cache(Generic[_T]):
    """Reads by `read` what it does not know, and keeps it `max_age_s` seconds by `monotonic`; that
    there is nothing, `absent_s`."""

    def __init__(
        self,
        read: Callable[[str], _T | None],
        monotonic: Callable[[], float],
        max_age_s: float,
        absent_s: float = ABSENT_S,
    ) -> None:
        self._read = read
        self._monotonic = monotonic
        self._max_age_s = max_age_s
        self._absent_s = absent_s
        self._found: dict[str, tuple[float, _T]] = {}
        self._absent: dict[str, float] = {}

    def get(self, name: str) -> _T | None:
        """What stands under this name. Raises what `read` does."""
        now = self._monotonic()
        until, found = self._found.get(name, (0.0, None))
        if now < until or now < self._absent.get(name, 0.0):
            return found if now < until else None
        value = self._read(name)
        if value is not None:
            self._found[name] = now + self._max_age_s, value
            return value
        self._found.pop(name, None)
        self._absent.pop(name, None)
        if len(self._absent) >= MOST_ABSENT:
            # Another thread may be doing the same.
            self._absent.pop(next(iter(self._absent), ""), None)
        self._absent[name] = now + self._absent_s
        return None

    def forget(self, name: str) -> None:
        """Reads what stands under this name anew the next time."""
        self._found.pop(name, None)
        self._absent.pop(name, None)
