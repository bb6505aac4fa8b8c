"""What stands on X: its owners, and the routes of its callers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from chalicelib.core.bindings.call_routes import Owner, RouteLookup
from chalicelib.core.bindings.model import BindingInfo
from chalicelib.core.subscribers import Subscriber
from chalicelib.store import conditions
from chalicelib.store.bindings.items import callers_of, pair_of, read_info, read_route
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.keys import ANYBODY, owners_key, route_key
from chalicelib.store.table import Item, Table, key, n, s
from chalicelib.store.tenants.apps import read_owners

MOST_ROUTES = 8
"""How many routes of an X are read for what unknown callers hear. One has at most 5 KB (userData of
1,024 characters): all of them at most 40 KB, 10 read units."""

COUNTED_PAGES = 4
"""How many pages of 1 MB are read at most to count what is live on an X: 1,024 read units."""


class RouteStore:
    """Reads of routes, all consistent. Every method may raise Unavailable."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption

    def find(self, number: str, caller: Subscriber | None) -> RouteLookup:
        """What stands on X for this caller (None: anonymous): one read."""
        encryption = self._encryption()
        # The caller may be an X himself; one who dials his own is rejected by that, too.
        dialled = [number, caller.digits] if caller else [number]
        places = [owners_key(each, encryption)["pk"]["S"] for each in dialled]
        everybodys_key = route_key(number, ANYBODY)
        keys = [key(each, "N") for each in dict.fromkeys(places)] + [everybodys_key]
        if caller is not None:
            keys += [route_key(number, each) for each in callers_of(encryption, caller)]
        route, everybodys = None, None
        owners: dict[str, tuple[Owner, ...]] = {}
        for item in self._table.get_many(keys):
            if item["sk"]["S"] == "N":
                owners[item["pk"]["S"]] = read_owners(item)
            elif "pending" in item:
                continue
            elif item["sk"] == everybodys_key["sk"]:
                everybodys = read_route(item, encryption)
            elif route is None or int(item["expires"]["N"]) > route.expires:
                route = read_route(item, encryption)
        owned = [owners.get(each, ()) for each in places]
        in_pool = owned[0][-1].number if owned[0] else ""
        if in_pool not in ("", number):
            return replace(self.find(in_pool, caller), number=in_pool)
        return RouteLookup(owned[0], route, everybodys, owned[1] if caller else ())

    def owners_of(self, number: str) -> tuple[Owner, ...]:
        """Everybody that X belonged to: one read."""
        item = self._table.get(owners_key(number, self._encryption()))
        return read_owners(item) if item else ()

    def prompt_for_others(self, number: str, *, now: int) -> str | None:
        """What an unknown caller of this X hears (empty: no announcement of its own); None if there
        is no live binding among its first routes, the only ones that are read. One page, at most 10
        read units."""
        encryption = self._encryption()
        routes = self._table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :route)",
            ExpressionAttributeValues={":pk": s(f"X#{number}"), ":route": s("L#")},
            ConsistentRead=True,
            Limit=MOST_ROUTES,
        )
        prompts = [
            read_route(route, encryption).presentation.prompt_others
            for route in islice(routes, MOST_ROUTES)
            if conditions.routes(route, now=now) and "pending" not in route
        ]
        return max(prompts, default=None)

    def live_on(self, number: str, *, app: str, now: int) -> list[BindingInfo]:
        """The live bindings of an app over one X, oldest first: one query, of A's routes."""
        encryption = self._encryption()
        routes = self._table.query(**_live_on(number, app=app, now=now))
        found = [read_info(item, encryption) for item in routes]
        return sorted(found, key=lambda info: (info.created, info.id))

    def count_on(self, number: str, *, app: str, now: int, most: int) -> tuple[int, bool]:
        """How many bindings of an app are live on an X, up to `most`, and whether there may be
        more. One query of COUNTED_PAGES at most: they may be full of bindings that have ended."""
        live = _live_on(number, app=app, now=now)
        return self._table.count(most=most, most_pages=COUNTED_PAGES, **live)

    def survey(
        self, numbers: Sequence[str], a: Subscriber, b: Subscriber | None, *, now: int
    ) -> Mapping[str, str | None]:
        """X -> what holds a route of it for these two (as in Refusal)."""
        encryption = self._encryption()
        pair = pair_of(encryption, a, b)
        people = [*callers_of(encryption, a), *callers_of(encryption, b)]
        held: dict[str, str | None] = dict.fromkeys(numbers)
        keys = [route_key(number, person) for number in numbers for person in people]
        for start in range(0, len(keys), 100):
            for route in self._table.get_many(keys[start : start + 100]):
                if (by := conditions.held_by(route, pair=pair, now=now)) is not None:
                    held[route["pk"]["S"].removeprefix("X#")] = by
        return held


def _live_on(number: str, *, app: str, now: int) -> Item:
    """The query for A's routes of an app's live bindings over one X."""
    return {
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :route)",
        "FilterExpression": "expires > :now AND attribute_not_exists(pending)"
        " AND attribute_not_exists(released) AND #role = :a AND app = :app",
        "ExpressionAttributeNames": {"#role": "role"},
        "ExpressionAttributeValues": {
            ":pk": s(f"X#{number}"),
            ":route": s("L#"),
            ":now": n(now),
            ":a": s("a"),
            ":app": s(app),
        },
        "ConsistentRead": True,
    }
