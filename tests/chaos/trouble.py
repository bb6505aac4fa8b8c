"""What befalls the processes, and when: drawn from a seed before it begins."""

import heapq
import random
import threading
import time
from dataclasses import dataclass, field
from itertools import count

from tests.chaos.stack import DRIVER, GATEWAY, INTERLINE, NETEASE, Stack

EVERY_S = 7.0
LONGEST_S = 90.0
LONG_S = 60.0
LONG_FROM_S = 150.0
"""In a run as long as this everybody stands still for more than a minute once."""
_SHARES = {GATEWAY: 35, DRIVER: 25, NETEASE: 20, INTERLINE: 20}


@dataclass(frozen=True, slots=True)
class Blow:
    """At `at_s` from the start `target` is killed, and started again after `for_s`, or stopped for
    as long."""

    at_s: float
    target: str
    kind: str
    for_s: float


def drawn(seed: int, *, lasts_s: float) -> list[Blow]:
    """The blows of a run, in order."""
    chance = random.Random(f"blows {seed}")
    blows, at = [], 4.0
    while (at := at + chance.expovariate(1 / EVERY_S)) < lasts_s:
        target = chance.choices(list(_SHARES), list(_SHARES.values()))[0]
        kind = chance.choice(("kill", "stop"))
        # Mostly a few seconds.
        for_s = LONGEST_S ** (chance.random() ** 2) if kind == "stop" else chance.uniform(0.1, 3)
        blows.append(Blow(at, target, kind, min(for_s, lasts_s - at)))
    if lasts_s >= LONG_FROM_S:
        for target in _SHARES:
            long_s = chance.uniform(LONG_S, LONGEST_S)
            blows.append(Blow(chance.uniform(5, lasts_s - long_s), target, "stop", long_s))
    return sorted(blows, key=lambda blow: blow.at_s)


@dataclass
class Trouble:
    """Carries it out in a thread. `said` is what happened (epoch ms, words)."""

    stack: Stack
    blows: list[Blow]
    said: list[tuple[int, str]] = field(default_factory=list)
    kills: int = 0
    stops: int = 0

    def __post_init__(self) -> None:
        self._order = count()
        self._down: dict[str, str] = {}
        self._plan: list[tuple[float, int, str, str, float]] = []
        self._errors: list[BaseException] = []
        for blow in self.blows:
            self._add(blow.at_s, blow.kind, blow.target, blow.for_s)

    def begin(self) -> threading.Thread:
        """The thread; it ends after the last blow, when everybody runs again."""
        thread = threading.Thread(target=self._run, daemon=True, name="trouble")
        thread.start()
        return thread

    def check(self) -> None:
        """Raises what went wrong with it."""
        if self._errors:
            raise self._errors[0]

    def down_between(self, since: int, until: int) -> list[tuple[int, str]]:
        """What happened in that time (epoch ms)."""
        return [each for each in self.said if since <= each[0] <= until]

    def _add(self, at_s: float, kind: str, target: str, for_s: float = 0.0) -> None:
        heapq.heappush(self._plan, (at_s, next(self._order), kind, target, for_s))

    def _run(self) -> None:
        began = time.monotonic()
        try:
            while self._plan:
                at_s, _, kind, target, for_s = heapq.heappop(self._plan)
                time.sleep(max(0.0, began + at_s - time.monotonic()))
                self._do(kind, target, at_s, for_s)
        except BaseException as error:  # noqa: BLE001 - raised by `check`
            self._errors.append(error)

    def _do(self, kind: str, target: str, at_s: float, for_s: float) -> None:
        state = self._down.get(target, "running")
        if kind == "stop" and state == "running":
            self.stack.stop(target)
            self.stops += 1
            self._down[target] = "stopped"
            self._say(f"SIGSTOP {target} for {for_s:.0f} s")
            self._add(at_s + for_s, "go on", target)
        elif kind == "kill" and state != "dead":
            self.stack.kill(target)
            self.kills += 1
            self._down[target] = "dead"
            self._say(f"SIGKILL {target}" + (", which stood still" * (state == "stopped")))
            self._add(at_s + for_s, "start", target)
        elif kind == "go on" and state == "stopped":
            self.stack.go_on(target)
            del self._down[target]
            self._say(f"SIGCONT {target}")
        elif kind == "start" and state == "dead":
            self.stack.start_again(target)
            del self._down[target]
            self._say(f"started {target} again")

    def _say(self, what: str) -> None:
        self.said.append((time.time_ns() // 1_000_000, what))
