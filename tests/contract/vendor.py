"""The simulated NetEase from its control side: what it holds, what it was asked, how it fails."""

from typing import TYPE_CHECKING, Any

from simulator.clock import MovableClock
from simulator.netease.callbacks import Callbacks
from simulator.netease.signature import Account

if TYPE_CHECKING:
    from tests.contract.worlds import World


class VendorSide:
    """The simulator's requests below /netease."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def holds(self, *people: str) -> list[dict[str, Any]]:
        """The live bindings of exactly these two."""
        return [
            each
            for each in self._world.control("GET", "/netease/bindings")
            if each["state"] == "live" and {each["phoneA"], each["phoneB"]} == set(people)
        ]

    def asked(self, path: str) -> int:
        """How many requests came to a path of its API."""
        counts: dict[str, int] = self._world.control("GET", "/netease/requests")
        return counts.get(path, 0)

    def token(self, phone: str, operator: str = "mobile") -> str:
        """One for one-click login, made on this telephone."""
        made = self._world.control(
            "POST", "/netease/tokens", {"phone": phone, "operator": operator}
        )
        return str(made["token"])

    def fail(self, path: str, kind: str, *, times: int | None = 1) -> None:
        """The next requests to this path go wrong; all of them with None."""
        fault = {"path": path, "kind": kind, "times": times}
        self._world.control("PUT", "/netease/faults", fault)

    def recover(self) -> None:
        """Nothing goes wrong any more."""
        self._world.control("DELETE", "/netease/faults")

    def send_again(self, *, last: int, reverse: bool = False) -> dict[str, int]:
        """Sends its latest callbacks once more."""
        told: dict[str, int] = self._world.control(
            "POST", "/netease/callbacks", {"last": last, "reverse": reverse}
        )
        return told

    def checks_address(self) -> bool:
        """Whether the gateway's address is taken, as when it is saved."""
        return bool(self._world.control("POST", "/netease/check_address")["ok"])

    def callbacks(self, *, secret: str | None = None) -> Callbacks:
        """Lets a test send callbacks of its own making; signed as the vendor does unless another
        secret is given."""
        known = self._world.netease
        url = f"{self._world.gateway_url}/callbacks/netease/{known['account']}"
        account = Account(known["app_key"], secret or known["app_secret"], url)
        return Callbacks(account, MovableClock(), pauses_s=())
