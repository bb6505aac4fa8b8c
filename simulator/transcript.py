"""What `make demo` prints: numbered steps, each checked."""

import json
from typing import Any


class NotAsExpected(Exception):
    """A step did not turn out as it should; the text says what was wanted."""


class Transcript:
    """Prints numbered steps, and stops the demo at the first that is not as expected."""

    def __init__(self) -> None:
        self._step = 0

    def step(self, title: str) -> None:
        """Begins a step."""
        self._step += 1
        print(f"\n{self._step}. {title}")

    def show(self, line: str) -> None:
        """A line of what happened."""
        print(f"   {line}")

    def check(self, what: str, holds: bool, *, got: Any = None) -> None:
        """A line of what was checked. NotAsExpected if it does not hold."""
        print(f"   {'ok  ' if holds else 'FAIL'} {what}")
        if not holds:
            raise NotAsExpected(f"{what}; got {json.dumps(got, ensure_ascii=False)}")
