"""Each test runs in two worlds and with every carrier, unless its module says otherwise; in the
gate once in the world that is processes of its own, with a carrier of chance."""

import random
from collections.abc import Callable, Iterator
from itertools import count

import boto3
import pytest

from tests.contract.apps import App
from tests.contract.backends import InterlineBackend, NeteaseBackend, backend
from tests.contract.carriers import KINDS, PAIRS, app_on, other_app_on
from tests.contract.here import CARRIER_TIMEOUT_S, here
from tests.contract.worlds import World
from tests.gateways import events_in
from tests.running import RealClock, Running
from tests.sizes import LARGE, seeds

_people = count(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The running stack does what the world in this process does, at twenty times the cost: of a
    test's cases there the gate has one. A file that is named has all of its own."""
    named = {argument.split("::")[0] for argument in config.args}
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        file, _, test = item.nodeid.partition("::")
        name, _, case = test.partition("[")
        if file.startswith("tests/contract/") and "running" in case and file not in named:
            cases.setdefault(f"{file}::{name}", []).append(item)
    left_out: set[pytest.Item] = set()
    for name, each in cases.items():
        chosen = random.Random(f"{seeds()[0]} {name}").choice(each)
        left_out |= {item for item in each if item is not chosen and not LARGE}
    config.hook.pytest_deselected(items=[*left_out])
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="module", params=["here", "running"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """In this process with a clock that can be moved; or the whole of `make run`."""
    if request.param == "running":
        yield _running(request.getfixturevalue("running"))
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("CARRIER_TIMEOUT_S", str(CARRIER_TIMEOUT_S))
        with here(request.getfixturevalue("engine")) as own:
            yield own


@pytest.fixture(params=sorted(KINDS))
def carrier(request: pytest.FixtureRequest) -> str:
    """The kind of carrier behind the app."""
    kind: str = request.param
    return kind


@pytest.fixture
def app(world: World, carrier: str) -> App:
    return world.app(app_on(carrier))


@pytest.fixture
def other(world: World, carrier: str) -> App:
    return world.app(other_app_on(carrier))


@pytest.fixture(params=["interline", "netease"])
def facade(request: pytest.FixtureRequest) -> str:
    """The API that the app speaks."""
    spoken: str = request.param
    return spoken


@pytest.fixture
def ours(world: World, facade: str, carrier: str) -> NeteaseBackend | InterlineBackend:
    """The backend of the app with this facade and this carrier."""
    return backend(world, facade, PAIRS[facade, carrier])


@pytest.fixture
def developer(world: World, carrier: str) -> InterlineBackend:
    """The same, where only interline's facade has words for what is asked."""
    found = backend(world, "interline", PAIRS["interline", carrier])
    assert isinstance(found, InterlineBackend)
    return found


@pytest.fixture
def somebody() -> Callable[[], str]:
    """Numbers, with country code, of people whom no other test knows."""
    return lambda: f"861001{next(_people):07d}"


@pytest.fixture
def a(somebody: Callable[[], str]) -> str:
    return somebody()


@pytest.fixture
def b(somebody: Callable[[], str]) -> str:
    return somebody()


def _running(running: Running) -> World:
    table = boto3.client(
        "dynamodb",
        endpoint_url=running.aws_url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    (name,) = table.list_tables()["TableNames"]

    def stored() -> int:
        pages = table.get_paginator("scan").paginate(TableName=name)
        return events_in(item for page in pages for item in page["Items"])

    return World(
        gateway_url=running.url,
        simulator_url=running.simulator_url,
        account_with_netease=running.vendors["netease"],
        described=running.apps,
        clock=RealClock(),
        stored=stored,
        hand_on=lambda: None,
    )
