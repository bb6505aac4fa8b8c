"""The simulator's HTTP servers: telephones, a switch, the apps' receivers, and the vendors."""

import json
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import click

from simulator import http_server, vendor_server
from simulator.child import adopt, describe, end_with_parent, say
from simulator.clock import MovableClock
from simulator.dialling import BadField, Dialled, Written, dialled, habit, lasts_s, written
from simulator.numbering import Held
from simulator.numbers import ON_SWITCH
from simulator.originate import Originator
from simulator.placing import Phones
from simulator.receiver import Receivers, fault
from simulator.recordings import Recordings, Sound
from simulator.routes import Asked, Refused, Reply, Route, route
from simulator.switch import Switch
from simulator.switch_api import GatewayError, SwitchApi
from simulator.vendors import Access, Around, Vendor, simulated

UNREAD = (411, 413)
MAX_BODY_BYTES = 1024 * 1024
GATEWAY_URL = "SIMULATOR_GATEWAY_URL"
SWITCH_USER = "SIMULATOR_SWITCH_USER"
SWITCH_PASSWORD = "SIMULATOR_SWITCH_PASSWORD"
SWITCH_SECRET = "SIMULATOR_SWITCH_SECRET"
VENDORS = "SIMULATOR_VENDORS"
"""JSON: kind -> `access` (vendors.Access) and `numbers`, its X as the pools have them and their
area codes."""
CALLS_KEPT = 10_000


class Exchange(Protocol):
    """Who puts calls and messages through."""

    def dial(self, call: Dialled) -> dict[str, Any]:
        """Makes a call from end to end; what both people saw."""
        ...

    def send(self, message: Written) -> dict[str, Any]:
        """Sends a message; what both people saw."""
        ...


class World:
    """Everything outside the gateway behind one address; `routes` are further ones.

    Who dials an X of a vendor gets to the vendor, everybody else to the switch, to whom an X of
    `on_switch` is written as it stands there.
    """

    def __init__(
        self,
        switch: Switch,
        receivers: Receivers,
        phones: Phones,
        vendors: Sequence[Vendor] = (),
        routes: Iterable[Route] = (),
        *,
        on_switch: Iterable[str] = (),
        recordings: Recordings | None = None,
    ) -> None:
        self._switch = switch
        self._receivers = receivers
        self._phones = phones
        self._vendors = vendors
        self._on_switch = Held(on_switch)
        self._seen: deque[dict[str, Any]] = deque(maxlen=CALLS_KEPT)
        self._routes = [
            route("GET", "/health", lambda _: (200, {"status": "ok"})),
            route("GET", "/calls", lambda _: (200, list(self._seen))),
            route("POST", "/calls", self._call),
            route("POST", "/messages", self._message),
            route("PUT", "/phones", self._pace),
            route("PUT", "/phones/<number>", self._teach),
            route("POST", "/apps/<app>/callback", self._callback),
            route("GET", "/apps/<app>/receiver", lambda asked: (200, self._state(asked))),
            route("PUT", "/apps/<app>/receiver", self._break_down),
            route("DELETE", "/apps/<app>/receiver", lambda asked: (200, self._repair(asked))),
            route("GET", "/received/<app>", self._received),
            route("DELETE", "/received/<app>", self._empty),
            route("DELETE", "/received", self._empty),
            *(recordings or Recordings()).routes(),
            *routes,
        ]

    def find(self, method: str, path: str) -> tuple[str, tuple[str, ...], Callable[..., Reply]]:
        """Pattern, names in the path and function of a request. Refused: 404 or 405."""
        other_methods = []
        for wanted, pattern, expression, function in self._routes:
            match = expression.fullmatch(path)
            if match and wanted == method:
                return pattern, tuple(unquote(name) for name in match.groups()), function
            if match:
                other_methods.append(wanted)
        if other_methods:
            raise Refused(405, f"this path takes {', '.join(other_methods)}, not {method}")
        known = [f"{method} {pattern}" for method, pattern, _, _ in self._routes]
        raise Refused(404, "unknown path", paths=known)

    def _call(self, asked: Asked) -> Reply:
        call = dialled(asked.json())
        number = self._on_switch.find(call.number) or call.number
        return self._noted(self._exchange(number).dial(replace(call, number=number)))

    def _message(self, asked: Asked) -> Reply:
        message = written(asked.json())
        number = self._on_switch.find(message.number) or message.number
        return self._noted(self._exchange(number).send(replace(message, number=number)))

    def _exchange(self, number: str) -> Exchange:
        owners: list[Exchange] = [each for each in self._vendors if each.owns(number)]
        return owners[0] if owners else self._switch

    def _noted(self, seen: dict[str, Any]) -> Reply:
        self._seen.append(seen)
        return 200, seen

    def _teach(self, asked: Asked) -> Reply:
        self._phones.teach(asked.names[0], habit(asked.json()))
        return 200, {"number": asked.names[0]}

    def _pace(self, asked: Asked) -> Reply:
        self._phones.lasts_s = lasts_s(asked.json())
        return 200, {"lasts_s": self._phones.lasts_s}

    def _callback(self, asked: Asked) -> Reply:
        status = self._receivers.take(
            asked.names[0], headers=asked.headers, body=asked.body.decode(errors="replace")
        )
        return status, {"code": status}

    def _state(self, asked: Asked) -> Any:
        return self._receivers.state(asked.names[0])

    def _break_down(self, asked: Asked) -> Reply:
        return 200, self._receivers.break_down(asked.names[0], fault(asked.json()))

    def _repair(self, asked: Asked) -> Any:
        return self._receivers.repair(asked.names[0])

    def _received(self, asked: Asked) -> Reply:
        return 200, self._receivers.received(asked.names[0])

    def _empty(self, asked: Asked) -> Reply:
        app = asked.names[0] if asked.names else None
        return 200, {"deleted": self._receivers.empty(app)}


