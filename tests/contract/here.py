"""A world in this process, whose clock the test moves: the gateway behind a small HTTP front, the
simulator's switch, telephones and vendors behind their own servers."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from chalicelib.core.calls.model import Task
from chalicelib.core.messages import Reply, Request
from chalicelib.wiring import schedules, transfer
from chalicelib.wiring.deliver import webhook_delivery
from simulator import http_server, vendor_server
from simulator.clock import Clock, MovableClock
from simulator.numbers import ON_SWITCH
from simulator.originate import Originator
from simulator.placing import Phones
from simulator.receiver import Receivers
from simulator.routes import Route
from simulator.server import Server, made
from simulator.server import World as Outside
from simulator.switch import Switch
from simulator.switch_api import SwitchApi
from simulator.vendors import Around, Vendor, simulated
from tests.asked import ask
from tests.contract.front import Front
from tests.contract.provisioned import SWITCH_SECRET, SWITCH_USER, Provisioner
from tests.contract.worlds import World
from tests.gateways import NOW, Stage, stage

# Where no answer comes this is waited for; where one does, a busy machine has the time to give it.
CARRIER_TIMEOUT_S = 1.5
FETCH_S = 30


class TestClock(MovableClock):
    """Stands still until a test moves it, as the gateway's clock and as the simulator's."""

    __test__ = False

    @property
    def now_ms(self) -> int:
        return NOW + self._ahead_ms

    @property
    def now(self) -> int:
        return self.now_ms


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
        self.phones = Phones(lasts_s=0.2)
        super().__init__(
            gateway_url=gateway_url,
            simulator_url=simulator_url,
            account_with_netease={},
            described={},
            clock=clock,
            stored=stage.events,
            hand_on=self._work_off,
        )

    def answer(self, path: str, request: Request) -> Reply:
        """What the gateway answers."""
        with self._one_at_a_time:
            return ask(self._gateway, path, request, self.time.now)

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
            for duty in ("lease", "pending"):
                self._gateway.shared(schedules.lease_jobs).run(
                    duty, now=self.time.now, time_left=lambda: True
                )
            self._gateway.cleaner.clean(now=self.time.now, time_left=lambda: True)

    def used(self, app: str) -> int:
        """What the app's quota counts."""
        return self._stage.quota_used(app)

    def _work_off(self) -> None:
        """What the queues have; a recording is told once it is here."""
        gateway, transfers = self._gateway, self._gateway.settings.transfer_queue_name
        with self._one_at_a_time:
            self._deliver()
            for message in self._stage.queued(transfers):
                task = Task.from_text(message)
                gateway.shared(transfer.recordings).fetch(task, now=self.time.now, within_s=FETCH_S)
            self._deliver()

    def _deliver(self) -> None:
        for message in self._stage.queued():
            self._gateway.shared(webhook_delivery).deliver(
                Task.from_text(message), now=self.time.now
            )


@contextmanager
def here(dynamodb_endpoint: str | None) -> Iterator[Here]:
    """Such a world, with the apps of `make run` and some more, as long as the block lasts."""
    with stage(dynamodb_endpoint) as own:
        front, outside = _listening(), _listening()
        sockets = {kind: _listening() for kind in simulated()}
        clock = TestClock()
        world = Here(own, clock, gateway_url=_url(front), simulator_url=_url(outside))
        own.is_at(world.gateway_url)
        operator = Provisioner(receivers_url=world.simulator_url)
        password = operator.carriers(
            switch=world.simulator_url,
            vendors={kind: _url(each) for kind, each in sockets.items()},
            gateway=world.gateway_url,
        )
        operator.apps()
        world.described.update(operator.described)
        described = {
            kind: {"access": asdict(access), "numbers": operator.numbers_with(kind)}
            for kind, access in operator.vendors.items()
        }
        around = Around(world.simulator_url, phones=world.phones, clock=clock)
        vendors, routes = made(described, around)
        netease = simulated()["netease"]
        world.account_with_netease |= {
            "account": netease.ACCOUNT,
            **netease.described(operator.vendors["netease"]),
        }
        handler = type("OurFront", (Front,), {"answer": staticmethod(world.answer)})
        servers = [
            _server(front, handler),
            Server(outside, _outside(world, vendors, routes, password=password)),
            *(vendor_server.Server(each, vendors[kind]) for kind, each in sockets.items()),
        ]
        with _serving(servers):
            try:
                yield world
            finally:
                # Whoever hangs there is let go.
                for vendor in vendors.values():
                    vendor.faults.clear()


def _outside(
    world: Here, vendors: Mapping[str, Vendor], routes: Sequence[Route], *, password: str
) -> Outside:
    api = SwitchApi(world.gateway_url, user=SWITCH_USER, password=password)
    switch = Switch(api, base_url=world.simulator_url, clock=lambda: Clock(world.time.now_ms))
    originator = Originator(SWITCH_SECRET, api, world.phones, world.time)
    return Outside(
        switch,
        Receivers(),
        world.phones,
        [*vendors.values()],
        [*originator.routes(), *routes],
        on_switch=ON_SWITCH,
    )


@contextmanager
def _serving(servers: Sequence[http_server.Server]) -> Iterator[None]:
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=128)


def _url(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def _server(listening: socket.socket, handler: Any) -> http_server.Server:
    server = http_server.Server(listening.getsockname(), handler, bind_and_activate=False)
    server.adopt(listening)
    return server
