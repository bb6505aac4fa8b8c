"""What the gateway does for apps of interline's API: on a switch, and at a carrier that fails."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import boto3

from simulator.interline.account import Account
from simulator.interline.vendor import Vendor
from simulator.vendor_server import Server
from tests.deploy.bundle import Lambda
from tests.deploy.carrier_job import become_due

CARRIER, SECRET = "line", "the-platforms-own-key"
LEASE_MINUTES = 60
HOUR_S = LEASE_MINUTES * 60
STATUS = "/api/v1/account/status"
BINDINGS = "/igw/service/uc/interline"
BINDING = f"{BINDINGS}/{{number}}"
TRANSFER = f"{BINDING}/transfer"
PRICES = {"binding": "0.1", "minute": "0.2"}
DEPOSIT = "10"

# Of the vendor's server, as it names requests.
BIND = f"PUT {BINDINGS}/{{x}}"
RELEASE = f"DELETE {BINDINGS}"


@contextmanager
def platform(number: str) -> Iterator[tuple[Vendor, str]]:
    """interline over a socket with one X, and its address, until the block ends."""
    account = Account("20000000", SECRET, "acme-app", callback_url="")
    vendor = Vendor(account, [number], recordings_url="")
    server = Server(socket.create_server(("127.0.0.1", 0)), vendor)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield vendor, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(frozen=True)
class Line:
    """An app of interline's API with one X, as it writes it."""

    served: Lambda
    developer: dict[str, str]
    number: str

    def ask(self, method: str, path: str, **parameters: str) -> Any:
        """A signed call; the X stands in the path where that has one."""
        x = self.number if "{number}" in path else ""
        return self.served.interline(method, path, self.developer, x=x, **parameters)

    def bind(self, a: str, b: str, request: str, *, ttl_s: int = HOUR_S) -> Any:
        return self.ask("PUT", BINDING, anum=a, bnum=b, reqid=request, ttl=str(ttl_s))

    def transfer(self, a: str, request: str) -> Any:
        return self.ask("PUT", TRANSFER, anum=a, reqid=request)


def use_the_switch(
    line: Line, switch_password: str, a: str, b: str, *, owner: str, stranger: str
) -> dict[str, Any]:
    """Binds, lets people call and pays for it, with a switch that asks where calls go."""
    done: dict[str, Any] = {"status": line.ask("GET", STATUS)}
    done["bind"] = line.bind(a, b, "1")
    bound = done["bind"]["subid"]
    x, now = f"86{line.number}", int(time.time() * 1000)
    call = {"call_id": "line-1", "binding": bound, "from": a, "to": x, "callee": b}
    reported = [
        {**call, "event_id": "1", "type": "call.started", "at": now},
        {**call, "event_id": "2", "type": "call.answered", "at": now},
        {**call, "event_id": "3", "type": "call.ended", "at": now + 61_000, "reason": 16},
    ]
    done["events"] = line.served.switch("/switch/events", switch_password, reported)
    nobodys = {**reported[0], "event_id": "4", "to": f"{x[:-1]}9"}
    done["nobody's"] = line.served.switch("/switch/events", switch_password, [nobodys])
    done["release"] = line.ask("DELETE", BINDINGS, subid=bound)
    # Of somebody else: the pair still cools on this X.
    done["transfer"] = line.transfer(owner, "2")
    dialled = {"call_id": "line-2", "kind": "call", "from": stranger, "to": x}
    done["route"] = line.served.switch("/switch/route", switch_password, dialled)
    done["end"] = line.ask("DELETE", TRANSFER)
    done["status after"] = line.ask("GET", STATUS)
    return done


@dataclass(frozen=True)
class PlatformJob:
    """An app whose carrier is `vendor`, which tells of calls at `callbacks`. `deliver` tells
    the app what is queued."""

    line: Line
    vendor: Vendor
    callbacks: str
    deliver: Callable[[], None]
    session: boto3.session.Session
    table: str

    def run(self, a: str, b: str, c: str) -> dict[str, Any]:
        """Everything once: refused, unanswered, told, kept for longer, and ended."""
        line = self.line
        done: dict[str, Any] = {}
        self._fails(BIND, "code_1302")
        done["refused"] = line.bind(a, b, "1")

        self._fails(BIND, "502")
        done["unanswered"] = line.bind(a, b, "2", ttl_s=2 * HOUR_S)
        self._tick("settle", "pending#")
        done["repeat"] = line.bind(a, b, "2", ttl_s=2 * HOUR_S)

        done["told"] = self._tell(a, b)
        *_, what = self.callbacks.rsplit("/", 1)
        stranger = self.callbacks.replace(f"/{what}", f"x/{what}")
        # While its binding is still the platform's: after a renewal that has another id.
        self.deliver()
        done["told elsewhere"] = self._post(stranger, {"result": "answered"})
        done["unread"] = self._post(self.callbacks, {"taskid": "4", "rcaller": "?"})

        # It takes no transfer beside the first, so that one stays as it is.
        done["transfer"] = line.transfer(c, "3")
        done["held"] = self._held()
        self._tick("extend", "lease#")
        done["held after"] = self._held()

        self._fails(RELEASE, "502")
        done["release"] = line.ask("DELETE", BINDINGS, subid=done["repeat"]["subid"])
        self._tick("settle", "pending#")
        done["end"] = line.ask("DELETE", TRANSFER)
        done["held at last"] = self._held()
        # For good: what is left of it is for the schedules to end.
        done["left"] = line.transfer(c, "4")
        done["status"] = line.ask("GET", STATUS)
        return done

    def _fails(self, request: str, kind: str) -> None:
        self.vendor.faults.add(request, kind, 1)

    def _held(self) -> list[str]:
        """The platform's own ids of what it would connect now."""
        return [each["subid"] for each in self.vendor.bindings.all() if each["state"] == "live"]

    def _tick(self, handler: str, due: str) -> None:
        become_due(self.session, self.table, f"86{self.line.number}", due)
        self.line.served.tick(handler)

    def _tell(self, a: str, b: str) -> Any:
        """The record of a call, without the userData that the platform had from us."""
        (subid,) = self._held()
        account, now = self.vendor.account, int(time.time())
        record = {
            "devid": account.devid,
            "appid": account.appid,
            "taskid": "line-3",
            "subid": subid,
            "caller": a,
            "rcaller": self.line.number,
            "callee": b,
            "result": "answered",
            "beginTime": now,
            "answerTime": now,
            "releaseTime": now + 60,
            "duration": 60,
        }
        return self._post(self.callbacks, record)

    def _post(self, address: str, record: dict[str, Any]) -> Any:
        """As API Gateway hands it over, whose routes have parameters."""
        *_, account, token, what = address.split("/")
        return self.line.served.post(
            f"/callbacks/interline/{{account}}/{{token}}/{what}",
            urlencode(record).encode(),
            {"Content-Type": "application/x-www-form-urlencoded"},
            account=account,
            token=token,
        )
