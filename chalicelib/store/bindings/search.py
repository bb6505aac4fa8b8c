"""Bindings looked for: an app's by creation, those of an X or of a person, the one with a
reference. Ended ones are found, too, for as long as they are kept."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from chalicelib.core.bindings.model import Binding, State, handle_of
from chalicelib.core.durations import NEVER
from chalicelib.core.subscribers import Subscriber
from chalicelib.store.bindings.items import read_binding
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.keys import binding_key, reference_key, route_key
from chalicelib.store.table import Item, Table, n, s

BATCH = 100
"""Items of one read."""


class Place(NamedTuple):
    """Where a binding stands among those of its app."""

    created: int
    handle: str


class BindingSearch:
    """Reads of the index of an app's bindings are eventually consistent, all others consistent.
    What a carrier has not agreed to yet is left out. Every method may raise Unavailable."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption

    def made(
        self, app: str, *, since: int, after: Place | None, limit: int
    ) -> tuple[list[Binding], Place | None]:
        """A page of an app's bindings, the latest first: those made at `since` (epoch ms) or later,
        behind the place `after`; with the place behind which the next page begins (None: there is
        none). One query and one read."""
        start = {"ExclusiveStartKey": _start(app, after)} if after is not None else {}
        entries = self._entries(app, since, NEVER, Limit=limit + 1, **start)
        found = list(islice(entries, limit + 1))
        page = found[:limit]
        last = Place(int(page[-1]["made"]["N"]), _handle(page[-1])) if page else None
        return self.get(map(_handle, page)), last if len(found) > limit else None

    def made_between(self, app: str, *, since: int, until: int) -> int:
        """How many bindings of an app were made from `since` until before `until` (epoch ms)."""
        return sum(1 for _ in self._entries(app, since, until - 1))

    def made_over(self, app: str, number: str, *, until: int) -> Iterator[Binding]:
        """The bindings of an app over one X that were made at `until` (epoch ms) or earlier, the
        latest first. Costs what the index has of the app's bindings since then."""
        entries = (
            _handle(entry)
            for entry in self._entries(app, 0, until)
            if entry["number"]["S"] == number
        )
        while page := list(islice(entries, BATCH)):
            yield from self.get(page)

    def on_number(self, app: str, number: str) -> list[Binding]:
        """The bindings of an app that have a route over X, live or cooling, or ended a short time
        ago; the latest first. One query and a read for a hundred."""
        routes = self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :route)",
            FilterExpression="app = :app",
            ExpressionAttributeValues={":pk": s(f"X#{number}"), ":route": s("L#"), ":app": s(app)},
            ProjectionExpression="binding",
            ConsistentRead=True,
        )
        return self._of_routes(app, routes)

    def of_person(self, app: str, person: Subscriber, numbers: Sequence[str]) -> list[Binding]:
        """The bindings of an app that have a route of a person over these X; the latest first. Two
        reads for fifty X or a hundred, as there are data keys."""
        people = self._encryption().person_everywhere(person.digits)
        keys = [route_key(number, each) for number in numbers for each in people]
        routes = (
            route
            for start in range(0, len(keys), BATCH)
            for route in self._table.get_many(keys[start : start + BATCH])
            if route["app"]["S"] == app
        )
        return self._of_routes(app, routes)

    def with_reference(self, app: str, reference: str) -> Binding | None:
        """The binding that has a reference, or had it last. Two reads."""
        entry = self._table.get(reference_key(app, reference, self._encryption()))
        handle = handle_of(entry["binding"]["S"]) if entry is not None else None
        found = self.get([handle]) if handle is not None else []
        return next((each for each in found if each.reference == reference), None)

    def get(self, handles: Iterable[str]) -> list[Binding]:
        """The bindings of these handles that are there, in their order. One read for a hundred."""
        wanted = list(dict.fromkeys(handles))
        found: dict[str, Binding] = {}
        for start in range(0, len(wanted), BATCH):
            keys = [binding_key(handle) for handle in wanted[start : start + BATCH]]
            for item in self._table.get_many(keys):
                binding = read_binding(item, self._encryption())
                if binding.state is not State.BINDING:
                    found[binding.handle] = binding
        return [found[handle] for handle in wanted if handle in found]

    def _of_routes(self, app: str, routes: Iterable[Item]) -> list[Binding]:
        handles = (handle_of(route["binding"]["S"]) for route in routes)
        found = self.get(handle for handle in handles if handle is not None)
        own = [binding for binding in found if binding.app == app]
        return sorted(own, key=lambda each: (each.created, each.handle), reverse=True)

    def _entries(self, app: str, first: int, last: int, **more: Any) -> Iterator[Item]:
        """Entries of the index from one moment to another, the latest first."""
        if first > last:
            return iter(())
        return self._table.query(
            IndexName="made",
            KeyConditionExpression="app = :app AND made BETWEEN :first AND :last",
            ExpressionAttributeValues={":app": s(app), ":first": n(first), ":last": n(last)},
            ScanIndexForward=False,
            **more,
        )


def _handle(entry: Item) -> str:
    handle: str = entry["pk"]["S"].removeprefix("B#")
    return handle


def _start(app: str, place: Place) -> Item:
    return binding_key(place.handle) | {"app": s(app), "made": n(place.created)}
