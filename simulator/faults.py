"""How a vendor's server fails when it is told to: before the effect of a request, or after it."""

import re
import threading
from dataclasses import dataclass
from typing import Any

HANG_S = 30.0
KIND = re.compile("hang_(?:before|after)|(?:refuse|502|html|half_json|code_[0-9]{3,4})(?:_after)?")
REQUEST = re.compile(r"(?:(?:GET|POST|PUT|DELETE) )?/.*|\*")
KINDS = "hang_before, hang_after; refuse, 502, html, half_json, code_<number>, also with _after"


@dataclass(slots=True)
class Fault:
    """Requests to `path` (`*`: any) meet this; the next `times` of them, None without end."""

    path: str
    kind: str
    times: int | None = None

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"path": self.path, "kind": self.kind, "times": self.times}


class Faults:
    """What is to go wrong. Safe under threads."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._released = threading.Event()
        self._lock = threading.Lock()

    def add(self, path: object, kind: object, times: object = None) -> None:
        """ValueError says what is wrong with it."""
        if not isinstance(path, str) or not REQUEST.fullmatch(path):
            raise ValueError("path must be a request as the vendor's API counts them, or *")
        if not isinstance(kind, str) or not KIND.fullmatch(kind):
            raise ValueError(f"kind must be one of {KINDS}")
        if times is not None and (isinstance(times, bool) or not isinstance(times, int)):
            raise ValueError("times must be a whole number")
        with self._lock:
            self._faults.append(Fault(path, kind, times))

    def take(self, path: str) -> str:
        """The kind that a request to this path meets, and counts it; empty for none."""
        with self._lock:
            for fault in self._faults:
                if fault.path in (path, "*") and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault.kind
        return ""

    def left(self) -> list[dict[str, Any]]:
        """Those that still hit."""
        with self._lock:
            return [fault.told() for fault in self._faults if fault.times != 0]

    def clear(self) -> None:
        """Nothing fails any more, and whoever hangs is let go."""
        with self._lock:
            self._faults.clear()
            self._released.set()
            self._released = threading.Event()

    def hang(self) -> None:
        """Waits longer than any client, or until `clear`."""
        with self._lock:
            released = self._released
        released.wait(HANG_S)
