"""Cold start: a new process that answers its first bind, against one that only makes a client."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypedDict

from bench import stub
from bench.events import Credentials, request
from bench.lambda_context import ENVIRONMENT

ROOT = Path(__file__).resolve().parent.parent
Field = Literal["cpu", "wall"]
BARE = "import boto3, os; boto3.client('dynamodb'); os._exit(0)"
EMPTY = "import os; os._exit(0)"


class Start(TypedDict):
    """Seconds of one process from its start to its answer."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class ColdStarts:
    """Pairs of starts, taken in turns; `empty` is the interpreter alone."""

    gateway: list[Start]
    bare: list[Start]
    empty: list[Start]

    def ratio(self, field: Field) -> float:
        """The median over the pairs."""
        pairs = zip(self.gateway, self.bare, strict=True)
        return median(gateway[field] / bare[field] for gateway, bare in pairs)

    def net_ratio(self, field: Field) -> float:
        """The same without what the interpreter itself takes."""
        rounds = zip(self.gateway, self.bare, self.empty, strict=True)
        return median((g[field] - e[field]) / (b[field] - e[field]) for g, b, e in rounds)


def measure(
    recording: Any, directory: Path, *, pairs: int, progress: Callable[[str], None]
) -> ColdStarts:
    """Starts the processes in turns; the first of each kind only warms the files up."""
    gateway = gateway_command(recording, directory)
    commands = {
        "gateway": gateway,
        "bare": [sys.executable, "-c", BARE],
        "empty": [sys.executable, "-c", EMPTY],
    }
    starts: dict[str, list[Start]] = {kind: [] for kind in commands}
    for turn in range(pairs + 1):
        for kind, command in commands.items():
            taken = _start(command)
            if turn:
                starts[kind].append(taken)
        progress(f"pair {turn} of {pairs}")
    return ColdStarts(**starts)


def gateway_command(recording: Any, directory: Path) -> list[str]:
    """The command of one cold start; its signature lasts five minutes."""
    first = recording["primers"][0]
    event = request(first["path"], first["content"], Credentials(**recording["credentials"]))
    path = directory / "cold.marshal"
    stub.save({"event": event, "calls": first["calls"]}, str(path))
    return [sys.executable, str(ROOT / "bench" / "cold_child.py"), str(path)]


def import_times(recording: Any, directory: Path, *, most: int) -> str:
    """The imports of one cold start that took the longest by themselves, in microseconds."""
    command = gateway_command(recording, directory)
    told = subprocess.run(
        [command[0], "-X", "importtime", *command[1:]],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    lines = [line.split("|") for line in told.splitlines() if line.startswith("import time:")]
    times = sorted(((int(a.split(":")[1]), int(b), c.strip()) for a, b, c in lines[1:]))
    slowest = [
        f"{own:>8} {with_all:>10}  {name}" for own, with_all, name in times[: -most - 1 : -1]
    ]
    return "\n".join(["     own  with all  import", *slowest])


def environment() -> dict[str, str]:
    """Of a measured process: the stage's and what finding programs and packages needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | ENVIRONMENT | {"PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"}


def _start(command: list[str]) -> Start:
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=environment(),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    told = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"a measured process failed: {told.decode()[-2000:]}")
    return Start(cpu=used.ru_utime + used.ru_stime, wall=wall)
