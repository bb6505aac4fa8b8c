"""A client of the simulated interline, written from its document."""

import hashlib
from typing import Any

import requests

from simulator.clock import Now

DEVID = "10000000"
AUTH_KEY = "auth-key"
APPID = "app-1"
ALICE, BOB, CAROL = "10012340001", "10012340002", "10012340003"
X1, X2, X_LONG = "10030000001", "10030000002", "700000000000007"
XS = [X1, X2, X_LONG]
INTERLINE = "/igw/service/uc/interline"
STATUS = "/api/v1/account/status"


def keytime(*, now_ms: int, devid: str = DEVID, auth_key: str = AUTH_KEY) -> dict[str, str]:
    """The header."""
    digest = hashlib.sha256(f"{auth_key}{now_ms}".encode()).hexdigest()
    return {"Authorization": f"Keytime {devid},{now_ms},{digest[24:40]}"}


class InterlineApi:
    """Sends forms, signed."""

    def __init__(self, url: str, clock: Now) -> None:
        self.url = url
        self._clock = clock

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """`more` are requests' own."""
        given = {"headers": keytime(now_ms=self._clock.now_ms)} | more
        return requests.request(method, self.url + path, timeout=10, **given)

    def _json(self, *request: str, **more: Any) -> Any:
        answer = self.send(*request, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def bind(self, x: str = X1, a: str = ALICE, b: str = BOB, **more: Any) -> Any:
        """For ten minutes, under the request id r1, unless it is said otherwise."""
        given = {"appid": APPID, "anum": a, "bnum": b, "reqid": "r1", "ttl": 600} | more
        return self._json("PUT", f"{INTERLINE}/{x}", data=given)

    def transfer(self, x: str = X1, a: str = ALICE, **more: Any) -> Any:
        """Without end, under the request id t1, unless it is said otherwise."""
        given = {"appid": APPID, "anum": a, "reqid": "t1"} | more
        return self._json("PUT", f"{INTERLINE}/{x}/transfer", data=given)

    def release(self, subid: str) -> Any:
        return self._json("DELETE", INTERLINE, params={"appid": APPID, "subid": subid})

    def release_transfer(self, x: str = X1) -> Any:
        return self._json("DELETE", f"{INTERLINE}/{x}/transfer", params={"appid": APPID})

    def status(self) -> Any:
        return self._json("GET", STATUS)
