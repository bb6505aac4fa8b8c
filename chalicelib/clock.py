"""Time, sleeping, randomness, identifiers and threads: read from the machine here and nowhere else.

Code that needs them is given a `Runtime`: `SYSTEM` in production, another in a test or simulation.
Sockets (`egress`) keep their own deadlines. What threads share is made by `once` or under `making`.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from threading import RLock, Thread
from typing import Generic, TypeVar

_T = TypeVar("_T")

Ended = Callable[[float], bool]
"""Waits up to so many seconds for what was started; whether it has ended."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a process takes from its machine.

    `now_ms` is epoch ms; `monotonic` (which never goes back) and `sleep` are in seconds;
    `random_bytes(n)` can't be guessed; `start` starts a call in a thread.
    """

    now_ms: Callable[[], int]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    random_bytes: Callable[[int], bytes]
    start: Callable[[Callable[[], None]], Ended]

    def new_id(self) -> str:
        """32 hexadecimal digits that nothing else has."""
        return self.random_bytes(16).hex()

    def uniform(self, low: float, high: float) -> float:
        """Any number from `low` to `high`."""
        return low + (high - low) * int.from_bytes(self.random_bytes(4)) / 2**32

    def side_by_side(
        self,
        calls: Sequence[Callable[[], _T]],
        *,
        at_once: int,
        meanwhile: Callable[[], None],
        every_s: float,
    ) -> list[_T]:
        """The results of the calls, in their order; up to `at_once` run at a time. Until all have
        ended, `meanwhile` is called every `every_s` seconds. Raises what a call raised, once all
        have ended."""
        results: dict[int, _T] = {}
        errors: list[BaseException] = []
        # One iterator for all: each call is taken by one worker.
        left = iter(enumerate(calls))
        work = partial(_work_off, left, results, errors)
        for ended in [self.start(work) for _ in calls[:at_once]]:
            while not ended(every_s):
                meanwhile()
        if errors:
            raise errors[0]
        return [results[index] for index in range(len(calls))]


def _work_off(
    left: Iterator[tuple[int, Callable[[], _T]]],
    results: dict[int, _T],
    errors: list[BaseException],
) -> None:
    for index, call in left:
        try:
            results[index] = call()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            errors.append(error)


def now_ms() -> int:
    """Epoch ms."""
    return time.time_ns() // 1_000_000


def _start(call: Callable[[], None]) -> Ended:
    thread = Thread(target=call)
    thread.start()

    def ended(within_s: float) -> bool:
        thread.join(within_s)
        return not thread.is_alive()

    return ended


SYSTEM = Runtime(now_ms, time.monotonic, time.sleep, os.urandom, _start)
"""The machine itself."""


new_lock = RLock
"""Makes a lock that is held for a moment, never while waiting. It is reentrant: a simulation runs
what `start` is given at once, in the thread that holds the lock."""


making = RLock()
"""Held while something that threads share is made; one for all. It has to be held around the cache:
`functools.cache` has no lock, and with a lock inside of a cached function every thread still makes
its own, one after the other. Nobody may wait for the network while holding it."""


class once(Generic[_T]):  # noqa: N801 - a decorator
    """`functools.cache` for a function without arguments, which is called once even if several
    threads call it at the same time."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self._cached = cache(make)
        self.__doc__ = make.__doc__
        self.cache_clear = self._cached.cache_clear

    def __call__(self) -> _T:
        with making:
            return self._cached()
