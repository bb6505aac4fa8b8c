"""The stack of `make run`, started by the same code, with processes that are killed and stopped.

`make run` ends when one of its processes ends, so this starts them itself, and starts again what it
killed: gateway and driver with the stack's own functions, on the same port.
"""

import errno
import os
import random
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import requests

from simulator import seed
from simulator import stack as simulated
from simulator.ports import BACKLOG, DEFAULTS, HOST, listen
from simulator.processes import Child, Children

GATEWAY, DRIVER, NETEASE, INTERLINE = "gateway", "driver", "netease", "interline"
TARGETS = (GATEWAY, DRIVER, NETEASE, INTERLINE)
LEASES_MINUTES = (5, 1440)
"""The shortest of one vendor, so that leases have to be made longer within the run, and a day's of
the other, where a lost binding does not come back with its next lease. The seed says whose."""
COOLING_S = 300
"""The shortest, so that an X leads to other people within the run."""
PORTS = (20_000, 32_000)
"""Below those that the system gives to connections: nobody takes one while its server is dead."""
PATIENCE_S = 60.0


class Stack:
    """Starts everything; `Stack.children` names who can be hurt."""

    def __init__(self, state: Path, *, seed_: int) -> None:
        self._logs = state / "logs"
        self._children = Children(self._logs, project=simulated.PROJECT)
        self._seed = seed_
        self._chance = random.Random(f"ports {seed_} {os.getpid()}")
        self._ports: dict[str, int] = {}
        self._starts: dict[str, Callable[[], None]] = {}
        self._started: dict[str, int] = {}
        self._ready: list[int] = []

    def start(self) -> simulated.Running:
        """Everything answers when this returns."""
        seed.COOLING_S = COOLING_S
        sockets = self._sockets()
        books = sockets.vendors
        for name, book in books.items():
            opened = self._open(self._free_port())
            self._ports[name] = opened.getsockname()[1]
            self._serve_front(name, opened, to=book.getsockname()[1])
            self._starts[name] = self._front_again(name, to=book.getsockname()[1])
        self._ports[GATEWAY] = sockets.gateway.getsockname()[1]
        fronts = {name: f"http://{HOST}:{self._ports[name]}" for name in books}
        addresses = replace(sockets.addresses(), vendors=fronts)
        seed.LEASES_MINUTES[NETEASE] = LEASES_MINUTES[self._seed % 2]
        seed.LEASES_MINUTES[INTERLINE] = LEASES_MINUTES[1 - self._seed % 2]
        running = simulated._start(self._children, sockets, addresses)
        self._starts |= {GATEWAY: self._gateway_again, DRIVER: self._driver_again}
        self.running = running
        return running

    def kill(self, name: str) -> None:
        """SIGKILL: it does nothing more."""
        child = self._child(name)
        child.process.send_signal(signal.SIGKILL)
        child.process.wait()
        if child.process.stdin is not None:
            child.process.stdin.close()
        self._children._children.remove(child)
        self._started[name] = self._started.get(name, 0) + 1
        child.log.rename(child.log.with_suffix(f".{self._started[name]}.log"))

    def start_again(self, name: str) -> None:
        """A new process in the place of the one that was killed; it comes up by itself."""
        self._starts[name]()

    def stop(self, name: str) -> None:
        """SIGSTOP: it stands still, its sockets stay open."""
        self._child(name).process.send_signal(signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """SIGCONT."""
        self._child(name).process.send_signal(signal.SIGCONT)

    def wait(self) -> None:
        """Until all answer again."""
        for name in (GATEWAY, NETEASE, INTERLINE):
            answers = partial(_answers, f"http://{HOST}:{self._ports[name]}/health")
            self._children.wait_until(answers, what=name, timeout_s=PATIENCE_S)
        self._children.check()

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the simulator's control side."""
        url = self.running.addresses.simulator + path
        got = requests.request(method, url, json=body, timeout=PATIENCE_S)
        got.raise_for_status()
        return got.json()

    def logs(self, name: str) -> list[Path]:
        """Of all processes of that name, the oldest first."""
        return sorted(self._logs.glob(f"{name}*.log"), key=lambda path: path.stat().st_mtime)

    def end(self) -> None:
        """Ends all."""
        for child in self._children._children:
            child.process.send_signal(signal.SIGCONT)
        self._children.stop()

    def _child(self, name: str) -> Child:
        (child,) = (each for each in self._children._children if each.name == name)
        return child

    def _sockets(self) -> Any:
        return listen({variable: str(self._free_port()) for variable in DEFAULTS})

    def _free_port(self) -> int:
        while True:
            port = self._chance.randrange(*PORTS)
            with socket.socket() as tried:
                if port not in self._ports.values() and tried.connect_ex((HOST, port)):
                    return port

    def _open(self, port: int) -> socket.socket:
        until = time.monotonic() + PATIENCE_S
        while True:
            opened = socket.socket()
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                opened.bind((HOST, port))
            except OSError as error:
                opened.close()
                if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                opened.listen(BACKLOG)
                return opened

    def _serve_front(self, name: str, opened: socket.socket, *, to: int) -> None:
        fd = opened.fileno()
        arguments = ["tests.chaos.front", "--fd", str(fd), "--to", str(to)]
        own = dict(os.environ) | {"PYTHONUNBUFFERED": "1"}
        self._children.start(name, "a vendor's front end", arguments, fds=[fd], environment=own)
        opened.close()

    def _front_again(self, name: str, *, to: int) -> Callable[[], None]:
        return lambda: self._serve_front(name, self._open(self._ports[name]), to=to)

    def _gateway_again(self) -> None:
        opened = self._open(self._ports[GATEWAY])
        simulated._serve(
            self._children, GATEWAY, "chalice local", {"--fd": opened}, dict(os.environ)
        )

    def _driver_again(self) -> None:
        # Left open: it writes there when it drives, and would end if nobody could read it.
        self._ready.append(simulated._start_driver(self._children, dict(os.environ)))


def _answers(url: str) -> bool:
    try:
        requests.get(url, timeout=2)
    except requests.RequestException:
        return False
    return True