class Handler(http_server.Handler):
    """Reads a request, answers JSON or plays a recording; logs a line without any number."""

    world: World
    error_message_format = '{"error": "bad http request"}'

    def _serve(self) -> None:
        pattern = "(unknown path)"
        try:
            body = self._read_body()
            path = urlsplit(self.path).path
            pattern, names, function = self.world.find(self.command, path)
            asked = Asked(names=names, headers=dict(self.headers.items()), body=body)
            status, answer = function(asked)
        except Refused as refused:
            status, answer = refused.status, refused.body
        except GatewayError as error:
            status, answer = 502, {"error": str(error), **error.details}
        except (BadField, ValueError) as error:
            status, answer = 400, {"error": str(error)}
        except Exception as error:  # noqa: BLE001 - every request is answered
            say(f"failed at {pattern}: {describe(error)}")
            status, answer = 500, {"error": f"the simulator failed: {describe(error)}"}
        say(f"{self.command} {pattern} {status}")
        if isinstance(answer, Sound):
            self._play(answer)
        else:
            self._answer(status, answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = _serve  # noqa: N815

    def _read_body(self) -> bytes:
        declared = self.headers.get("Content-Length", "0").strip()
        if "Transfer-Encoding" in self.headers or not (declared.isascii() and declared.isdigit()):
            self.close_connection = True
            raise Refused(411, "a body needs its Content-Length")
        if int(declared) > MAX_BODY_BYTES:
            self.close_connection = True
            raise Refused(413, f"a body may have {MAX_BODY_BYTES} bytes")
        return self.rfile.read(int(declared))

    def _answer(self, status: int, answer: Any) -> None:
        content = json.dumps(answer, ensure_ascii=False).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        if self.close_connection and status in UNREAD:
            self.hang_up()

    def _play(self, sound: Sound) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "audio/wav")
        self.send_header("Content-Length", str(sound.size))
        self.end_headers()
        sent = 0
        for chunk in sound.chunks:
            self.wfile.write(chunk)
            self.wfile.flush()
            sent += len(chunk)
        if sent < sound.size:
            self.close_connection = True


class Server(http_server.Server):
    """Serves a world on a socket that listens already."""

    def __init__(self, listening: socket.socket, world: World) -> None:
        handler = type("WorldHandler", (Handler,), {"world": world})
        super().__init__(listening.getsockname(), handler, bind_and_activate=False)
        self.adopt(listening)


def from_environment(base_url: str) -> tuple[World, dict[str, Vendor]]:
    """The world and the vendors in it, by kind, for the gateway and the accounts of the
    environment."""
    api = SwitchApi(
        os.environ[GATEWAY_URL],
        user=os.environ[SWITCH_USER],
        password=os.environ[SWITCH_PASSWORD],
    )
    around = Around(base_url)
    vendors, routes = made(json.loads(os.environ[VENDORS]), around)
    originator = Originator(os.environ[SWITCH_SECRET], api, around.phones, MovableClock())
    world = World(
        Switch(api, base_url=base_url, recordings=around.recordings),
        Receivers(),
        around.phones,
        [*vendors.values()],
        [*originator.routes(), *routes],
        on_switch=ON_SWITCH,
        recordings=around.recordings,
    )
    return world, vendors


def made(
    described: Mapping[str, Mapping[str, Any]], around: Around
) -> tuple[dict[str, Vendor], list[Route]]:
    """The vendors that are described as VENDORS says, by kind, and their control sides."""
    vendors: dict[str, Vendor] = {}
    routes: list[Route] = []
    for kind, each in described.items():
        access = Access(**each["access"])
        vendors[kind] = simulated()[kind].vendor(access, each["numbers"], around)
        routes += simulated()[kind].routes(vendors[kind])
    return vendors, routes


@click.command()
@click.option("--fd", type=int, required=True, help="Listening socket, inherited.")
@click.option("--vendor", "fds", type=(str, int), multiple=True, help="Another, for its API.")
def main(fd: int, fds: tuple[tuple[str, int], ...]) -> None:
    """Serves until the parent ends."""
    end_with_parent()
    listening = adopt(fd)
    host, port = listening.getsockname()
    world, vendors = from_environment(f"http://{host}:{port}")
    for kind, each in fds:
        api = vendor_server.Server(adopt(each), vendors[kind])
        threading.Thread(target=api.serve_forever, daemon=True).start()
    Server(listening, world).serve_forever()


if __name__ == "__main__":
    main()
