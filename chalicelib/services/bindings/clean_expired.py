"""What the schedule `clean` does: archives expired bindings. Routing does not depend on it."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from chalicelib.core.bindings.model import Overdue
from chalicelib.core.durations import MINUTE_MS
from chalicelib.store.bindings.bindings import BindingStore

LATER_MS = 5 * MINUTE_MS
"""How long after its expiry a binding is archived: it is not live by anybody's clock then, and
requests that came just before its expiry have been carried out."""
BATCH = 20
"""Bindings a transaction: one update each and the quota counters stay under 100 items."""
ROOM = 200
"""How many of its expired bindings a bind archives when its app is at its quota."""
LOOK = 5_000
"""Among how many expired bindings of all apps it looks for them: a client waits for the bind."""


class Cleaner:
    """Takes expired bindings off the work index and the quota."""

    def __init__(self, bindings: BindingStore) -> None:
        self._bindings = bindings

    def clean(self, *, now: int, time_left: Callable[[], bool]) -> int:
        """Archives what has expired, the oldest of each shard first, as long as `time_left()`.

        What is left stays due for the next run; two runs at once archive nothing twice. Returns
        how many this one archived.
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
