"""One carrier as the contract judges it: our client of it, the simulated vendor that it asks over a
socket, and what the vendor reports."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.carriers import registry
from chalicelib.clock import SYSTEM
from chalicelib.core.bindings.lease import CarrierLease, Lease, Operation
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.ports import BindingCarrier, Carrier
from chalicelib.core.subscribers import Subscriber
from simulator.dialling import dialled, written
from simulator.vendor_server import Server
from simulator.vendors import Access, Around, Bound, Vendor, simulated
from tests.carriers.vendor import Told, egress
from tests.core.samples import binding
from tests.receivers import Receiver, receiver
from tests.simulator.outside import listening

A, B, C = "8610010000001", "8610010000002", "8610010000003"
X, X2 = "861009000001", "861009000002"
NOW = 1_900_000_000_000
MINUTE_MS = 60_000
LEASE_MS = 10 * MINUTE_MS
ACCOUNT = "our-account"


@dataclass
class Time:
    """The vendor's clock, epoch ms."""

    now_ms: int = NOW


@dataclass
class Desk:
    """Asks a vendor through our client of it."""

    account: CarrierAccount
    vendor: Vendor
    time: Time
    told: Told
    inbox: Receiver

    def carrier(self, *, timeout_s: float = 10, **changes: Any) -> Carrier:
        """Our client; `changes` are of the account."""
        account = replace(self.account, **changes)
        return registry.carrier(
            account, timeout_s=timeout_s, log_call=self.told, egress=egress, runtime=SYSTEM
        )

    @property
    def keeper(self) -> BindingCarrier:
        """The part of it that the contract is about."""
        made = self.carrier().bindings
        assert made is not None
        return made

    def wanted(self, a: str = A, b: str | None = B, x: str = X, **more: Any) -> Binding:
        """A binding as the gateway wants it, for an hour."""
        values = {"id": "12202601151600000123456789", "created": NOW, "expires": NOW + 3_600_000}
        other = Subscriber(b) if b else None
        return binding(**values | {"a": Subscriber(a), "b": other, "number": x} | more)

    def asked(self, request: str = "r1", lease_ms: int = LEASE_MS) -> Operation:
        """What the carrier is asked, for so long from now."""
        now = self.time.now_ms
        return Operation(f"o-{request}", "bind", now, now, lease_ms, request)

    def bound(self, wanted: Binding, keeper: BindingCarrier | None = None) -> tuple[Binding, Lease]:
        """The binding once the carrier has it, and what the carrier said."""
        kept = (keeper or self.keeper).bind(wanted, self.asked(), now=self.time.now_ms)
        lease = CarrierLease(kept.id, kept.until, kept.at_most or kept.until)
        return replace(wanted, lease=lease), kept

    def held(self) -> list[Bound]:
        """What the vendor has."""
        return self.vendor.held()

    def dial(self, caller: str, x: str = X, **how: Any) -> dict[str, Any]:
        """Lets somebody dial an X; what both people saw."""
        return self.vendor.dial(dialled({"from": caller, "to": x, **how}))

    def rings(self, caller: str, x: str = X) -> str | None:
        """Whose telephone rings."""
        callee = self.dial(caller, x)["callee"]
        return callee["number"] if callee else None

    def write(self, caller: str, text: str) -> None:
        """Lets somebody send a message to X."""
        self.vendor.send(written({"from": caller, "to": X, "text": text}))

    def events(self) -> list[Event]:
        """What the vendor has reported so far, as our reader of its callbacks reads it."""
        read = registry.reader(self.account.kind)
        return [
            event
            for _, body in self.inbox.received
            for event in read(body, carrier=ACCOUNT, received=self.time.now_ms).events
        ]


@contextmanager
def desk_of(kind: str) -> Iterator[Desk]:
    """A vendor of this kind that serves until the block ends, and our account with it."""
    with receiver() as inbox, listening() as socket:
        time, made = Time(), simulated()[kind]
        credentials = made.credentials()
        paths = registry.profiles()[kind].callback_paths(ACCOUNT, "token")
        base = inbox.url.removesuffix("/callbacks")
        reports: Mapping[str, str] = {what: base + path for what, path in paths.items()}
        around = Around(inbox.url, clock=time, pauses_s=())
        vendor = made.vendor(Access(callbacks=reports, **credentials), {X: "10", X2: None}, around)
        server = Server(socket, vendor)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        account = CarrierAccount(
            name=ACCOUNT,
            kind=kind,
            key=credentials["key"],
            secrets=(credentials["secret"], "the one before"),
            urls=(f"http://127.0.0.1:{socket.getsockname()[1]}",),
            lease_ms=24 * 60 * MINUTE_MS,
            app_id=credentials.get("app_id"),
            shows_numbers=True,
        )
        try:
            yield Desk(account, vendor, time, Told(), inbox)
        finally:
            vendor.faults.clear()
            server.shutdown()
            server.server_close()
