"""Schemathesis: requests made of the OpenAPI document, right ones and wrong ones, and every answer
held against it. A new operation is among them by itself."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chalicelib.clock import now_ms
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.site import Site, site_item
from chalicelib.telemetry import SERVICE
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import gateway
from tests.gateways import number, stage, subscriber
from tests.rest.served import served
from tests.sizes import seeds, size

CASES = size("CASES", gate=0, large=20_000)
"""About how many requests are made by chance, besides those of each example and each limit."""
LINKS_S = int(os.environ.get("LINKS_S") or 120)
"""How long requests are made of the answers to others, with CASES."""
MAX_S = int(os.environ.get("API_MAX_S") or 3600)
# An ended binding can still be read.
LEFT_OUT = "use_after_free"
# Not of this process: Schemathesis would take itself for a test of pytest.
ENVIRONMENT = {
    **{name: each for name, each in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
    "SCHEMATHESIS_HOOKS": "tests.rest.schemathesis_hooks",
    "PYTHONPATH": str(Path(__file__).parents[2]),
}
RUN = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"


@contextmanager
def quiet() -> Iterator[None]:
    """Without lines in the log but for outages: thousands would hide the report."""
    log = logging.getLogger(SERVICE)
    before = log.level
    log.setLevel("ERROR")
    try:
        yield
    finally:
        log.setLevel(before)


@pytest.fixture(scope="module")
def address(engine: str | None) -> Iterator[tuple[str, str]]:
    """Of the API, and who signs in: an app with calls, and a rate that nothing exceeds."""
    with stage(engine) as own, quiet():
        site = site_item(Site("https://gateway.example", "files"))
        clients.dynamodb().put_item(TableName=settings().table_name, Item=site)
        demo = own.app("demo", [number(0)], rate=1_000_000)
        switch, at = own.switch(), now_ms()
        for name in ("one", "two"):
            about = {"call_id": name, "from": subscriber(0), "callee": subscriber(1)}
            end = {"event_id": name, "type": "call.ended", "at": at - 60_000, "to": number(0)}
            assert switch.report(gateway(), {**about, **end}, now=at).status == 200
        with served() as url:
            yield url, f"{demo.key}:{demo.secret}"


def test_every_answer_is_as_documented(address: tuple[str, str], tmp_path: Path) -> None:
    operations = sum(
        1
        for resource in gateway().shared(Api).facade("rest")._resources.values()
        for _ in resource.operations()
    )
    phases = "examples,coverage,fuzzing" if CASES else "examples,coverage"
    run(address, tmp_path, "--phases", phases, "--max-examples", str(max(10, CASES // operations)))


@pytest.mark.skipif(not CASES, reason="chance, for make test-api")
def test_what_follows_from_an_answer_is_as_documented(
    address: tuple[str, str], tmp_path: Path
) -> None:
    run(address, tmp_path, "--phases", "stateful", "--max-time", str(LINKS_S))


def run(address: tuple[str, str], tmp_path: Path, *options: str) -> None:
    """Runs Schemathesis; its report is printed. Fails if it found anything."""
    url, signed_in = address
    done = subprocess.run(
        [
            *(sys.executable, "-c", RUN, "run", f"{url}/v1/openapi.json", "--auth", signed_in),
            *("--checks", "all", "--exclude-checks", LEFT_OUT, "--continue-on-failure", *options),
            *("--seed", str(seeds()[0]), "--generation-database", "none", "--no-color"),
            *("--request-timeout", "30", "--warnings", "off"),
        ],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=MAX_S,
        check=False,
    )
    print(done.stdout[-20_000:])
    if done.returncode:
        pytest.fail(done.stderr[-2_000:] or "see above", pytrace=False)
