"""Clears away expired bindings. Nothing waits for it: routing goes by the clock."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from chalicelib.core.bindings.model import Overdue
from chalicelib.core.durations import MINUTE_MS
from chalicelib.store.bindings.bindings import BindingStore

LATER_MS = 5 * MINUTE_MS
"""So long after a binding ran out it is cleaned away: nobody's clock takes it for live any more,
and a request that came a moment before it ran out has been carried out."""
BATCH = 20
"""Bindings a transaction: an update each and the quota counters stay under its 100 items."""
ROOM = 200
"""How many of its own expired bindings an app that is at its quota clears by itself."""
LOOK = 5_000
"""Among how many of everybody's it looks for them: somebody waits for this bind."""


class Cleaner:
    """Takes expired bindings off the work index and the quota."""

    def __init__(self, bindings: BindingStore) -> None:
        self._bindings = bindings

    def clean(self, *, now: int, time_left: Callable[[], bool]) -> int:
        """Archives what ran out, oldest first in each shard, as long as `time_left()`.

        What is left stays due for the next run; two runs at once do nothing twice. Returns how
        many this one archived.
        """
        done, before = 0, now - LATER_MS
        for batch in _batches(self._bindings.overdue(now=before)):
            done += self._bindings.archive(batch, before=before)
            if not time_left():
                break
        return done

    def make_room(self, *, app: str, now: int) -> int:
        """Archives some of one app's expired bindings, so that its quota does not count them."""
        before = now - LATER_MS
        looked_at = islice(self._bindings.overdue(now=before), LOOK)
        own = (each for each in looked_at if each.app == app)
        batches = _batches(islice(own, ROOM))
        return sum(self._bindings.archive(batch, before=before) for batch in batches)


def _batches(overdue: Iterable[Overdue]) -> Iterator[list[Overdue]]:
    source = iter(overdue)
    while batch := list(islice(source, BATCH)):
        yield batch
