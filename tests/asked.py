"""Requests to facades and receivers as the API makes them, by their route tables."""

import re
from typing import Any

from chalicelib.api.http_routes import tables
from chalicelib.carriers.facade import Facade, IncomingRequest, Route
from chalicelib.core.messages import Reply, Request
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import Gateway

ROUTES = [
    (re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^/]*)", route.path)), route, table.facade)
    # As API Gateway does it: a fixed segment before a variable one.
    for table in tables()
    for route in sorted(table.routes, key=lambda route: route.path)
]


def found(path: str) -> tuple[Route, dict[str, str], str]:
    """The route of a path, its parameters, and the name of who answers there."""
    for pattern, route, facade in ROUTES:
        if match := pattern.fullmatch(path):
            return route, match.groupdict(), facade
    raise AssertionError(path)


def ask(gateway: Gateway, path: str, request: Request, now: int) -> Reply:
    """What a gateway answers."""
    route, parameters, facade = found(path)
    return (
        gateway.shared(Api).facade(facade).answer(IncomingRequest(route, request, parameters, now))
    )


def reply_of(facade: Facade[Any], path: str, request: Request, now: int) -> Reply:
    """What this facade or receiver answers."""
    route, parameters, _ = found(path)
    return facade.answer(IncomingRequest(route, request, parameters, now))
