"""The ports of the local stack, from the environment, and the sockets that hold them."""

import errno
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.vendors import simulated

HOST = "127.0.0.1"
BACKLOG = 256
DEFAULTS = {"PORT": 8000, "SIMULATOR_PORT": 8001, "AWS_PORT": 8002} | {
    f"{kind.upper()}_PORT": each.PORT for kind, each in simulated().items()
}
HIGHEST = 65535


class PortUnusable(Exception):
    """A port is taken or no port; the text is one line and names the variable to set."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers answer, as `http://host:port`; `vendors` by kind."""

    gateway: str
    simulator: str
    aws: str
    vendors: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Sockets:
    """Sockets that listen already. Held from the start: a port is ours or the start fails."""

    gateway: socket.socket
    simulator: socket.socket
    aws: socket.socket
    vendors: Mapping[str, socket.socket]

    def addresses(self) -> Addresses:
        """Their addresses; ask before the sockets are given away."""
        return Addresses(
            gateway=_url(self.gateway),
            simulator=_url(self.simulator),
            aws=_url(self.aws),
            vendors={kind: _url(each) for kind, each in self.vendors.items()},
        )


def listen(environment: Mapping[str, str] = os.environ) -> Sockets:
    """Opens them all. PortUnusable if one can't be had; then none stays open. 0 takes any."""
    opened: dict[str, socket.socket] = {}
    try:
        for variable in DEFAULTS:
            opened[variable] = _open(variable, _port(variable, environment))
    except PortUnusable:
        for each in opened.values():
            each.close()
        raise
    return Sockets(
        gateway=opened["PORT"],
        simulator=opened["SIMULATOR_PORT"],
        aws=opened["AWS_PORT"],
        vendors={kind: opened[f"{kind.upper()}_PORT"] for kind in simulated()},
    )


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"http://{host}:{port}"


def _port(variable: str, environment: Mapping[str, str]) -> int:
    text = environment.get(variable, "").strip() or str(DEFAULTS[variable])
    if not (text.isascii() and text.isdigit() and int(text) <= HIGHEST):
        raise PortUnusable(f"{variable}={text} is no port: set {variable} to 1..{HIGHEST}")
    return int(text)


def _open(variable: str, port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            reason = "is taken by another program"
        elif error.errno == errno.EACCES:
            reason = "may not be used by this user"
        else:
            reason = f"can't be used ({os.strerror(error.errno or 0)})"
        raise PortUnusable(
            f"Port {port} {reason}: set {variable}, for example {variable}={_other(port)}"
        ) from error
    return listening


def _other(port: int) -> int:
    return port + 100 if 1024 <= port <= HIGHEST - 100 else DEFAULTS["PORT"] + 100
