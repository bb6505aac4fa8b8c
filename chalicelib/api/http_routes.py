"""Registers the routes of facades and receivers. A request to an unknown path is answered in the
shape of the facade with the most similar paths."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial, update_wrapper
from importlib import import_module
from pathlib import Path
from typing import Any

from chalice.app import Chalice, Response

from chalicelib import carriers
from chalicelib.api.http import answer
from chalicelib.carriers.facade import Route, RouteTable
from chalicelib.rest import http_routes as rest

# Methods and content types are left to the facade, which answers in its own shape.
ANY: dict[str, Any] = {
    "methods": ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"],
    "content_types": ["*/*"],
}
UNKNOWN = "unknown"
"""The operation of a path that does not exist."""
ROOT, OWN = "axb", "rest"
"""The facades that answer unknown paths: where no facade is nearer than another, and below our own
API."""
DEPTH = 5
"""How many segments unknown paths have, at most, that begin like no other or like our own."""

Segments = tuple[str, ...]


def register(app: Chalice) -> None:
    """Registers every route, and the catch-alls for unknown paths."""
    known = tuple(tables())
    for table in known:
        for route in table.routes:
            _register(app, route, partial(answer, app, table.facade, route))
    owners = nearest(known)
    for path in catch_alls(known, owners):
        route = Route(path, UNKNOWN, {})
        _register(app, route, partial(_answer_unknown, app, owners, route))


def tables() -> Iterator[RouteTable]:
    """Those of the carriers that have any in their folders, and our own API's."""
    for path in sorted(Path(carriers.__path__[0]).glob("*/http_routes.py")):
        yield from import_module(f"{carriers.__name__}.{path.parent.name}.http_routes").TABLES
    yield from rest.TABLES


def nearest(known: Iterable[RouteTable]) -> dict[Segments, str]:
    """Each part of a known path from its beginning -> who answers unknown paths there."""
    near: dict[Segments, set[str]] = defaultdict(set)
    for table in known:
        for route in table.routes:
            segments = _segments(route.path)
            for length in range(len(segments) + 1):
                near[segments[:length]].add(table.unknown)
    return {part: min(names) if len(names) == 1 else ROOT for part, names in near.items()}


def catch_alls(known: Collection[RouteTable], owners: Mapping[Segments, str]) -> list[str]:
    """The paths by which requests to unknown ones come here; `owners` as `nearest` has them.

    Once a fixed segment of a path matched, API Gateway does not go back to a variable one. So there
    is a variable segment beside fixed ones. What is not found then API Gateway answers, in the
    shapes of vendors alone (infra.gateway_responses); so below our own API there is more. Not
    everywhere: seven methods of a path are 13 KB of a template that may have 1 MB.
    """
    exist = {_segments(route.path) for table in known for route in table.routes}
    with_fixed = {part[:-1] for part in owners if part and part[-1][0] != "{"}
    with_variable = {part[:-1] for part in owners if part and part[-1][0] == "{"}
    found: list[Segments] = [()]
    for part, owner in owners.items():
        if owner == OWN and part not in exist:
            found.append(part)
        if part not in with_variable and (owner == OWN or part in with_fixed):
            begins = not part or (owner == OWN != owners[part[:-1]])
            ends = DEPTH if begins else len(part) + 1
            others = [f"{{segment_{each}}}" for each in range(len(part), ends)]
            found += [(*part, *others[:length]) for length in range(1, len(others) + 1)]
    return [f"/{'/'.join(part)}" for part in found]


def _answer_unknown(
    app: Chalice, owners: Mapping[Segments, str], route: Route, /, **path: str
) -> Response:
    """Answers in the shape of whoever is nearest to the path that was asked for. Unlike API
    Gateway, Chalice's local server goes back to variable segments."""
    segments = _segments(route.path.format_map(path))
    parts = (segments[:length] for length in range(len(segments), 0, -1))
    owner = next((owners[part] for part in parts if part in owners), ROOT)
    return answer(app, owner, route, **path)


def _register(app: Chalice, route: Route, view: "partial[Response]") -> None:
    app.route(route.path, name=route.operation, **ANY)(update_wrapper(view, answer))


def _segments(path: str) -> Segments:
    return tuple(path.strip("/").split("/"))
