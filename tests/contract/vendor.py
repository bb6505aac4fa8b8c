"""The simulated vendors from their control sides: what they hold, what they were asked, how they
fail."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from simulator.clock import MovableClock
from simulator.netease.callbacks import Callbacks
from simulator.netease.signature import Account

if TYPE_CHECKING:
    from tests.contract.worlds import World


class VendorSide:
    """The simulator's requests that all vendors have."""

    def __init__(self, world: "World", name: str) -> None:
        self._world, self.name = world, name

    def held(self, *people: str) -> list[dict[str, Any]]:
        """The live bindings of exactly these (simulator.vendors.Bound), or the XA of one."""
        listed: list[dict[str, Any]] = self._control("GET", "held")
        return [each for each in listed if {each["a"], each["b"]} - {None} == {*people}]

    def asked(self, path: str | None = None) -> int:
        """How many requests of this kind came to its API; of any kind, if none is given."""
        counts: dict[str, int] = self._control("GET", "requests")
        return sum(counts.values()) if path is None else counts.get(path, 0)

    def fail(self, path: str, kind: str, *, times: int | None = 1) -> None:
        """The next requests of this kind go wrong; all of them with None."""
        self._control("PUT", "faults", {"path": path, "kind": kind, "times": times})

    def recover(self) -> None:
        """Nothing goes wrong any more."""
        self._control("DELETE", "faults")

    def send_again(self, *, last: int, reverse: bool = False) -> dict[str, int]:
        """Sends its latest callbacks once more."""
        told: dict[str, int] = self._control(
            "POST", "callbacks", {"last": last, "reverse": reverse}
        )
        return told

    def _live(self) -> list[dict[str, Any]]:
        return [each for each in self._control("GET", "bindings") if each["state"] == "live"]

    def _control(self, method: str, path: str, body: Any = None) -> Any:
        return self._world.control(method, f"/{self.name}/{path}", body)


class NeteaseSide(VendorSide):
    """NetEase's."""

    def holds(self, *people: str) -> list[dict[str, Any]]:
        """The live bindings of exactly these two."""
        return [each for each in self._live() if {each["phoneA"], each["phoneB"]} == set(people)]

    def token(self, phone: str, operator: str = "mobile") -> str:
        """One for one-click login, made on this telephone."""
        return str(self._control("POST", "tokens", {"phone": phone, "operator": operator})["token"])

    def checks_address(self) -> bool:
        """Whether the gateway's address is taken, as when it is saved."""
        return bool(self._control("POST", "check_address")["ok"])

    def callbacks(self, *, secret: str | None = None) -> Callbacks:
        """Lets a test send callbacks of its own making; signed as the vendor does unless another
        secret is given."""
        known = self._world.account_with_netease
        url = f"{self._world.gateway_url}/callbacks/netease/{known['account']}"
        account = Account(known["app_key"], secret or known["app_secret"], url)
        return Callbacks(account, MovableClock(), pauses_s=())


class InterlineSide(VendorSide):
    """interline's."""

    def holds(self, *people: str) -> list[dict[str, Any]]:
        """The live bindings of exactly these, or the transfers to one; oldest first."""
        wanted = {_national(person) for person in people}
        return [each for each in self._live() if _people(each) == wanted]

    def set(self, **settings: Any) -> None:
        """Changes what the account there is, and may do."""
        self._control("PUT", "account", settings)

    def force(self, result: str, *, released_by: str = "0") -> None:
        """The next call to an X of it ends with this."""
        self._control("PUT", "results", {"result": result, "releasedir": released_by})


def _people(binding: dict[str, Any]) -> Collection[str]:
    return {binding["anum"], binding["bnum"]} - {None}


def _national(number: str) -> str:
    return number.removeprefix("86")
