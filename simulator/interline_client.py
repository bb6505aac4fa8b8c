"""A client as an app would write it from interline's document; shares no code with the gateway."""

import hashlib
import json
import time
import uuid
from typing import Any
from urllib.parse import parse_qsl

import requests

TIMEOUT_S = 30.0
INTERLINE = "/igw/service/uc/interline"


class InterlineClient:
    """The account's status, and AXB and XA on and off, signed by Keytime."""

    def __init__(self, base_url: str, *, devid: str, auth_key: str, appid: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._devid = devid
        self._auth_key = auth_key
        self._appid = appid
        self._session = requests.Session()
        self._session.trust_env = False

    def status(self) -> dict[str, Any]:
        """What the account is and has."""
        return self._send("GET", "/api/v1/account/status")

    def bind(self, number: str, *, a: str, b: str, seconds: int, **more: Any) -> dict[str, Any]:
        """Binds two people; `more` are reqid (a new one if not given), record, display, anucode,
        ansanu, userData."""
        given = {"anum": a, "bnum": b, "ttl": seconds, "reqid": uuid.uuid4().hex} | more
        return self._send("PUT", f"{INTERLINE}/{number}", form=given)

    def release(self, subid: str) -> dict[str, Any]:
        """Ends a binding of two people."""
        return self._send("DELETE", INTERLINE, query={"subid": subid})

    def transfer(self, number: str, *, a: str, **more: Any) -> dict[str, Any]:
        """Lets everybody reach somebody over an X; `more` as for `bind`, and ttl."""
        given = {"anum": a, "reqid": uuid.uuid4().hex} | more
        return self._send("PUT", f"{INTERLINE}/{number}/transfer", form=given)

    def release_transfer(self, number: str) -> dict[str, Any]:
        """Ends that."""
        return self._send("DELETE", f"{INTERLINE}/{number}/transfer", query={})

    def _send(
        self,
        method: str,
        path: str,
        *,
        form: dict[str, Any] | None = None,
        query: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        now_ms = str(int(time.time() * 1000))
        digest = hashlib.sha256((self._auth_key + now_ms).encode()).hexdigest()
        appid = {"appid": self._appid}
        response = self._session.request(
            method,
            self._base_url + path,
            data=appid | form if form is not None else None,
            params=appid | query if query is not None else None,
            headers={"Authorization": f"Keytime {self._devid},{now_ms},{digest[24:40]}"},
            timeout=TIMEOUT_S,
        )
        answer: dict[str, Any] = response.json()
        return answer


def callback_of(*, headers: dict[str, str], body: str) -> dict[str, Any]:
    """What an app is told, a form or JSON."""
    given = {name.lower(): value for name, value in headers.items()}
    if given.get("content-type", "").startswith("application/json"):
        told: dict[str, Any] = json.loads(body)
        return told
    return dict(parse_qsl(body, keep_blank_values=True))
