"""Registers what facades and receivers answer. A path that does not exist is answered in the shape
of whoever is nearest."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial, update_wrapper
from importlib import import_module
from pathlib import Path
from typing import Any

from chalice.app import Chalice

from chalicelib import carriers
from chalicelib.api.http import answer
from chalicelib.carriers.facade import Route, RouteTable
from chalicelib.rest import routes as rest

# Methods and content types are left to the facade, which answers in its own shape.
ANY: dict[str, Any] = {
    "methods": ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"],
    "content_types": ["*/*"],
}
UNKNOWN = "unknown"
"""The operation of a path that does not exist."""
ROOT = "axb"
"""Who answers where no facade is nearer than another."""
DEPTH = 5
"""How many segments unknown paths have, at most, that begin like none or like a facade's. What is
longer, or goes on by more than a segment after another known part, API Gateway answers
(infra.gateway_responses)."""

Segments = tuple[str, ...]


def register(app: Chalice) -> None:
    """Has every path answered."""
    known = tuple(tables())
    for table in known:
        for route in table.routes:
            _register(app, table.facade, route)
    for path, facade in catch_alls(known).items():
        _register(app, facade, Route(path, UNKNOWN, {}))


def tables() -> Iterator[RouteTable]:
    """Those of the carriers that have any in their folders, and our own API's."""
    for path in sorted(Path(carriers.__path__[0]).glob("*/routes.py")):
        yield from import_module(f"{carriers.__name__}.{path.parent.name}.routes").TABLES
    yield from rest.TABLES


def catch_alls(known: Iterable[RouteTable]) -> dict[str, str]:
    """Paths that do not exist, each with the name of who says so.

    Once a fixed segment of a path matched, API Gateway does not go back to a variable one. So each
    part of a known path is a path itself, and has a variable segment below it.
    """
    near: dict[Segments, set[str]] = defaultdict(set)
    exists: set[Segments] = set()
    for table in known:
        for route in table.routes:
            segments = tuple(route.path.strip("/").split("/"))
            exists.add(segments)
            for length in range(len(segments) + 1):
                near[segments[:length]].add(table.unknown)
    owners = {part: min(names) if len(names) == 1 else ROOT for part, names in near.items()}
    found = {part: owner for part, owner in owners.items() if part not in exists}
    for part in owners.keys() - {part[:-1] for part in owners if part and part[-1][0] == "{"}:
        begins = not part or owners[part[:-1]] != owners[part]
        for most in range(len(part), DEPTH if begins else len(part) + 1):
            others = (f"{{segment_{each}}}" for each in range(len(part), most + 1))
            found[*part, *others] = owners[part]
    return {f"/{'/'.join(part)}": owner for part, owner in found.items()}


def _register(app: Chalice, facade: str, route: Route) -> None:
    view = update_wrapper(partial(answer, app, facade, route), answer)
    app.route(route.path, name=route.operation, **ANY)(view)
