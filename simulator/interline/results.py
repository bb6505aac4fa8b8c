"""How calls end because the vendor was told so: any `result` of the document, on demand."""

import re
import threading
from dataclasses import dataclass
from typing import Any

from simulator.numbering import Held
from simulator.phones import RING_S, Ending

ANSWERED = "answered"
RESULT = re.compile(r"[A-Za-z0-9_.-]{1,32}")
PARTIES = {"0": "platform", "1": "caller", "2": "callee"}
OTHER_CAUSE = 127


@dataclass(slots=True)
class Forced:
    """The next `times` calls over `x` (None: any; without end if `times` is None) end with this.

    `released_by` is who ends them: 1 the caller, 2 the callee, 0 the platform.
    """

    result: str
    released_by: str
    x: str | None
    times: int | None

    @property
    def ending(self) -> Ending | None:
        """As telephones end calls; None if the call is answered."""
        if self.result == ANSWERED:
            return None
        cause = int(self.result) if self.result.isdigit() else OTHER_CAUSE
        return Ending(cause, PARTIES[self.released_by], RING_S)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "result": self.result,
            "releasedir": self.released_by,
            "x": self.x,
            "times": self.times,
        }


class Results:
    """Those that are still to come, the first that fits counts. Safe under threads."""

    def __init__(self, held: Held) -> None:
        self._held = held
        self._forced: list[Forced] = []
        self._lock = threading.Lock()

    def add(self, given: dict[str, Any]) -> None:
        """ValueError says what is wrong with it."""
        result, x = given.get("result"), given.get("x")
        times, released_by = given.get("times", 1), given.get("releasedir", "0")
        if not isinstance(result, str) or not RESULT.fullmatch(result):
            raise ValueError("result must be a word of at most 32 letters and digits")
        if released_by not in PARTIES:
            raise ValueError('releasedir must be "0", "1" or "2"')
        if x is not None and (not isinstance(x, str) or self._held.find(x) is None):
            raise ValueError("x must be one of the vendor's numbers")
        if times is not None and (isinstance(times, bool) or not isinstance(times, int)):
            raise ValueError("times must be a whole number, or null")
        own = self._held.find(x) if x is not None else None
        with self._lock:
            self._forced.append(Forced(result, released_by, own, times))

    def take(self, number: str) -> Forced | None:
        """What a call to this X ends with, and counts it; None: as the telephones do."""
        own = self._held.find(number)
        with self._lock:
            for forced in self._forced:
                if forced.x in (None, own) and forced.times != 0:
                    if forced.times is not None:
                        forced.times -= 1
                    return forced
        return None

    def left(self) -> list[dict[str, Any]]:
        """Those that still hit."""
        with self._lock:
            return [forced.told() for forced in self._forced if forced.times != 0]

    def clear(self) -> None:
        """Calls end as the telephones do."""
        with self._lock:
            self._forced.clear()
