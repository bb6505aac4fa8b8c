"""A client as an app would write it from NetEase's document; shares no code with the gateway."""

import hashlib
import time
import uuid
from typing import Any

import requests

TIMEOUT_S = 30.0


class NeteaseClient:
    """The four AXB calls and the registration of a user, signed as documented."""

    def __init__(self, base_url: str, *, app_key: str, app_secret: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._app_key = app_key
        self._app_secret = app_secret
        self._session = requests.Session()
        self._session.trust_env = False

    def bind(self, *, a: str, b: str, minutes: int, **more: Any) -> dict[str, Any]:
        """Binds two people; `more` are phoneX, areaCode, recordFlag, userData."""
        return self._post("bind", {"phoneA": a, "phoneB": b, "expiration": minutes, **more})

    def unbind(self, bind_id: str) -> dict[str, Any]:
        """Ends a binding."""
        return self._post("unbind", {"bindId": bind_id})

    def delay(self, bind_id: str, *, minutes: int) -> dict[str, Any]:
        """Lets a binding live longer."""
        return self._post("delay", {"bindId": bind_id, "delta": minutes})

    def query(self, *, bind_id: str | None = None, number: str | None = None) -> dict[str, Any]:
        """What is bound under an id, or on an X number."""
        if bind_id is not None:
            return self._post("query", {"opType": 1, "bindId": bind_id})
        return self._post("query", {"opType": 0, "phoneX": number})

    def register(self, accid: str) -> dict[str, Any]:
        """Registers a user, in whose name calls can be placed."""
        return self._send("/nimserver/user/create.action", {"accid": accid})

    def _post(self, call: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._send(f"/smallphone/axb/{call}", parameters)

    def _send(self, path: str, parameters: dict[str, Any]) -> dict[str, Any]:
        nonce, now_s = uuid.uuid4().hex, str(int(time.time()))
        signed = hashlib.sha1((self._app_secret + nonce + now_s).encode(), usedforsecurity=False)
        headers = {
            "AppKey": self._app_key,
            "Nonce": nonce,
            "CurTime": now_s,
            "CheckSum": signed.hexdigest(),
            "Content-Type": "application/x-www-form-urlencoded;charset=utf-8",
        }
        url = self._base_url + path
        response = self._session.post(url, data=parameters, headers=headers, timeout=TIMEOUT_S)
        answer: dict[str, Any] = response.json()
        return answer


def callback_is_genuine(*, headers: dict[str, str], body: str, app_secret: str) -> bool:
    """Checks a callback's MD5 and CheckSum over its raw body, as the receiver of an app should."""
    given = {name.lower(): value for name, value in headers.items()}
    digest = hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()
    text = app_secret + digest + given.get("curtime", "")
    checksum = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return given.get("md5") == digest and given.get("checksum") == checksum
