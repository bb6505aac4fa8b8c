"""Bindings looked up page by page: an app's by creation, of an X or a person, by reference."""

from dataclasses import dataclass

from chalicelib.core.bindings.model import Binding
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App
from chalicelib.store.bindings.search import BindingSearch, Place

NUMBERS_AT_A_TIME = 500
"""Of how many X a page of a person's bindings is looked for."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page, the latest first, and the place behind which the next one begins (None: there is
    none)."""

    bindings: list[Binding]
    place: str | None = None


class BindingLookup:
    """Finds an app's own bindings alone. `place` is the one of the page before. Every method may
    raise Unavailable."""

    def __init__(self, search: BindingSearch) -> None:
        self._search = search

    def made(self, app: App, *, since: int, place: str | None, limit: int) -> Found:
        """Those made at `since` (epoch ms) or later. Eventually consistent."""
        after = _place(place) if place is not None else None
        bindings, last = self._search.made(app.name, since=since, after=after, limit=limit)
        return Found(bindings, _text(last) if last is not None else None)

    def on_number(self, app: App, number: str, *, place: str | None, limit: int) -> Found:
        """Those that have a route over an X; none for an unknown or foreign X. Reads all routes of
        X."""
        if number not in app.pool and number not in app.left:
            return Found([])
        found = self._search.on_number(app.name, number)
        if place is not None:
            after = _place(place)
            found = [each for each in found if (each.created, each.handle) < after]
        page = found[:limit]
        more = len(found) > limit
        return Found(page, _text(Place(page[-1].created, page[-1].handle)) if more else None)

    def of_person(self, app: App, person: Subscriber, *, place: str | None, limit: int) -> Found:
        """Those that have a route of a person over any of the app's X; X by X, in their order."""
        numbers = sorted({*app.pool.areas, *app.left})
        rest = [number for number in numbers if place is None or number > place]
        found: list[Binding] = []
        looked = 0
        while looked < min(len(rest), NUMBERS_AT_A_TIME) and len(found) < limit:
            # A person has a route over an X, or two while a data key is being replaced.
            batch = rest[looked : looked + max(1, (limit - len(found)) // 2)]
            found += self._search.of_person(app.name, person, batch)
            looked += len(batch)
        return Found(found, rest[looked - 1] if looked < len(rest) else None)

    def with_reference(self, app: App, reference: str) -> Found:
        """The one that has it, or had it last."""
        found = self._search.with_reference(app.name, reference)
        return Found([found] if found is not None else [])


def _place(text: str) -> Place:
    created, _, handle = text.partition(" ")
    return Place(int(created), handle)


def _text(place: Place) -> str:
    return f"{place.created} {place.handle}"
