"""Values to start from: an app, a binding, an event, each with what a test says changed."""

import hashlib
import itertools
from typing import Any

from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import Call, Delivery, EventKey, Progress, Stored
from chalicelib.core.calls.splitting import order
from chalicelib.core.ports import Carrier, Carriers
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App, Pool
from chalicelib.services.leases.service import LeaseService
from chalicelib.store.bindings.bindings import BindingStore


def app_with(areas: dict[str, str | None]) -> App:
    return App(
        name="demo",
        carrier="switch",
        callback_url="https://example.org",
        quota=100,
        rate=10,
        cooling_s=0,
        retention_days=0,
        max_call_s=60,
        pool=Pool(areas),
    )


def leases(bindings: BindingStore, carriers: Carriers) -> LeaseService:
    """A desk whose operations are numbered."""
    count = itertools.count(1)
    return LeaseService(
        bindings, carriers, new_id=lambda: f"{next(count):010x}", monotonic=lambda: 0
    )


def binding(**more: Any) -> Binding:
    values: dict[str, Any] = {
        "id": "1",
        "handle": "1",
        "app": "demo",
        "carrier": "switch",
        "number": "8610000000001",
        "a": Subscriber("447700900001"),
        "b": Subscriber("447700900002"),
        "record": False,
        "user_data": "",
        "created": 1000,
        "updated": 1000,
        "expires": 5000,
        "cooling_ms": 0,
        "retention_ms": 0,
        "max_call_s": 60,
        "quota_shard": 0,
        "request": "r",
        "content": "c",
        "version": 1,
    }
    return Binding(**(values | more))


def event(kind: EventKind, at: int, **more: Any) -> Event:
    values = {"id": f"{kind}-{at}", "carrier": "switch", "call_id": "c", "received": at}
    return Event(kind=kind, at=at, **(values | more))


def call_of(*events: Event, recorded: bool = False) -> Call:
    """The call (or calls, of one key) that these events make, of demo's; `recorded`: that of every
    binding is."""
    stored = [
        Stored(EventKey("c" * 22, f"{number:022d}"), each, Progress(Delivery.KEPT))
        for number, each in enumerate(events)
    ]
    bindings = {each.binding for each in events if each.binding is not None}
    return Call(
        "c" * 22,
        "demo",
        1,
        tuple(sorted(stored, key=order)),
        frozenset(bindings if recorded else ()),
    )


def request(key: str, content: str = "c") -> RequestId:
    return RequestId(key=key.ljust(32, "-"), content=content.ljust(32, "-"), explicit=True)


class Embedded:
    """Carriers of which none keeps bindings for us."""

    def of(self, name: str) -> Carrier:
        return Carrier(name=name, kind="switch")


def tag(*parts: str) -> str:
    """Stands for the keyed digest."""
    return hashlib.sha256("\0".join(("key", *parts)).encode()).hexdigest()[:32]
