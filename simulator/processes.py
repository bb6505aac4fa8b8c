"""The processes of the local stack: started with a log each, watched, and ended without a rest."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

STOP_S = 5.0
TAIL_LINES = 15


class StackFailed(Exception):
    """The stack can't start or go on; the text is for the person who started it."""


@dataclass(slots=True)
class Child:
    """One process. `what` says in a few words what it is for."""

    name: str
    what: str
    process: subprocess.Popen[bytes]
    log: Path

    def tail(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])


class Children:
    """Starts processes in sessions of their own, so that Ctrl-C reaches only us, and ends all."""

    def __init__(self, logs: Path, *, project: Path) -> None:
        self._logs = logs
        self._project = project
        self._children: list[Child] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(
        self,
        name: str,
        what: str,
        arguments: Sequence[str],
        *,
        fds: Sequence[int],
        environment: dict[str, str],
    ) -> Child:
        """Starts `python -m <arguments>`; it keeps `fds` and ends when we do."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                cwd=self._project,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                pass_fds=fds,
                env=environment,
                start_new_session=True,
            )
        child = Child(name, what, process, log)
        self._children.append(child)
        return child

    def check(self) -> None:
        """StackFailed if a process has ended by itself: says which, and the end of its log."""
        for child in self._children:
            code = child.process.poll()
            if code is not None:
                raise StackFailed(
                    f"{child.name} ({child.what}) ended by itself{_how(code)}. "
                    f"The end of {child.log}:\n{child.tail()}"
                )

    def wait_until(self, ready: Callable[[], bool], *, what: str, timeout_s: float) -> None:
        """Waits until `ready()`. StackFailed when a process ends or the time is over."""
        end = time.monotonic() + timeout_s
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise StackFailed(
                    f"{what} is not ready after {timeout_s:g} s; see the logs in {self._logs}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends every process, last started first, and returns when all are gone."""
        for child in reversed(self._children):
            if child.process.poll() is None:
                child.process.terminate()
        end = time.monotonic() + STOP_S
        for child in self._children:
            try:
                child.process.wait(timeout=max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            if child.process.stdin is not None:
                child.process.stdin.close()
        self._children.clear()


def _how(code: int) -> str:
    if code < 0:
        return f", killed by {signal.Signals(-code).name}"
    return f" with exit code {code}"
