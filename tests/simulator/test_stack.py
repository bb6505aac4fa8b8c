"""`python -m simulator run` as a person uses it: one screen, one file, no process left."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from standardwebhooks import Webhook

from simulator.interline_client import InterlineClient
from simulator.netease_client import NeteaseClient
from simulator.ports import DEFAULTS
from tests.simulator.outside import PROJECT, listening, post, wait_until

START_S = 60
STOP_S = 10
CLIENTS = 48
PORTS = [*DEFAULTS]


@dataclass
class Stack:
    """A stack in a process, and what it printed so far."""

    process: subprocess.Popen[str]
    state: Path
    printed: list[str] = field(default_factory=list)
    children: list[int] = field(default_factory=list)

    @property
    def demo(self) -> dict[str, Any]:
        """The content of demo.json."""
        content: dict[str, Any] = json.loads((self.state / "demo.json").read_text())
        return content

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Sends a signal; returns the exit code and all that was printed."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        code = self.process.wait(STOP_S)
        return code, "".join(self.printed)


def environment(**ports: int) -> dict[str, str]:
    """Any free ports, but for those given."""
    chosen = dict.fromkeys(PORTS, 0) | ports
    return os.environ | {name: str(port) for name, port in chosen.items()}


def start(state: Path) -> Stack:
    """Starts a stack and waits until it says that it runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "run", "--state", str(state)],
        cwd=PROJECT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    stack = Stack(process, state)

    def read() -> None:
        assert process.stdout is not None
        stack.printed.extend(process.stdout)

    threading.Thread(target=read, daemon=True).start()
    assert wait_until(
        lambda: "Ctrl-C stops everything" in "".join(stack.printed) or process.poll() is not None,
        timeout_s=START_S,
    )
    assert process.poll() is None, "".join(stack.printed)
    stack.children = children_of(process.pid)
    assert len(stack.children) == 4
    return stack


def processes() -> dict[int, tuple[int, str]]:
    """Parent and state letter of every process. Small machines have no ps, macOS has no /proc."""
    if not Path("/proc/self/stat").exists():
        asked = ["/bin/ps", "-A", "-o", "pid=,ppid=,stat="]
        listed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in listed.splitlines()]
        return {int(pid): (int(parent), state[0]) for pid, parent, state in rows}
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it ended while we looked
        found[int(path.parent.name)] = (int(parent), state)
    return found


def children_of(parent: int) -> list[int]:
    """Processes whose parent is this one, first started first (unless the numbers wrap around)."""
    return sorted(pid for pid, (ppid, _) in processes().items() if ppid == parent)


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be noticed by its parent does not."""
    return processes().get(pid, (0, "Z"))[1] != "Z"


def refused(url: str) -> bool:
    """Whether nobody listens at an address."""
    host, port = url.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) != 0


def app_client(stack: Stack, name: str = "demo") -> NeteaseClient:
    """A client of one of the apps."""
    app = next(app for app in stack.demo["apps"] if app["name"] == name)
    return NeteaseClient(
        stack.demo["base_url"], app_key=app["app_key"], app_secret=app["app_secret"]
    )


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack on free ports."""
    running = start(tmp_path_factory.mktemp("stack"))
    yield running
    running.stop()


