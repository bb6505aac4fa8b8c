"""The limits of API Gateway: each path of use has one, and no flood takes the switch's share."""

import importlib
from typing import Any

from infra.stage import find_stage

# What an account has in a region for all its APIs until it asks for more ("Amazon API Gateway
# quotas", November 2026): requests a second, and at once.
ACCOUNT = (10_000, 5_000)
LIMITS = find_stage("dev").throttling


def routes() -> dict[str, Any]:
    """Route of each `<method> <path>`."""
    app = importlib.import_module("app").app
    return {
        f"{method} {path}": route
        for path, methods in app.routes.items()
        for method, route in methods.items()
    }


def test_what_is_named_is_a_route() -> None:
    assert LIMITS.keys() - {"*"} <= routes().keys()


def test_each_path_that_somebody_uses_is_named() -> None:
    """The default is for paths and methods that nobody has a use for."""
    used = {
        key.partition(" ")[2]
        for key, route in routes().items()
        if not route.view_name.startswith("unknown")
    }
    named = {key.partition(" ")[2] for key in LIMITS}
    assert used - named == set()


def test_all_methods_together_stay_below_what_the_account_has() -> None:
    """API Gateway counts each method by itself, but the account as a whole: whoever floods all that
    is open to everybody leaves `/switch/*` its share."""
    allowed = [LIMITS.get(key, LIMITS["*"]) for key in routes()]
    for total, limit in zip(map(sum, zip(*allowed, strict=True)), ACCOUNT, strict=True):
        assert total <= limit
    for path in ("route", "events"):
        rate, burst = LIMITS[f"POST /switch/{path}"]
        assert rate >= 1000
        assert burst >= 500
