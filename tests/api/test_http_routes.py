"""Route tables, and the paths beside them as API Gateway finds them: a fixed segment before a
variable one, and never back."""

import re
from itertools import groupby

import pytest
from chalice.app import Chalice

from chalicelib.api.http_routes import ROOT, UNKNOWN, nearest, register, tables
from chalicelib.clock import SYSTEM
from chalicelib.stage_settings import settings
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import build

TABLES = tuple(tables())
ROUTES = {route.path: route for table in TABLES for route in table.routes}
MOST_PATHS = 72
"""With seven methods each a path is 13 KB of a template, which may have 1 MB with all else."""


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
    gateway = build(settings(), SYSTEM)
    for table in TABLES:
        facade = gateway.shared(Api).facade(table.facade)
        handlers = [name for route in table.routes for name in route.handlers.values()]
        assert all(callable(getattr(facade, name)) for name in handlers)
        assert table.unknown in {each.facade for each in TABLES}


def test_every_route_is_registered_and_found(registered: dict[str, str]) -> None:
    for path, route in ROUTES.items():
        assert registered[path] == route.operation
        assert matched(re.sub(r"{\w+}", "x", path), registered.keys()) == path


def test_api_gateway_takes_them_all(registered: dict[str, str]) -> None:
    assert len(registered) <= MOST_PATHS
    parts = {
        tuple(path.split("/")[:length])
        for path in registered
        for length in range(2, path.count("/") + 2)
    }
    variable = sorted(part for part in parts if part[-1].startswith("{"))
    for parent, siblings in groupby(variable, key=lambda part: part[:-1]):
        assert len(list(siblings)) == 1, parent


@pytest.mark.parametrize(
    "path",
    [
        *(f"/{'/'.join('abcde'[:length])}" for length in range(1, 6)),
        *("/smallphone/x", "/smallphone/axb/x", "/call/x", "/call/ecp/x", "/phoneauth/login/x"),
        *("/api/x", "/api/v1/x", "/api/v1/account/x", "/igw/service/uc/x", "/switch/x"),
        *("/igw/service/uc/interline/8610000000001/x", "/callbacks/interline/a/token/x"),
        *("/v1", "/v1/x", "/v1/a/b/c/d", "/v1/records/search/x", "/v1/records/x/y"),
        *("/v1/recordings", "/v1/exports/x/y", "/v1/events/x", "/v1/events/x/redeliver/y"),
    ],
)
def test_an_unknown_path_comes_here(registered: dict[str, str], path: str) -> None:
    found = matched(path, registered.keys())
    assert found is not None
    # Our own API finds its paths itself.
    assert registered[found] == ("rest" if path.startswith("/v1") else UNKNOWN)


def test_who_is_nearest() -> None:
    owners = nearest(TABLES)
    near = ("smallphone", "nimserver", "callbacks", "api", "igw", "switch", "v1")
    assert [owners[each,] for each in near] == [
        *("axb", "axb", "axb", "interline", "interline", "switch", "rest"),
    ]
    assert owners[()] == ROOT