def test_demo_json_tells_everything(stack: Stack) -> None:
    demo = stack.demo
    addresses = ["aws_endpoint_url", "base_url", "simulator_url"]
    assert sorted(demo) == sorted([*addresses, "apps", "interline", "netease", "switch"])
    assert sorted(demo["switch"]) == ["password", "user"]
    assert [(app["name"], app["carrier"]) for app in demo["apps"]] == [
        ("demo", "switch"),
        ("other", "switch"),
        ("demo-events", "switch"),
        ("demo-rest", "switch"),
        ("demo-netease", "netease-demo"),
        ("demo-igw", "interline"),
        ("demo-interline", "switch"),
        ("demo-interline-netease", "netease-demo"),
        ("demo-interline-igw", "interline"),
    ]
    netease, interline = demo["netease"], demo["interline"]
    assert sorted(netease) == ["account", "app_key", "app_secret", "base_url", "control_url"]
    assert netease["account"] == "netease-demo"
    assert netease["control_url"] == f"{demo['simulator_url']}/netease"
    assert sorted({*interline} - {*netease}) == ["appid", "auth_key", "callback_url", "devid"]
    assert interline["account"] == "interline"
    assert interline["control_url"] == f"{demo['simulator_url']}/interline"
    assert interline["callback_url"].startswith(
        f"{demo['base_url']}/callbacks/interline/interline/"
    )
    always = {"accids", "callback_url", "carrier", "name", "numbers"}
    keys, developer = {"app_key", "app_secret"}, {"appid", "auth_key", "devid"}
    events = {"callback_secret"}
    more = {"demo-igw": developer, "demo-events": events, "demo-rest": events}
    for app in demo["apps"]:
        wanted = developer if "interline" in app["name"] else keys | more.get(app["name"], set())
        assert {*app} - always == wanted
        assert app["callback_url"] == f"{demo['simulator_url']}/apps/{app['name']}/callback"
        assert len(set(app["numbers"])) == 10
        long = [len(number) for number in app["numbers"]].count(15)
        assert long == (app["name"] != "demo-rest")
        national = any(number.startswith("100") for number in app["numbers"])
        assert national is ("interline" in app["name"])
    assert len({number for app in demo["apps"] for number in app["numbers"]}) == 90
    # It holds secrets.
    assert stat.S_IMODE((stack.state / "demo.json").stat().st_mode) == 0o600


def test_the_curl_commands_work_when_pasted(stack: Stack) -> None:
    commands = [line.strip() for line in stack.printed if line.startswith("curl ")]
    assert len(commands) == 4

    def paste(command: str) -> Any:
        done = subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, check=True, timeout=30
        )
        return json.loads(done.stdout)

    bind, dial, received, records = commands
    bound = paste(bind)
    assert bound["code"] == 200
    seen = paste(dial)
    assert (seen["connected"], seen["callee"]["showed"]) == (True, bound["phoneX"])
    assert wait_until(
        lambda: any(seen["call_id"] in callback["body"] for callback in paste(received))
    )
    (record,) = [each for each in paste(records)["data"] if each["call_id"] == seen["call_id"]]
    assert (record["binding"], record["talked_s"]) == (bound["bindId"], 30)


def test_a_second_stack_finds_the_port_taken(stack: Stack, tmp_path: Path) -> None:
    port = int(stack.demo["base_url"].rsplit(":", 1)[1])
    done = run_to_the_end(tmp_path, PORT=port)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Port {port} is taken by another program: set PORT,")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("variable", PORTS)
def test_a_taken_port(tmp_path: Path, variable: str) -> None:
    with listening() as taken:
        done = run_to_the_end(tmp_path, **{variable: taken.getsockname()[1]})
    assert done.returncode == 2
    assert re.fullmatch(rf"Port \d+ is taken .* set {variable}, .*\n", done.stderr)
    assert not (tmp_path / "demo.json").exists()


def test_two_servers_on_one_port(tmp_path: Path) -> None:
    with listening() as free:
        port = free.getsockname()[1]
    done = run_to_the_end(tmp_path, PORT=port, AWS_PORT=port)
    assert done.returncode == 2
    assert "set AWS_PORT" in done.stderr


@pytest.mark.parametrize("port", ["http", "70000", "-1", "80.0"])
def test_what_is_no_port(tmp_path: Path, port: str) -> None:
    done = run_to_the_end(tmp_path, SIMULATOR_PORT=port)  # type: ignore[arg-type]
    assert done.returncode == 2
    assert done.stderr == f"SIMULATOR_PORT={port} is no port: set SIMULATOR_PORT to 1..65535\n"


