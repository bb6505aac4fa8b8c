"""The local stack as `make run` starts it: the real `chalice local` in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import requests

from admin import provision
from chalicelib.wiring import egress
from simulator.local_addresses import LocalAddresses
from simulator.ports import DEFAULTS
from simulator.vendors import simulated
from tests.contract.carriers import other_app_on
from tests.gateways import forget_caches
from tests.stage import Answer, Client

ROOT = Path(__file__).resolve().parents[1]
START_S = 120
ANSWER_S = 30
PORTS = [*DEFAULTS]
SECOND_NETEASE_APP = "other-netease"
IM_CALLS = ("msg/sendMsg",)
LOGIN_SECRET = "one-click-of-its-own"


class RealClock:
    """Client's clock, epoch ms."""

    @property
    def now(self) -> int:
        return time.time_ns() // 1_000_000


@dataclass
class Running:
    """A stack that answers, and its apps; `vendors` are the simulated ones by kind, as in
    demo.json."""

    url: str
    simulator_url: str
    aws_url: str
    state: Path
    switch: tuple[str, str]
    vendors: dict[str, dict[str, str]]
    apps: dict[str, dict[str, Any]]

    @contextmanager
    def operated(self) -> Iterator[None]:
        """Lets the code of an operator work on this stack, as long as the block lasts."""
        environment = {
            "STAGE": "local",
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        with patch.dict(os.environ, environment), patch.object(egress, "guard", LocalAddresses()):
            forget_caches()
            try:
                yield
            finally:
                forget_caches()

    def app(self, name: str, session: requests.Session | None = None) -> Client:
        """An app's backend, over HTTP; with a session it keeps its connection."""
        sender = session or requests

        def send(path: str, *, body: Any = "", headers: Any = None) -> Answer:
            got = sender.post(self.url + path, data=body, headers=headers, timeout=ANSWER_S)
            return Answer(got.status_code, got.headers, got.text)

        known = self.apps[name]
        return Client(send, RealClock(), known["app_key"], known["app_secret"])

    def route(self, caller: str, dialled: str) -> Any:
        """What the switch is told."""
        question = {"call_id": "c", "kind": "call", "from": caller, "to": dialled}
        got = requests.post(
            f"{self.url}/switch/route", json=question, auth=self.switch, timeout=ANSWER_S
        )
        return got.json()

    def received(self, app: str) -> list[dict[str, Any]]:
        """The callbacks that this app's receiver got, newest last."""
        got = requests.get(f"{self.simulator_url}/received/{app}", timeout=ANSWER_S)
        listed: list[dict[str, Any]] = got.json()
        return listed


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The stack, one for all tests."""
    with stack(tmp_path_factory.mktemp("stack")) as running:
        # At once: a process that has read the apps' keys may not see a new one for a minute.
        with running.operated():
            _add_app(running, SECOND_NETEASE_APP, running.vendors["netease"], im_calls=IM_CALLS)
            provision.set_app_login(SECOND_NETEASE_APP, secret=LOGIN_SECRET)
            for kind in running.vendors.keys() - {"netease"}:
                _add_app(running, other_app_on(kind), running.vendors[kind])
        yield running


def _add_app(running: Running, name: str, account: dict[str, str], **options: Any) -> None:
    """Another one with this carrier, without numbers."""
    url = f"{running.simulator_url}/apps/{name}/callback"
    carrier = account["account"]
    key, secret = provision.create_app(name, callback_url=url, carrier=carrier, **options)
    running.apps[name] = {"name": name, "app_key": key, "app_secret": secret, "numbers": []}


@contextmanager
def stack(state: Path) -> Iterator[Running]:
    """A stack on free ports; its log is shown if it does not come up."""
    ports = dict.fromkeys(PORTS, "0")
    with (state / "stack.log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator", "run", "--state", str(state)],
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=os.environ | ports,
        )
        try:
            yield _described(process, state)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def _described(process: subprocess.Popen[bytes], state: Path) -> Running:
    until = time.monotonic() + START_S
    demo = state / "demo.json"
    while not demo.exists():
        if process.poll() is not None or time.monotonic() > until:
            raise AssertionError(f"the stack is not up:\n{(state / 'stack.log').read_text()}")
        time.sleep(0.1)
    content = json.loads(demo.read_text())
    switch = content["switch"]["user"], content["switch"]["password"]
    apps = {app["name"]: app for app in content["apps"]}
    return Running(
        url=content["base_url"],
        simulator_url=content["simulator_url"],
        aws_url=content["aws_endpoint_url"],
        state=state,
        switch=switch,
        vendors={kind: content[kind] for kind in simulated()},
        apps=apps,
    )
