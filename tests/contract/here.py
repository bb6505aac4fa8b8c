"""A world in this process, whose clock the test moves: the gateway on DynamoDB Local behind a small
HTTP front, the simulator's switch, telephones and vendor behind their own servers."""

import base64
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from admin import provision
from chalicelib.bootstrap import Gateway
from chalicelib.core.events import EventKey
from chalicelib.core.messages import Reply, Request
from simulator import http_server, vendor_server
from simulator.clock import Clock, MovableClock
from simulator.netease import control
from simulator.netease.signature import Account
from simulator.netease.vendor import Vendor
from simulator.numbers import NETEASE, NUMBERS, Numbers
from simulator.originate import Originator
from simulator.placing import Phones
from simulator.receiver import Receivers
from simulator.seed import COOLING_S, LEASE_MINUTES
from simulator.server import Server
from simulator.server import World as Outside
from simulator.switch import Switch
from simulator.switch_api import SwitchApi
from tests.contract.worlds import World
from tests.gateways import NOW, Stage, stage
from tests.running import IM_CALLS, LOGIN_SECRET, SECOND_NETEASE_APP

CARRIER_TIMEOUT_S = 0.5
ACCOUNT = "netease-demo"
KEY, SECRET = "our-key-there", "our-secret-there"
SWITCH_SECRET = base64.b64encode(b"thirty-two bytes only for tests.").decode()
FEW = 2
FEW_NUMBERS: dict[str, Numbers] = {
    "few-trunk": [(f"86100755555{n:02}", None) for n in range(4)],
    "few-netease": [(f"86100955555{n:02}", None) for n in range(4)],
}
"""Apps with a quota of FEW."""
STRANDED_NUMBERS: Numbers = [("8610088888801", None)]
"""Of the app `stranded`, whose carrier is nowhere."""
NOWHERE = "http://127.0.0.1:9"

Handle = Callable[[Request, int], Reply]
PATHS: dict[str, Callable[[Gateway], Handle]] = {
    "/smallphone/axb/bind": lambda gateway: gateway.axb.bind,
    "/smallphone/axb/unbind": lambda gateway: gateway.axb.unbind,
    "/smallphone/axb/delay": lambda gateway: gateway.axb.delay,
    "/smallphone/axb/query": lambda gateway: gateway.axb.query,
    "/call/ecp/startcall.action": lambda gateway: gateway.ecp.startcall,
    "/call/ecp/startconf.action": lambda gateway: gateway.ecp.startconf,
    "/call/ecp/queryBySession.action": lambda gateway: gateway.ecp.query,
    "/phoneauth/login/getMobile": lambda gateway: gateway.phone_login.number,
    "/nimserver/user/create.action": lambda gateway: gateway.im.create,
    "/switch/route": lambda gateway: gateway.switchboard.route,
    "/switch/events": lambda gateway: gateway.switchboard.events,
    f"/callbacks/netease/{ACCOUNT}": lambda gateway: gateway.netease_receiver.receive(ACCOUNT),
}
RELAYED = re.compile(r"/nimserver/([^/]+)/([^/]+)")


class TestClock(MovableClock):
    """Stands still until a test moves it, as the gateway's clock and as the simulator's."""

    __test__ = False

    @property
    def now_ms(self) -> int:
        return NOW + self._ahead_ms

    @property
    def now(self) -> int:
        return self.now_ms


