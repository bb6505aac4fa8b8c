"""Processes and servers that the simulator's tests talk to, each on a free port."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import boto3
import pytest

from simulator import vendor_server
from simulator.clock import Clock
from simulator.http_server import Server as HttpServer
from simulator.interline import control as interline_control
from simulator.interline.account import Account as InterlineAccount
from simulator.interline.vendor import Vendor as Interline
from simulator.netease import control
from simulator.netease.signature import Account
from simulator.netease.vendor import Vendor
from simulator.originate import Originator
from simulator.placing import Phones
from simulator.processes import Children
from simulator.receiver import Receivers
from simulator.recordings import Recordings
from simulator.server import Server, World
from simulator.switch import Switch
from simulator.switch_api import SwitchApi
from tests.receivers import Receiver, receiver
from tests.simulator.interline_api import APPID, AUTH_KEY, DEVID, XS, InterlineApi
from tests.simulator.netease_api import KEY, NUMBERS, SECRET, NeteaseApi
from tests.simulator.outside import (
    NOON_MS,
    ON_SWITCH,
    PROJECT,
    SWITCH_SECRET,
    StoppedClock,
    StubGateway,
    listening,
)


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
def inbox() -> Iterator[Receiver]:
    """Where the vendor's callbacks go."""
    with receiver() as inbox:
        yield inbox


@pytest.fixture
def phones() -> Phones:
    """Everybody's; a placed call takes no time to speak of."""
    return Phones(lasts_s=0.05)


@pytest.fixture
def recordings() -> Recordings:
    """Of the switch's calls and of the vendor's."""
    return Recordings()


@pytest.fixture
def clock() -> StoppedClock:
    """The vendor's."""
    return StoppedClock()


@pytest.fixture
def vendor(inbox: Receiver, phones: Phones, clock: StoppedClock, recordings: Recordings) -> Vendor:
    """NetEase, over whose time the test decides."""
    return Vendor(
        Account(KEY, SECRET, inbox.url),
        NUMBERS,
        recordings_url="http://recordings.test",
        phones=phones,
        clock=clock,
        pauses_s=(0.01, 0.01, 0.01),
        recordings=recordings,
    )


@pytest.fixture
def api(vendor: Vendor, clock: StoppedClock) -> Iterator[NeteaseApi]:
    """The vendor's API over HTTP."""
    opened = listening()
    with serving(vendor_server.Server(opened, vendor)):
        yield NeteaseApi(f"http://127.0.0.1:{opened.getsockname()[1]}", clock)


@pytest.fixture
def interline(inbox: Receiver, clock: StoppedClock) -> Interline:
    """The other vendor; its clock is the same."""
    return Interline(
        InterlineAccount(DEVID, AUTH_KEY, APPID, inbox.url),
        XS,
        recordings_url="http://recordings.test",
        clock=clock,
        pauses_s=(0.01, 0.01, 0.01),
    )


@pytest.fixture
def interline_api(interline: Interline, clock: StoppedClock) -> Iterator[InterlineApi]:
    """Its API over HTTP."""
    opened = listening()
    with serving(vendor_server.Server(opened, interline)):
        yield InterlineApi(f"http://127.0.0.1:{opened.getsockname()[1]}", clock)


@pytest.fixture
def simulator(
    gateway: StubGateway,
    phones: Phones,
    vendor: Vendor,
    interline: Interline,
    recordings: Recordings,
) -> Iterator[str]:
    """The simulator's server, in front of the stub gateway; its clock starts at NOON_MS."""
    opened = listening()
    url = f"http://127.0.0.1:{opened.getsockname()[1]}"
    api = SwitchApi(gateway.url, user="pbx", password="secret")
    switch = Switch(api, base_url=url, clock=lambda: Clock(NOON_MS), recordings=recordings)
    originator = Originator(SWITCH_SECRET, api, phones, StoppedClock())
    world = World(
        switch,
        Receivers(),
        phones,
        (vendor, interline),
        [
            *originator.routes(),
            *control.routes(vendor),
            *interline_control.routes(interline),
        ],
        on_switch=[ON_SWITCH],
        recordings=recordings,
    )
    with serving(Server(opened, world)):
        yield url


@contextmanager
def serving(server: HttpServer) -> Iterator[None]:
    """Answers until the block ends."""
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield
    server.shutdown()
    server.server_close()
