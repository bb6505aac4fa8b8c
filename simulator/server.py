"""The simulator's HTTP servers: telephones, a switch, the apps' receivers, and a vendor."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote, urlsplit

import click

from simulator import http_server
from simulator.child import adopt, describe, end_with_parent, say
from simulator.clock import MovableClock
from simulator.dialling import BadField, dialled, habit, lasts_s, written
from simulator.netease import control
from simulator.netease import server as netease_server
from simulator.netease.signature import Account
from simulator.netease.vendor import Vendor
from simulator.numbers import NETEASE
from simulator.originate import Originator
from simulator.placing import Phones
from simulator.receiver import Receivers, fault
from simulator.recordings import recording
from simulator.routes import Asked, Refused, Reply, Route, route
from simulator.switch import Switch
from simulator.switch_api import GatewayError, SwitchApi

UNREAD = (411, 413)
MAX_BODY_BYTES = 1024 * 1024
GATEWAY_URL = "SIMULATOR_GATEWAY_URL"
SWITCH_USER = "SIMULATOR_SWITCH_USER"
SWITCH_PASSWORD = "SIMULATOR_SWITCH_PASSWORD"
SWITCH_SECRET = "SIMULATOR_SWITCH_SECRET"
NETEASE_KEY = "SIMULATOR_NETEASE_KEY"
NETEASE_SECRET = "SIMULATOR_NETEASE_SECRET"
NETEASE_CALLBACK_URL = "SIMULATOR_NETEASE_CALLBACK_URL"


class World:
    """Everything outside the gateway behind one address; `routes` are further ones.

    Who dials an X of the vendor gets to the vendor, everybody else to the switch.
    """

    def __init__(
        self,
        switch: Switch,
        receivers: Receivers,
        phones: Phones,
        vendor: Vendor,
        routes: Iterable[Route] = (),
    ) -> None:
        self._switch = switch
        self._receivers = receivers
        self._phones = phones
        self._vendor = vendor
        self._routes = [
            route("GET", "/health", lambda _: (200, {"status": "ok"})),
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
            route("GET", "/recordings/<name>", self._recording),
            *control.routes(vendor),
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
        return 200, self._exchange(call.number).dial(call)

    def _message(self, asked: Asked) -> Reply:
        message = written(asked.json())
        return 200, self._exchange(message.number).send(message)

    def _exchange(self, number: str) -> Switch | Vendor:
        return self._vendor if self._vendor.owns(number) else self._switch

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

    def _recording(self, asked: Asked) -> Reply:
        call_id, _, kind = asked.names[0].partition(".")
        if kind != "wav":
            raise Refused(404, "recordings are named <call_id>.wav")
        return 200, recording(call_id)


class Handler(http_server.Handler):
    """Reads a request, answers JSON (or a recording), logs one line without any number in it."""

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
        sound = isinstance(answer, bytes)
        content = answer if sound else json.dumps(answer, ensure_ascii=False).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "audio/wav" if sound else "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        if self.close_connection and status in UNREAD:
            self.hang_up()


class Server(http_server.Server):
    """Serves a world on a socket that listens already."""

    def __init__(self, listening: socket.socket, world: World) -> None:
        handler = type("WorldHandler", (Handler,), {"world": world})
        super().__init__(listening.getsockname(), handler, bind_and_activate=False)
        self.adopt(listening)


def from_environment(base_url: str) -> tuple[World, Vendor]:
    """The world and the vendor in it, for the gateway and the accounts of the environment."""
    api = SwitchApi(
        os.environ[GATEWAY_URL],
        user=os.environ[SWITCH_USER],
        password=os.environ[SWITCH_PASSWORD],
    )
    account = Account(
        key=os.environ[NETEASE_KEY],
        secret=os.environ[NETEASE_SECRET],
        callback_url=os.environ[NETEASE_CALLBACK_URL],
    )
    phones = Phones()
    vendor = Vendor(account, dict(NETEASE), recordings_url=base_url, phones=phones)
    originator = Originator(os.environ[SWITCH_SECRET], api, phones, MovableClock())
    switch = Switch(api, base_url=base_url)
    return World(switch, Receivers(), phones, vendor, originator.routes()), vendor


@click.command()
@click.option("--fd", type=int, required=True, help="Listening socket, inherited.")
@click.option("--netease-fd", type=int, required=True, help="Another, for the vendor's API.")
def main(fd: int, netease_fd: int) -> None:
    """Serves until the parent ends."""
    end_with_parent()
    listening = adopt(fd)
    host, port = listening.getsockname()
    world, vendor = from_environment(f"http://{host}:{port}")
    api = netease_server.Server(adopt(netease_fd), vendor)
    threading.Thread(target=api.serve_forever, daemon=True, name="netease").start()
    Server(listening, world).serve_forever()


if __name__ == "__main__":
    main()