class Front(http_server.Handler):
    """Hands requests to the gateway, with the test's time."""

    answer: Callable[[str, Request], Reply]

    def do_POST(self) -> None:  # noqa: N802
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = tuple(parse_qsl(url.query, keep_blank_values=True))
        reply = type(self).answer(url.path, Request("POST", headers, query, body))
        content = reply.body.encode()
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class Here(World):
    """The same, and what only time and the schedules do."""

    def __init__(
        self, stage: Stage, clock: TestClock, *, gateway_url: str, simulator_url: str
    ) -> None:
        self._stage = stage
        self._gateway = stage.instance()
        # moto's queue is not safe under threads.
        self._one_at_a_time = threading.RLock()
        self.time = clock
        super().__init__(
            gateway_url=gateway_url,
            simulator_url=simulator_url,
            netease={"account": ACCOUNT, "app_key": KEY, "app_secret": SECRET},
            described={},
            clock=clock,
            stored=lambda: sum(i["pk"]["S"].startswith("C#") for i in stage.items()),
            hand_on=self._deliver,
        )

    def answer(self, path: str, request: Request) -> Reply:
        """What the gateway answers."""
        relayed = RELAYED.fullmatch(path)
        with self._one_at_a_time:
            if path in PATHS:
                handle = PATHS[path](self._gateway)
            else:
                assert relayed is not None, path
                handle = partial(self._gateway.im.relay, relayed[1], relayed[2])
            return handle(request, self.time.now)

    def wait(self, *, minutes: int = 0, s: int = 0) -> None:
        """Time passes and nothing runs."""
        self.time.advance(60 * minutes + s)

    def work(self, *, minutes: int, every: int = 1) -> None:
        """Time passes, and every so many minutes the schedules run."""
        for _ in range(0, minutes, every):
            self.wait(minutes=every)
            self.run_schedules()

    def run_schedules(self) -> None:
        """All of them, once."""
        with self._one_at_a_time:
            for duty in ("lease", "intent"):
                self._gateway.upkeep.run(duty, now=self.time.now, time_left=lambda: True)
            self._gateway.cleaner.clean(now=self.time.now, time_left=lambda: True)

    def used(self, app: str) -> int:
        """What the app's quota counts."""
        return self._stage.quota_used(app)

    def _deliver(self) -> None:
        with self._one_at_a_time:
            for message in self._stage.queued():
                self._gateway.events.deliver(EventKey.from_text(message), now=self.time.now)

    def provide(self, name: str, carrier: str, numbers: Numbers, **options: Any) -> None:
        """Makes an app, as `make run` does."""
        callback_url = f"{self.simulator_url}/apps/{name}/callback"
        options = {"cooling_s": COOLING_S, "rate": 10**6} | options
        key, secret = provision.create_app(
            name, callback_url=callback_url, carrier=carrier, **options
        )
        provision.add_numbers(name, numbers)
        self.described[name] = {
            "name": name,
            "app_key": key,
            "app_secret": secret,
            "numbers": [x for x, _ in numbers],
        }


@contextmanager
def here(dynamodb_endpoint: str) -> Iterator[Here]:
    """Such a world, with the apps of `make run` and some more, as long as the block lasts."""
    with stage(dynamodb_endpoint) as own:
        front, outside, vendors = (_listening() for _ in range(3))
        clock = TestClock()
        world = Here(own, clock, gateway_url=_url(front), simulator_url=_url(outside))
        password = _provision(world, vendor_url=_url(vendors))
        api = SwitchApi(world.gateway_url, user="simulator", password=password)
        phones = Phones(lasts_s=0.2)
        few = dict(FEW_NUMBERS["few-netease"])
        vendor = Vendor(
            Account(KEY, SECRET, f"{world.gateway_url}/callbacks/netease/{ACCOUNT}"),
            dict(NETEASE) | few,
            recordings_url=world.simulator_url,
            phones=phones,
            clock=clock,
        )
        switch = Switch(api, base_url=world.simulator_url, clock=lambda: Clock(clock.now_ms))
        originator = Originator(SWITCH_SECRET, api, phones, clock)
        people = Outside(
            switch,
            Receivers(),
            phones,
            (vendor,),
            [*originator.routes(), *control.routes(vendor)],
        )
        handler = type("OurFront", (Front,), {"answer": staticmethod(world.answer)})
        servers = [
            _server(front, handler),
            Server(outside, people),
            vendor_server.Server(vendors, vendor),
        ]
        for server in servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield world
        finally:
            vendor.faults.clear()
            for server in servers:
                server.shutdown()
                server.server_close()


def _provision(world: Here, *, vendor_url: str) -> str:
    """Carriers, apps and a switch; its password."""
    provision.create_carrier(
        "trunk", kind="trunk", secret=SWITCH_SECRET, urls=[world.simulator_url]
    )
    provision.create_carrier(
        ACCOUNT,
        kind="netease",
        key=KEY,
        secret=SECRET,
        urls=[vendor_url],
        lease_minutes=LEASE_MINUTES,
    )
    for name, numbers in NUMBERS.items():
        world.provide(name, "trunk", numbers)
    world.provide("demo-netease", ACCOUNT, NETEASE)
    world.provide(SECOND_NETEASE_APP, ACCOUNT, [], im_calls=IM_CALLS)
    provision.set_app_login(SECOND_NETEASE_APP, secret=LOGIN_SECRET)
    world.provide("few-trunk", "trunk", FEW_NUMBERS["few-trunk"], quota=FEW)
    world.provide("few-netease", ACCOUNT, FEW_NUMBERS["few-netease"], quota=FEW)
    provision.create_carrier("netease-gone", kind="netease", key=KEY, secret=SECRET, urls=[NOWHERE])
    world.provide("stranded", "netease-gone", STRANDED_NUMBERS)
    return provision.create_switch("simulator")


def _listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=128)


def _url(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def _server(listening: socket.socket, handler: Any) -> http_server.Server:
    server = http_server.Server(listening.getsockname(), handler, bind_and_activate=False)
    server.adopt(listening)
    return server
