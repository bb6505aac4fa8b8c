"""A simulated interline in this process, over HTTP, on a clock that a test moves."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from admin import provision
from simulator.interline.account import Account
from simulator.interline.vendor import Vendor
from simulator.vendor_server import Server
from tests.developers import INTERLINE
from tests.simulator.outside import listening
from tests.vendor_here import Clock

ACCOUNT = "interline-a"
DEVID, AUTH_KEY, APPID = "10000000", "vendor-auth-key", "vendor-app"
BIND, RELEASE = f"PUT {INTERLINE}/{{x}}", f"DELETE {INTERLINE}"
TRANSFER, END_TRANSFER = f"{BIND}/transfer", f"DELETE {INTERLINE}/{{x}}/transfer"


@dataclass
class InterlineHere:
    """The vendor, its time, and where it answers."""

    vendor: Vendor
    clock: Clock
    url: str

    def live(self) -> list[tuple[str, str]]:
        """(userData, X) of what it connects."""
        return sorted((each["userData"], each["x"]) for each in self.told())

    def told(self) -> list[dict[str, Any]]:
        """All of it."""
        return [each for each in self.vendor.bindings.all() if each["state"] == "live"]

    @property
    def asked(self) -> Counter[str]:
        """How often it was asked for what."""
        return self.vendor.requests


@contextmanager
def interline_here(
    numbers: Sequence[str], *, now: int, overlap: bool = True
) -> Iterator[InterlineHere]:
    """Answers until the block ends; its callbacks reach nobody."""
    clock = Clock(now)
    account = Account(DEVID, AUTH_KEY, APPID, "http://127.0.0.1:9", overlap=overlap)
    vendor = Vendor(
        account, numbers, recordings_url="http://recordings.test", clock=clock, pauses_s=()
    )
    opened = listening()
    url = f"http://127.0.0.1:{opened.getsockname()[1]}"
    server = Server(opened, vendor)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield InterlineHere(vendor, clock, url)
    finally:
        vendor.faults.clear()
        server.shutdown()
        server.server_close()


def account_at(url: str, *, lease_minutes: int = 1440, name: str = ACCOUNT) -> None:
    """Registers our account with it, in the stage of the environment."""
    provision.create_carrier(
        name,
        kind="interline",
        key=DEVID,
        secret=AUTH_KEY,
        app_id=APPID,
        urls=[url],
        lease_minutes=lease_minutes,
    )
