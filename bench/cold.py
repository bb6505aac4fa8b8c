"""Cold start: the deployment package under Lambda's own runtime client, from the start of the
process to the answer to a first bind, against a function that only makes a client."""

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypedDict
from zipfile import ZipFile

from bench.events import Credentials, request
from bench.lambda_context import ENVIRONMENT
from bench.runtime_api import RuntimeApi
from bench.stub import Recorded
from infra import bundle

ROOT = Path(__file__).resolve().parent.parent
Field = Literal["cpu", "wall"]
# What the runtime has beside the function's folder: its client, and boto3 with what that needs.
RUNTIME = ("awslambdaric", "runtime_client", "simplejson", "snapshot_restore_py")
RUNTIME += ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3")
BARE = """
import boto3
boto3.client("dynamodb")

def app(event, context):
    return {"body": '{"code": 200}'}
"""
EMPTY = """
def app(event, context):
    return {"body": '{"code": 200}'}
"""
LONGEST_S = 20


class Start(TypedDict):
    """Seconds of one process from its start to its answer."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Started:
    """What a start took, what the function returned, and what it wrote to standard error."""

    taken: Start
    answer: dict[str, Any]
    log: str


@dataclass(frozen=True)
class ColdStarts:
    """Pairs of starts, taken in turns; `empty` is the runtime alone."""

    gateway: list[Start]
    bare: list[Start]
    empty: list[Start]

    def ratio(self, field: Field) -> float:
        """The median over the pairs."""
        pairs = zip(self.gateway, self.bare, strict=True)
        return median(gateway[field] / bare[field] for gateway, bare in pairs)

    def net_ratio(self, field: Field) -> float:
        """The same without what the runtime itself takes."""
        rounds = zip(self.gateway, self.bare, self.empty, strict=True)
        return median((g[field] - e[field]) / (b[field] - e[field]) for g, b, e in rounds)


class Functions:
    """Folders as Lambda has them, below `directory`: `gateway` with the unpacked deployment
    package, and two with a function of a few lines, `bare` and `empty`."""

    def __init__(self, directory: Path, package: Path) -> None:
        directory = Path(tempfile.mkdtemp(dir=directory))
        self._runtime = directory / "runtime"
        self._folders = {kind: directory / kind for kind in ("gateway", "bare", "empty")}
        self._runtime.mkdir()
        for name in RUNTIME:
            path = _installed(name)
            (self._runtime / path.name).symlink_to(path)
        with ZipFile(package) as zipped:
            zipped.extractall(self._folders["gateway"])
        for kind, source in (("bare", BARE), ("empty", EMPTY)):
            self._folders[kind].mkdir()
            (self._folders[kind] / "app.py").write_text(source)

    def start(
        self, kind: str, event: dict[str, Any], calls: Sequence[Recorded], *options: str
    ) -> Started:
        """Starts one, with these options of the interpreter, and ends it when it has answered."""
        with RuntimeApi(event, calls) as api, tempfile.TemporaryFile() as log:
            began = time.perf_counter()
            process = subprocess.Popen(
                # -S: nothing of this virtual environment.
                [sys.executable, "-S", *options, "-m", "awslambdaric", "app.app"],
                env=self._environment(api.address),
                cwd=self._folders[kind],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
            api.done.wait(LONGEST_S)
            os.kill(process.pid, signal.SIGKILL)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            log.seek(0)
            told = log.read().decode(errors="replace")
        if api.answer is None:
            raise RuntimeError(f"{kind} failed ({process.returncode}): {api.failure}\n{told}")
        taken = Start(cpu=used.ru_utime + used.ru_stime, wall=api.done_at - began)
        return Started(taken, api.answer, told)

    def _environment(self, api: str) -> dict[str, str]:
        return ENVIRONMENT | {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(self._runtime),
            # In Lambda the folder is read-only, which does not keep everybody from writing here.
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": f"http://{api}",
            "AWS_LAMBDA_RUNTIME_API": api,
        }


def measure(
    recording: Any, directory: Path, *, pairs: int, progress: Callable[[str], None]
) -> ColdStarts:
    """Starts the processes in turns; the first of each kind only warms the files up."""
    functions = Functions(directory, bundle.build())
    starts: dict[str, list[Start]] = {kind: [] for kind in ("gateway", "bare", "empty")}
    for turn in range(pairs + 1):
        for kind, taken in starts.items():
            started = _bound(functions, kind, recording)
            if turn:
                taken.append(started.taken)
        progress(f"pair {turn} of {pairs}")
    return ColdStarts(**starts)


def import_times(recording: Any, directory: Path, *, most: int) -> str:
    """The imports of one cold start that took the longest by themselves, in microseconds."""
    functions = Functions(directory, bundle.build())
    told = _bound(functions, "gateway", recording, "-X", "importtime").log
    lines = [line.split("|") for line in told.splitlines() if line.startswith("import time:")]
    times = sorted(((int(a.split(":")[1]), int(b), c.strip()) for a, b, c in lines[1:]))
    slowest = [
        f"{own:>8} {with_all:>10}  {name}" for own, with_all, name in times[: -most - 1 : -1]
    ]
    return "\n".join(["     own  with all  import", *slowest])


def _bound(functions: Functions, kind: str, recording: Any, *options: str) -> Started:
    """A start that answers the first bind."""
    first = recording["primers"][0]
    event = request(first["path"], first["content"], Credentials(**recording["credentials"]))
    started = functions.start(kind, event, first["calls"], *options)
    if '"code": 200' not in started.answer["body"]:
        raise AssertionError(f"the first bind was refused: {started.answer}\n{started.log}")
    return started


def environment() -> dict[str, str]:
    """Of a measured process: the stage's and what finding programs and packages needs."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | ENVIRONMENT | {"PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"}


def _installed(module: str) -> Path:
    """The file or folder of a module of this environment."""
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise RuntimeError(f"{module} is not installed")
    path = Path(spec.origin)
    return path.parent if path.name == "__init__.py" else path
