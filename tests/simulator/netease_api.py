"""A client of the simulated NetEase, written from its documents."""

import hashlib
from typing import Any

import requests

from simulator.clock import Now

KEY = "vendor-key"
SECRET = "vendor-secret"
ALICE = "8610012340001"
BOB = "8610012340002"
CAROL = "8610012340003"
X1, X2, X_SHANGHAI, X_LONG = "8610090000001", "8610090000002", "8610090000006", "700000000000003"
NUMBERS = {X1: "10", X2: "10", X_SHANGHAI: "21", X_LONG: None}


def signed(*, nonce: str, now_ms: int, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
    """The four headers."""
    now_s = str(now_ms // 1000)
    text = f"{secret}{nonce}{now_s}".encode()
    checksum = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    return {"AppKey": key, "Nonce": nonce, "CurTime": now_s, "CheckSum": checksum}


class NeteaseApi:
    """Posts forms, signed."""

    def __init__(self, url: str, clock: Now) -> None:
        self.url = url
        self._clock = clock

    def send(self, path: str, parameters: Any = None, **headers: str) -> requests.Response:
        """Header names may be given with `_` for `-`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return requests.post(
            self.url + path,
            data=parameters,
            headers=signed(nonce="123456", now_ms=self._clock.now_ms) | given,
            timeout=10,
        )

    def post(self, path: str, **parameters: Any) -> Any:
        """The JSON of the answer, whose HTTP status is 200."""
        answer = self.send(path, parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def bind(self, a: str = ALICE, b: str = BOB, **more: Any) -> Any:
        """For ten minutes unless it is said otherwise."""
        given = {"phoneA": a, "phoneB": b, "expiration": 10, **more}
        return self.post("/smallphone/axb/bind", **given)

    def unbind(self, bind_id: str) -> Any:
        return self.post("/smallphone/axb/unbind", bindId=bind_id)

    def delay(self, bind_id: str, minutes: int) -> Any:
        return self.post("/smallphone/axb/delay", bindId=bind_id, delta=minutes)

    def on(self, number: str) -> list[dict[str, Any]]:
        """What is bound on an X."""
        answer = self.post("/smallphone/axb/query", opType=0, phoneX=number)
        assert answer["code"] == 200
        listed: list[dict[str, Any]] = answer["bindInfos"]
        return listed
