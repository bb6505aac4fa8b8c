"""Route tables, and the paths beside them as API Gateway finds them: a fixed segment before a
variable one, and never back."""

import re
from itertools import groupby

import pytest
from chalice.app import Chalice

from chalicelib.api.routes import UNKNOWN, catch_alls, register, tables
from chalicelib.settings import settings
from chalicelib.wiring.gateway import Gateway

TABLES = tuple(tables())
ROUTES = {route.path: route for table in TABLES for route in table.routes}
MOST_RESOURCES = 300
"""Of an API of API Gateway, unless AWS is asked for more."""


def matched(path: str, known: set[str]) -> str | None:
    """The path of these that API Gateway calls for a request to this one; None if it answers."""
    parts = {"/".join(each.split("/")[:length]) for each in known for length in range(1, 9)}
    at = ""
    for segment in path.strip("/").split("/"):
        below = [each for each in parts if re.fullmatch(re.escape(at) + r"/[^/]+", each)]
        fixed = f"{at}/{segment}"
        at = fixed if fixed in below else next((each for each in below if each[-1] == "}"), "")
        if not at:
            return None
    return at if at in known else None


@pytest.fixture(scope="module")
def registered() -> dict[str, str]:
    """Path -> the operation that it is counted as, of all that the API has."""
    app = Chalice("routes", configure_logs=False)
    register(app)
    return {path: methods["POST"].view_name for path, methods in app.routes.items()}


def test_every_handler_is_there() -> None:
    gateway = Gateway(settings())
    for table in TABLES:
        facade = gateway.facades[table.facade]
        handlers = [name for route in table.routes for name in route.handlers.values()]
        assert all(callable(getattr(facade, name)) for name in handlers)
        assert table.unknown in {each.facade for each in TABLES}


def test_every_route_is_registered_and_found(registered: dict[str, str]) -> None:
    for path, route in ROUTES.items():
        assert registered[path] == route.operation
        assert matched(re.sub(r"{\w+}", "x", path), registered.keys()) == path


def test_api_gateway_takes_them_all(registered: dict[str, str]) -> None:
    parts = {
        tuple(path.split("/")[:length])
        for path in registered
        for length in range(2, path.count("/") + 2)
    }
    assert len(parts) < MOST_RESOURCES
    variable = sorted(part for part in parts if part[-1].startswith("{"))
    for parent, siblings in groupby(variable, key=lambda part: part[:-1]):
        assert len(list(siblings)) == 1, parent


@pytest.mark.parametrize(
    ("path", "facade"),
    [
        *((f"/{'/'.join('abcde'[:length])}", "axb") for length in range(6)),
        *((path, "axb") for path in ("/smallphone", "/smallphone/x", "/smallphone/axb/bind/x")),
        *((path, "axb") for path in ("/nimserver/user", "/nimserver/x", "/callbacks/netease")),
        *((path, "interline") for path in ("/api", "/api/v1/x", "/api/a/b/c/d", "/igw/service")),
        *((path, "switch") for path in ("/switch", "/switch/x/y", "/switch/route/x")),
        *((path, "history") for path in ("/v1", "/v1/a/b/c/d", "/v1/records/search/x")),
        *((path, "history") for path in ("/v1/recordings", "/v1/exports/x/y", "/v1/events/x")),
    ],
)
def test_who_answers_an_unknown_path(registered: dict[str, str], path: str, facade: str) -> None:
    found = matched(path, registered.keys()) if path != "/" else "/"
    assert found is not None
    assert registered[found] == UNKNOWN
    assert catch_alls(TABLES)[found] == facade
