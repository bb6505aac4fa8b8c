"""Whose receivers keep somebody waiting right now."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class BusyEndpoints:
    """Who is waited for, and since when. `seconds` is a clock that only goes forward. Safe under
    threads."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._waits: dict[object, tuple[str, float]] = {}

    @contextmanager
    def on(self, app: str) -> Iterator[None]:
        """The block is a wait for this app's receiver."""
        wait = object()
        self._waits[wait] = app, self._seconds()
        try:
            yield
        finally:
            self._waits.pop(wait, None)

    def longer_than(self, seconds: float) -> set[str]:
        """The apps that somebody has waited for so long by now; each wait is told once."""
        began = self._seconds() - seconds
        late = [wait for wait, (_, since) in tuple(self._waits.items()) if since <= began]
        told = [self._waits.pop(wait, None) for wait in late]
        return {each[0] for each in told if each is not None}
