"""`make run`: the whole local stack on one machine, from the first process to the last."""

import json
import os
import signal
import socket
import sys
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import requests
from botocore.exceptions import BotoCoreError, ClientError

from simulator.ports import Addresses, PortUnusable, Sockets, listen
from simulator.processes import Children, StackFailed
from simulator.screen import screen
from simulator.seed import (
    Seeded,
    create_resources,
    provision,
    register_users,
    say_where,
)
from simulator.server import (
    GATEWAY_URL,
    SWITCH_PASSWORD,
    SWITCH_SECRET,
    SWITCH_USER,
    VENDORS,
)
from simulator.state import remove_own, write_private
from simulator.vendors import simulated

PROJECT = Path(__file__).resolve().parent.parent
RESOURCES = PROJECT / "infra" / "resources.json"
START_S = 60.0
ANSWER_S = 2.0
WATCH_S = 0.3
CACHE_S = "1"
"""Nobody waits a minute on their own machine until a change takes effect."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked us to stop: Ctrl-C, SIGTERM, or the terminal is gone."""


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that answers: where, and who has access."""

    addresses: Addresses
    seeded: Seeded

    def described(self) -> dict[str, Any]:
        """The content of demo.json."""
        switch = self.seeded.switch
        vendors = {
            kind: {
                "base_url": self.addresses.vendors[kind],
                "control_url": f"{self.addresses.simulator}/{kind}",
                "account": each.ACCOUNT,
                **each.described(self.seeded.vendors[kind]),
            }
            for kind, each in simulated().items()
        }
        return {
            "base_url": self.addresses.gateway,
            "simulator_url": self.addresses.simulator,
            "aws_endpoint_url": self.addresses.aws,
            "switch": {"user": switch.user, "password": switch.password},
            **vendors,
            "apps": [app.described() for app in self.seeded.apps],
        }


def run(state: Path) -> int:
    """Starts everything, keeps it running, and stops everything. Returns the exit code.

    Writes `demo.json` and the logs below `state`. 0 after Ctrl-C or SIGTERM, 1 when a process
    fails, 2 when a port is not to be had.
    """
    started = time.monotonic()
    try:
        sockets = listen()
    except PortUnusable as error:
        print(error, file=sys.stderr)
        return 2
    addresses = sockets.addresses()
    demo_file, logs = state / "demo.json", state / "logs"
    children = Children(logs, project=PROJECT)
    for each in SIGNALS:
        signal.signal(each, _stop)
    try:
        running = _start(children, sockets, addresses)
        write_private(demo_file, running.described())
        took_s = time.monotonic() - started
        apps = running.seeded.apps
        shown = screen(apps, addresses, demo_file=demo_file, logs=logs, took_s=took_s)
        print(f"\n{shown}", flush=True)
        while True:
            children.check()
            time.sleep(WATCH_S)
    except Stopped:
        print("\nStopping.", flush=True)
        return 0
    except StackFailed as error:
        print(f"Stopping: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        # From here on nothing interrupts: what was started must be ended.
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        remove_own(demo_file, base_url=addresses.gateway)
        children.stop()


def _start(children: Children, sockets: Sockets, addresses: Addresses) -> Running:
    environment = _environment(addresses.aws)
    os.environ.clear()
    os.environ.update(environment)

    _say("starting the AWS stand-in and the gateway")
    _serve(children, "aws", "the AWS stand-in", {"--fd": sockets.aws}, environment)
    _serve(children, "gateway", "chalice local", {"--fd": sockets.gateway}, environment)

    _say("creating the resources and the apps")
    try:
        say_where(addresses.gateway, create_resources(RESOURCES))
        seeded = provision(addresses)
    except (BotoCoreError, ClientError) as error:
        children.check()
        raise StackFailed(f"the resources could not be created: {error}") from error

    _say("starting the driver and the simulator")
    ready = _start_driver(children, environment)
    access = {
        GATEWAY_URL: addresses.gateway,
        SWITCH_USER: seeded.switch.user,
        SWITCH_PASSWORD: seeded.switch.password,
        SWITCH_SECRET: seeded.switch.secret,
        VENDORS: json.dumps(
            {
                kind: {"access": asdict(access), "numbers": seeded.numbers_with(kind)}
                for kind, access in seeded.vendors.items()
            }
        ),
    }
    outside = {"--fd": sockets.simulator} | {
        f"--vendor {kind}": each for kind, each in sockets.vendors.items()
    }
    _serve(children, "server", "the simulator", outside, environment | access)
    for address, what in ((addresses.gateway, "the gateway"), (addresses.simulator, "simulator")):
        children.wait_until(partial(_answers, address), what=what, timeout_s=START_S)
    children.wait_until(partial(_told, ready), what="the driver", timeout_s=START_S)
    os.close(ready)
    try:
        register_users(addresses.gateway, seeded.apps)
    except (requests.RequestException, RuntimeError) as error:
        children.check()
        raise StackFailed(str(error)) from error
    return Running(addresses, seeded)


def _serve(
    children: Children,
    module: str,
    what: str,
    listening: dict[str, socket.socket],
    environment: dict[str, str],
) -> None:
    """Starts a server on its sockets, each named by an option, and gives them away: if the server
    dies, clients are refused."""
    fds = {option: each.fileno() for option, each in listening.items()}
    named = [text for option, fd in fds.items() for text in (*option.split(), str(fd))]
    arguments = [f"simulator.{module}", *named]
    children.start(module, what, arguments, fds=list(fds.values()), environment=environment)
    for each in listening.values():
        each.close()


def _start_driver(children: Children, environment: dict[str, str]) -> int:
    """Starts the driver; returns a descriptor that gets a byte when it drives."""
    ready, told = os.pipe()
    os.set_blocking(ready, False)
    arguments = ["simulator.driver", "--ready-fd", str(told)]
    children.start("driver", "queues and schedules", arguments, fds=[told], environment=environment)
    os.close(told)
    return ready


def _environment(aws_url: str) -> dict[str, str]:
    """The stage `local` and the stand-in, and nothing by which real AWS could be reached."""
    config = json.loads((PROJECT / ".chalice" / "config.json").read_text())
    stage = config["environment_variables"] | config["stages"]["local"]["environment_variables"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    not_proxied = [os.environ.get("NO_PROXY"), os.environ.get("no_proxy"), "127.0.0.1,localhost"]
    without_proxy = ",".join(filter(None, not_proxied))
    return kept | {
        **stage,
        "CACHE_S": CACHE_S,
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": without_proxy,
        "no_proxy": without_proxy,
        "PYTHONUNBUFFERED": "1",
    }


def _stop(signum: int, frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped


def _answers(address: str) -> bool:
    """Whether a server answers HTTP at all; what it answers does not matter."""
    try:
        requests.get(f"{address}/health", timeout=ANSWER_S)
    except requests.RequestException:
        return False
    return True


def _told(ready: int) -> bool:
    try:
        return os.read(ready, 1) == b"1"
    except BlockingIOError:
        return False


def _say(line: str) -> None:
    print(f"... {line}", flush=True)
