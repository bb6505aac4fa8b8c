"""What the contract is tested in: gateway, carriers, telephones and apps, over sockets."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import requests

from chalicelib.core.credentials import EMBEDDED
from tests.contract.apps import App
from tests.contract.vendor import InterlineSide, NeteaseSide, VendorSide

ANSWER_S = 60
MOST_TRIES, PAUSE_S = 60, 0.5

Described = dict[str, Any]
"""What the local stack writes into demo.json."""


class Clock(Protocol):
    """The gateway's time."""

    @property
    def now(self) -> int: ...


@dataclass
class World:
    """Everything is asked over HTTP, as from outside: at the gateway, at the simulator's telephones
    and receivers, and at the simulated vendors' control sides."""

    gateway_url: str
    simulator_url: str
    account_with_netease: dict[str, str]
    described: dict[str, Described]
    clock: Clock
    stored: Callable[[], int]
    """How many events the gateway has stored."""
    hand_on: Callable[[], None]
    """Gives the workers their turn, where nobody else does."""

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.netease = NeteaseSide(self, "netease")
        self.interline = InterlineSide(self, "interline")

    def vendor(self, carrier: str) -> VendorSide | None:
        """Who keeps bindings for us; nobody on our own switch."""
        return VendorSide(self, carrier) if carrier != EMBEDDED else None

    def app(self, name: str) -> App:
        """An app of this world."""
        return App(self, self.described[name])

    def dial(self, caller: str, number: str, **how: Any) -> dict[str, Any]:
        """Lets somebody dial an X; what both people saw."""
        return self.control("POST", "/calls", {"from": caller, "to": number, **how})

    def rings(self, caller: str, number: str) -> tuple[str, str] | None:
        """Whose telephone rings and what it shows, when `caller` dials X; None for nobody's."""
        callee = self.dial(caller, number)["callee"]
        return (callee["number"], callee["showed"]) if callee else None

    def write(self, caller: str, number: str, text: str) -> dict[str, Any]:
        """Lets somebody send a message to an X; what both people saw."""
        return self.control("POST", "/messages", {"from": caller, "to": number, "text": text})

    def pace(self, *, lasts_s: float) -> None:
        """From now on a call that a platform places takes so many real seconds."""
        self.control("PUT", "/phones", {"lasts_s": lasts_s})

    def received(self, app: str) -> list[dict[str, Any]]:
        """What the app's receiver got so far, newest last."""
        self.hand_on()
        listed: list[dict[str, Any]] = self.control("GET", f"/received/{app}")
        return listed

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """A request to the simulator, which has to succeed."""
        got = self.session.request(method, self.simulator_url + path, json=body, timeout=ANSWER_S)
        assert got.status_code == 200, got.text
        return got.json()

    def file(self, url: str) -> bytes:
        """What a carrier keeps there."""
        got = self.session.get(url, timeout=ANSWER_S)
        assert got.status_code == 200
        return got.content

    def download(self, url: str, *, auth: tuple[str, str]) -> bytes:
        """A recording at the link that an app was told, which is the gateway's: it opens by a plain
        GET, or with the app's credentials at its address; nobody gets it there without either."""
        assert url.startswith(f"{self.gateway_url}/v1/recordings/"), url
        address, _, signed = url.partition("?")
        for stranger in (None, (auth[0], "not the secret")):
            for wrong in (address, f"{url}0"):
                assert self.session.get(wrong, auth=stranger, timeout=ANSWER_S).status_code == 401
        got = self._opened(address, auth)
        if signed:
            assert self._opened(url, None) == got
        return got

    def _opened(self, url: str, auth: tuple[str, str] | None) -> bytes:
        got = self.session.get(url, auth=auth, timeout=ANSWER_S)
        for _ in range(MOST_TRIES):
            if got.status_code != 409:
                break
            # It is told of before the sound is here.
            assert int(got.headers["Retry-After"]) > 0
            self.hand_on()
            time.sleep(PAUSE_S)
            got = self.session.get(url, auth=auth, timeout=ANSWER_S)
        assert [each.status_code for each in (*got.history, got)] == [302, 200]
        return got.content
