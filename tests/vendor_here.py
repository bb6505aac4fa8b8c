"""A simulated NetEase in this process, over HTTP, on a clock that a test moves."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from admin import provision
from simulator.netease.signature import Account
from simulator.netease.vendor import Vendor
from simulator.vendor_server import Server
from tests.simulator.outside import listening

ACCOUNT = "netease-a"
KEY, SECRET = "vendor-key", "vendor-secret"


@dataclass
class Clock:
    """The vendor's time, epoch ms; stands still until a test moves it."""

    now_ms: int


@dataclass
class VendorHere:
    """The vendor, its time, and where it answers."""

    vendor: Vendor
    clock: Clock
    url: str

    def live(self) -> list[tuple[str, str]]:
        """(userData, X) of what it connects."""
        told = self.vendor.privacy.all()
        return sorted((e["userData"], e["phoneX"]) for e in told if e["state"] == "live")


@contextmanager
def vendor_here(
    numbers: Sequence[str], *, now: int, callback_url: str = "http://127.0.0.1:9/"
) -> Iterator[VendorHere]:
    """Answers until the block ends."""
    clock = Clock(now)
    vendor = Vendor(
        Account(KEY, SECRET, callback_url),
        dict.fromkeys(numbers),
        recordings_url="http://recordings.test",
        clock=clock,
        pauses_s=(0.01,),
    )
    opened = listening()
    url = f"http://127.0.0.1:{opened.getsockname()[1]}"
    server = Server(opened, vendor)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield VendorHere(vendor, clock, url)
    finally:
        vendor.faults.clear()
        server.shutdown()
        server.server_close()


def account_at(*urls: str, lease_minutes: int = 1440, name: str = ACCOUNT) -> None:
    """Registers our account with it, in the stage of the environment."""
    provision.create_carrier(
        name, kind="netease", key=KEY, secret=SECRET, urls=urls, lease_minutes=lease_minutes
    )
