"""CPU of a call to a carrier: ours against requests alone, to a carrier in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import cold, stub
from bench.turns import Rounds


def measure(directory: Path, *, rounds: int, requests: int) -> dict[str, Rounds]:
    """The rounds of each call."""
    told = directory / "carrier.marshal"
    with _carrier() as url:
        subprocess.run(
            [*_module("carrier_child"), url, str(told), str(rounds), str(requests)],
            env=cold.environment(),
            cwd=cold.ROOT,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    measured: dict[str, Rounds] = stub.load(str(told))
    return measured


@contextmanager
def _carrier() -> Iterator[str]:
    """Its address; it ends when its standard input does."""
    options: dict[str, Any] = {"env": cold.environment(), "cwd": cold.ROOT, "text": True}
    with subprocess.Popen(
        _module("carrier_stub"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        assert process.stdin is not None
        process.stdin.close()


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", f"bench.{name}"]
