"""A cold start that answers a bind imports nothing that a bind does without."""

import subprocess
import sys
from importlib.util import find_spec

from bench import cold

LOOK = """
import sys, app
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import gateway
gateway().shared(Api).facade("axb")
print(*sys.modules)
"""
ELSEWHERE = {
    "requests",
    "chalicelib.egress",
    "chalicelib.carriers.interline.callbacks_out",
    "chalicelib.carriers.interline.client",
    "chalicelib.carriers.interline.facade",
    "chalicelib.carriers.interline.callbacks_in",
    "chalicelib.carriers.interline.results",
    "chalicelib.carriers.netease.callbacks_out",
    "chalicelib.carriers.netease.client",
    "chalicelib.carriers.netease.ecp",
    "chalicelib.carriers.netease.im",
    "chalicelib.carriers.netease.callbacks_in",
    "chalicelib.carriers.netease.wire_calls",
    "chalicelib.carriers.sources",
    "chalicelib.carriers.transport",
    "chalicelib.jobs",
    "chalicelib.carriers.switch.client",
    "chalicelib.carriers.switch.facade",
    "chalicelib.rest.facade",
    "chalicelib.rest.operations",
    "chalicelib.schema",
    "chalicelib.services.outbound_calls",
    "chalicelib.core.calls.prices",
    "chalicelib.core.calls.events",
    "chalicelib.services.calls.ingest",
    "chalicelib.services.leases.jobs",
    "chalicelib.store.calls.events",
    "chalicelib.store.tenants.balances",
    "chalicelib.store.calls.placed_calls",
    "chalicelib.wiring.calls",
    "chalicelib.wiring.egress",
    "chalicelib.wiring.ingest",
    "chalicelib.wiring.schedules",
}


def test_what_other_calls_need_is_not_imported() -> None:
    told = subprocess.run(
        [sys.executable, "-c", LOOK],
        env=cold.environment(),
        cwd=cold.ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    loaded = set(told.split())
    assert "chalicelib.services.bindings.service" in loaded
    assert not loaded & ELSEWHERE


def test_what_is_looked_for_is_there() -> None:
    """After a rename the test above would look for what is never imported."""
    assert not [name for name in ELSEWHERE if find_spec(name) is None]
