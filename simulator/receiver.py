"""The apps' receivers of callbacks: keep what came, and fail as they are told to."""

import random
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

KEPT_PER_APP = 50_000
MAX_DELAY_S = 60.0
FIELDS = {"status", "delay_s", "times", "share", "seed"}


@dataclass(slots=True)
class Fault:
    """How a receiver misbehaves: answers `status` after `delay_s` seconds.

    `times` requests are hit, None without end; of those that come, the `share` (0 to 1) that a
    generator with a fixed seed picks, so that a run can be repeated.
    """

    status: int
    delay_s: float
    times: int | None
    share: float
    chance: random.Random = field(repr=False)

    def hits(self) -> bool:
        """Whether this request is hit; counts it if so."""
        if self.times == 0 or self.chance.random() >= self.share:
            return False
        if self.times is not None:
            self.times -= 1
        return True


def fault(body: dict[str, Any]) -> Fault:
    """Reads `PUT /apps/<app>/receiver`. ValueError says which field is wrong."""
    unknown = sorted(set(body) - FIELDS)
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(FIELDS))}")
    times = body.get("times")
    if times is not None:
        times = int(_within(body, "times", default=0, lowest=0, highest=1_000_000))
    return Fault(
        status=int(_within(body, "status", default=200, lowest=200, highest=599)),
        delay_s=_within(body, "delay_s", default=0, lowest=0, highest=MAX_DELAY_S),
        times=times,
        share=_within(body, "share", default=1, lowest=0, highest=1),
        chance=random.Random(int(_within(body, "seed", default=0, lowest=0, highest=2**32))),
    )


@dataclass(slots=True)
class Mailbox:
    """What one app's receiver got: `requests` counts all, `kept` holds what was answered 2xx."""

    kept: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_PER_APP))
    requests: int = 0
    fault: Fault | None = None


class Receivers:
    """One receiver for each app, made when it is first named. Safe under threads."""

    def __init__(self) -> None:
        self._boxes: defaultdict[str, Mailbox] = defaultdict(Mailbox)
        self._lock = threading.Lock()

    def take(self, app: str, *, headers: dict[str, str], body: str) -> int:
        """Takes a callback and returns the HTTP status to answer it with.

        One that is answered 2xx late is kept all the same: the app has it, the sender may not know.
        """
        received_at = int(time.time() * 1000)
        with self._lock:
            box = self._boxes[app]
            box.requests += 1
            hit = box.fault if box.fault is not None and box.fault.hits() else None
            status = hit.status if hit else 200
            if status < 300:
                box.kept.append({"received_at": received_at, "headers": headers, "body": body})
        if hit and hit.delay_s:
            time.sleep(hit.delay_s)
        return status

    def received(self, app: str) -> list[dict[str, Any]]:
        """Callbacks of an app, newest last, each `received_at` in epoch milliseconds."""
        with self._lock:
            return list(self._boxes[app].kept) if app in self._boxes else []

    def empty(self, app: str | None = None) -> int:
        """Forgets the callbacks of an app, or of all; returns how many."""
        with self._lock:
            boxes = [self._boxes[app]] if app is not None else list(self._boxes.values())
            count = sum(len(box.kept) for box in boxes)
            for box in boxes:
                box.kept.clear()
                box.requests = 0
            return count

    def break_down(self, app: str, fault: Fault) -> dict[str, Any]:
        """From now on the app's receiver fails like this; returns its state."""
        with self._lock:
            self._boxes[app].fault = fault
        return self.state(app)

    def repair(self, app: str) -> dict[str, Any]:
        """The app's receiver works again; returns its state."""
        with self._lock:
            self._boxes[app].fault = None
        return self.state(app)

    def state(self, app: str) -> dict[str, Any]:
        """Counts since the receiver was last emptied, and the fault that is left."""
        with self._lock:
            box = self._boxes[app]
            left = box.fault if box.fault and box.fault.times != 0 else None
            return {
                "app": app,
                "requests": box.requests,
                "kept": len(box.kept),
                "fault": left
                and {
                    "status": left.status,
                    "delay_s": left.delay_s,
                    "times": left.times,
                    "share": left.share,
                },
            }


def _within(
    body: dict[str, Any], field: str, *, default: float, lowest: float, highest: float
) -> float:
    value = body.get(field, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{field} must be a number")  # noqa: TRY004 - the reader's one error
    if not lowest <= value <= highest:
        raise ValueError(f"{field} must be from {lowest:g} to {highest:g}")
    return value