def run_to_the_end(state: Path, **ports: int) -> subprocess.CompletedProcess[str]:
    """Runs a stack that can't start."""
    return subprocess.run(
        [sys.executable, "-m", "simulator", "run", "--state", str(state)],
        cwd=PROJECT,
        env=environment(**ports),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_demo_succeeds_twice_on_the_same_stack(stack: Stack) -> None:
    for _ in range(2):
        done = run_demo(stack.state)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Everything as expected." in done.stdout
        assert "FAIL" not in done.stdout


def test_the_demo_notices_what_is_wrong(stack: Stack, tmp_path: Path) -> None:
    wrong = stack.demo
    for app in wrong["apps"]:
        app.update(dict.fromkeys({"app_secret", "auth_key"} & app.keys(), "0" * 32))
    (tmp_path / "demo.json").write_text(json.dumps(wrong))
    done = run_demo(tmp_path)
    assert done.returncode == 1
    assert "Not as expected: 401" in done.stderr


def test_the_demo_needs_a_running_stack(tmp_path: Path) -> None:
    done = run_demo(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Start `make run` first" in done.stderr
    assert done.stderr.count("\n") == 1


def run_demo(state: Path) -> subprocess.CompletedProcess[str]:
    """`make demo` on the stack of this directory."""
    return subprocess.run(
        [sys.executable, "-m", "simulator", "demo", "--state", str(state)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_vendor_answers_its_customers(stack: Stack) -> None:
    netease = stack.demo["netease"]
    client = NeteaseClient(
        netease["base_url"], app_key=netease["app_key"], app_secret=netease["app_secret"]
    )
    caller, callee = "447700900401", "447700900402"
    apps = [app for app in stack.demo["apps"] if app["carrier"] == netease["account"]]
    numbers = [number for app in apps for number in app["numbers"]]
    bound = [client.bind(a=caller, b=callee, minutes=10) for _ in numbers]
    assert [each["phoneX"] for each in bound] == numbers
    answer = client.bind(a=caller, b=callee, minutes=10)
    assert answer["code"] == 603
    seen = post(
        f"{stack.demo['simulator_url']}/calls", {"from": caller, "to": bound[0]["phoneX"]}
    ).json()
    assert seen["callee"] == {"number": callee, "showed": bound[0]["phoneX"], "heard": None}
    held = requests.get(f"{netease['control_url']}/bindings", timeout=10).json()
    assert [each["phoneA"] for each in held].count(caller) == 20
    assert {client.unbind(each["bindId"])["code"] for each in bound} == {200}


def test_interline_answers_its_customers(stack: Stack) -> None:
    interline = stack.demo["interline"]
    names = ("devid", "auth_key", "appid")
    client = InterlineClient(interline["base_url"], **{name: interline[name] for name in names})
    assert (client.status()["error"], client.status()["state"]) == (0, 1)
    caller, callee, other = "10012340401", "10012340402", "10012340403"
    apps = [app for app in stack.demo["apps"] if app["carrier"] == interline["account"]]
    simulator = stack.demo["simulator_url"]
    for number in (number for app in apps for number in app["numbers"]):
        dialled = number.removeprefix("86")
        bound = client.bind(dialled, a=caller, b=callee, seconds=600)
        assert (bound["error"], client.transfer(dialled, a=other)["error"]) == (0, 0)
        seen = post(f"{simulator}/calls", {"from": caller, "to": number}).json()
        assert seen["callee"] == {"number": f"86{callee}", "showed": number, "heard": None}
        assert client.release(bound["subid"])["error"] == 0
        seen = post(f"{simulator}/calls", {"from": caller, "to": number}).json()
        assert seen["callee"]["number"] == f"86{other}"
        assert client.release_transfer(dialled)["error"] == 0


def test_what_the_apps_have_to_spend(stack: Stack) -> None:
    app = next(app for app in stack.demo["apps"] if app["name"] == "demo-interline-igw")
    done = subprocess.run(
        [sys.executable, "-m", "admin", "--stage", "local", "app-balance", app["name"]],
        cwd=PROJECT,
        env=os.environ
        | {
            "AWS_ENDPOINT_URL": stack.demo["aws_endpoint_url"],
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"balance": "1000", "overdraft": "0"}


def test_the_carriers_that_the_gateway_knows(stack: Stack) -> None:
    demo = stack.demo
    client = boto3.client(
        "secretsmanager",
        endpoint_url=demo["aws_endpoint_url"],
        aws_access_key_id="local",
        aws_secret_access_key="local",
        region_name="us-east-1",
    )

    def secret(name: str) -> Any:
        found = client.get_secret_value(SecretId=f"masking-gateway-local/carrier/{name}")
        return json.loads(found["SecretString"])

    netease, interline, switch = map(secret, ("netease-demo", "interline", "switch"))
    assert netease == {"secret": demo["netease"]["app_secret"]}
    assert interline["secret"] == demo["interline"]["auth_key"]
    token = interline["callback_token"]
    assert demo["interline"]["callback_url"].endswith(f"/interline/{token}")
    # The switch takes what is signed by the secret that the gateway has of it.
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "c1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(switch["secret"]).sign("c1", now, ""),
    }
    answer = requests.get(f"{demo['simulator_url']}/originate/c1", headers=headers, timeout=10)
    assert (answer.status_code, answer.json()) == (404, {"error": "no such call"})


def test_many_clients_at_once(stack: Stack) -> None:
    simulator = stack.demo["simulator_url"]
    barrier = threading.Barrier(CLIENTS)

    def live(n: int) -> None:
        client = app_client(stack, ("demo", "other")[n % 2])
        caller, callee = f"4477009001{n:02d}", f"4477009002{n:02d}"
        barrier.wait()
        bound = client.bind(a=caller, b=callee, minutes=10, userData=f"client {n}")
        assert bound["code"] == 200, bound
        seen = post(f"{simulator}/calls", {"from": callee, "to": bound["phoneX"]}).json()
        assert seen["callee"] == {"number": caller, "showed": bound["phoneX"], "heard": None}
        assert seen["events_accepted"] == 4
        (info,) = client.query(bind_id=bound["bindId"])["bindInfos"]
        assert (info["phoneA"], info["phoneB"]) == (caller, callee)
        assert client.unbind(bound["bindId"]) == {"code": 200}

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(live, range(CLIENTS)))

    def told() -> set[str]:
        bodies = [
            json.loads(callback["body"])
            for app in ("demo", "other")
            for callback in requests.get(f"{simulator}/received/{app}", timeout=10).json()
        ]
        return {body["userData"] for body in bodies if body.get("userData", "").startswith("cl")}

    assert wait_until(lambda: len(told()) == CLIENTS, timeout_s=60)


def test_the_logs_hold_no_subscriber(stack: Stack) -> None:
    client = app_client(stack)
    caller, callee = "447700900301", "447700900302"
    bound = client.bind(a=caller, b=callee, minutes=10)
    simulator = stack.demo["simulator_url"]
    seen = post(f"{simulator}/calls", {"from": caller, "to": bound["phoneX"]}).json()
    received = f"{simulator}/received/demo"
    assert wait_until(lambda: seen["call_id"] in requests.get(received, timeout=10).text)
    # Numbers where nobody expects them: in a query string, a path, a broken request line.
    base_url = stack.demo["base_url"]
    requests.post(f"{base_url}/smallphone/axb/bind?phoneA={caller}", timeout=10)
    requests.get(f"{base_url}/{caller}/{callee}?x={caller}", timeout=10)
    host, port = base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"GET /{caller} {callee} HTTP/9.9\r\n\r\n".encode())
        assert b'"code": 414' in raw.recv(4096)

    logged = {log.name: log.read_text() for log in (stack.state / "logs").iterdir()}
    assert sorted(logged) == ["aws.log", "driver.log", "gateway.log", "server.log"]
    # It is these requests' log that is searched.
    assert "/smallphone/axb/bind 200" in logged["gateway.log"]
    for text in (*logged.values(), "".join(stack.printed)):
        assert caller not in text
        assert callee not in text
        assert "Traceback" not in text


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_clean_stop(tmp_path: Path, how: signal.Signals) -> None:
    stack = start(tmp_path)
    urls = [stack.demo[name] for name in ("base_url", "simulator_url", "aws_endpoint_url")]
    urls += [stack.demo[name]["base_url"] for name in ("netease", "interline")]
    started = time.monotonic()
    code, printed = stack.stop(how)
    assert time.monotonic() - started < 8
    assert code == 0
    assert printed.rstrip().endswith("Stopping.")
    assert "Traceback" not in printed
    assert not any(alive(pid) for pid in stack.children)
    assert all(refused(url) for url in urls)
    assert not (tmp_path / "demo.json").exists()


def test_a_process_that_dies_ends_the_stack(tmp_path: Path) -> None:
    stack = start(tmp_path)
    gateway = stack.children[1]
    os.kill(gateway, signal.SIGKILL)
    code = stack.process.wait(STOP_S)
    assert wait_until(lambda: "".join(stack.printed).count("The end of") == 1)
    printed = "".join(stack.printed)
    assert code == 1
    assert "gateway (chalice local) ended by itself, killed by SIGKILL" in printed
    assert "Traceback" not in printed
    assert not any(alive(pid) for pid in stack.children)
    assert not (tmp_path / "demo.json").exists()


def test_nothing_outlives_a_killed_parent(tmp_path: Path) -> None:
    stack = start(tmp_path)
    stack.stop(signal.SIGKILL)
    assert wait_until(lambda: not any(alive(pid) for pid in stack.children), timeout_s=STOP_S)
