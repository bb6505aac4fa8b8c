"""Processes and servers that the simulator's tests talk to, each on a free port."""

import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
import pytest

from simulator.clock import Clock
from simulator.processes import Children
from simulator.receiver import Receivers
from simulator.server import Server, World
from simulator.switch import Switch
from simulator.switch_api import SwitchApi
from tests.simulator.outside import NOON_MS, PROJECT, StubGateway, listening


@pytest.fixture(scope="session")
def aws_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The AWS stand-in in a process of its own, changing threads as often as it can."""
    children = Children(tmp_path_factory.mktemp("logs"), project=PROJECT)
    opened = listening()
    fd = opened.fileno()
    children.start(
        "aws",
        "the AWS stand-in",
        ["tests.simulator.restless_aws", "--fd", str(fd)],
        fds=[fd],
        environment=dict(os.environ),
    )
    url = f"http://127.0.0.1:{opened.getsockname()[1]}"
    opened.close()
    yield url
    children.check()
    children.stop()


@pytest.fixture(scope="session")
def session() -> boto3.session.Session:
    """One for all clients: each new one reads the services' descriptions again."""
    return boto3.session.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )


@pytest.fixture
def client(aws_url: str, session: boto3.session.Session) -> Callable[[str], Any]:
    """Makes boto3 clients for the stand-in; each call makes a new one, for a thread of its own."""
    return partial(session.client, endpoint_url=aws_url)


@pytest.fixture
def gateway() -> Iterator[StubGateway]:
    """A stub gateway, over HTTP."""
    stub = StubGateway()
    yield stub
    stub.close()


@pytest.fixture
def simulator(gateway: StubGateway) -> Iterator[str]:
    """The simulator's server, in front of the stub gateway; its clock starts at NOON_MS."""
    opened = listening()
    url = f"http://127.0.0.1:{opened.getsockname()[1]}"
    api = SwitchApi(gateway.url, user="pbx", password="secret")
    switch = Switch(api, base_url=url, clock=lambda: Clock(NOON_MS))
    server = Server(opened, World(switch, Receivers()))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield url
    server.shutdown()
    server.server_close()
