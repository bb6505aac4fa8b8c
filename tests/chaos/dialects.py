"""How an app's backend says it over HTTP: NetEase's API and interline's, without a library of ours.

Every answer is done, refused, or unknown: no answer at all, an HTTP error, or a code that says that
nobody knows what became of it.
"""

import hashlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import requests

from simulator.seed import App
from tests.chaos.model import Outcome

TIMEOUT_S = (3.0, 9.0)
"""For the connection, and for silence: a client gives up long before a gateway goes on again."""
INTERLINE = "/igw/service/uc/interline"
_NETEASE_SURE = frozenset({403, 404, 414, 417, 601, 602, 603})
_INTERLINE_SURE = frozenset({1002, 1100, 1102, 1103, 1110, 1300, 1301, 1302})
"""Refused. 1400 is not among them: where the carrier of a binding that was to end was not reached,
the schedule goes on to end it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client makes of an answer. `code` is text: of the API, or why there is none."""

    outcome: Outcome
    code: str
    content: Mapping[str, Any]


class Dialect(Protocol):
    """What an app asks for. `request` is the id by which a repeat is known."""

    name: str
    transfers: bool

    def bind(self, *, a: str, b: str, x: str | None, life_s: int, request: str) -> Answer:
        """Two people over an X."""
        ...

    def end(self, binding: str) -> Answer:
        """No more."""
        ...


class _Http:
    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False

    def ask(
        self, method: str, path: str, *, code: str, sure: frozenset[int], **more: Any
    ) -> Answer:
        try:
            got = self._session.request(method, self._url + path, timeout=TIMEOUT_S, **more)
            content = got.json()
            said = int(content[code])
        except requests.RequestException as error:
            return Answer("unknown", type(error).__name__, {})
        except (ValueError, KeyError, TypeError):
            return Answer("unknown", f"HTTP {got.status_code}", {})
        if said in (0, 200):
            return Answer("done", str(said), content)
        return Answer("refused" if said in sure else "unknown", str(said), content)


class Netease:
    """Phones with country code, lifetimes in minutes, `RequestId`."""

    name = "netease"
    transfers = False

    def __init__(self, url: str, app: App) -> None:
        self._http = _Http(url)
        self._key, self._secret = app.app_key, app.app_secret

    def bind(self, *, a: str, b: str, x: str | None, life_s: int, request: str) -> Answer:
        """See Dialect; whole minutes."""
        given = {"phoneA": f"86{a}", "phoneB": f"86{b}", "expiration": life_s // 60}
        given |= {"phoneX": x} if x else {}
        return self._ask("bind", given | {"userData": request}, request)

    def end(self, binding: str) -> Answer:
        """See Dialect."""
        return self._ask("unbind", {"bindId": binding})

    def delay(self, binding: str, *, minutes: int, request: str) -> Answer:
        """So much longer."""
        return self._ask("delay", {"bindId": binding, "delta": minutes}, request)

    def query(self, binding: str) -> Answer:
        """`bindInfos` with the binding, if it lives."""
        return self._ask("query", {"opType": 1, "bindId": binding})

    def on_number(self, x: str) -> Answer:
        """`bindInfos` of all that live on an X."""
        return self._ask("query", {"opType": 0, "phoneX": x})

    def _ask(self, call: str, given: dict[str, Any], request: str | None = None) -> Answer:
        nonce, at = uuid.uuid4().hex, str(int(time.time()))
        text = (self._secret + nonce + at).encode()
        headers = {
            "AppKey": self._key,
            "Nonce": nonce,
            "CurTime": at,
            "CheckSum": hashlib.sha1(text, usedforsecurity=False).hexdigest(),
        }
        headers |= {"RequestId": request} if request else {}
        path = f"/smallphone/axb/{call}"
        return self._http.ask(
            "POST", path, code="code", sure=_NETEASE_SURE, data=given, headers=headers
        )


class Interline:
    """Phones as in China, lifetimes in seconds, `reqid`."""

    name = "interline"

    def __init__(self, url: str, app: App, *, transfers: bool) -> None:
        self._http = _Http(url)
        self._access = app.credentials
        self.transfers = transfers

    def bind(self, *, a: str, b: str, x: str | None, life_s: int, request: str) -> Answer:
        """See Dialect."""
        given = {"anum": a, "bnum": b, "ttl": life_s, "reqid": request, "userData": request}
        return self._ask("PUT", f"/{x}", data=given)

    def end(self, binding: str) -> Answer:
        """See Dialect."""
        return self._ask("DELETE", "", params={"subid": binding})

    def transfer(self, x: str, *, a: str, life_s: int, request: str) -> Answer:
        """Everybody reaches A over X; 0 s: for good."""
        given = {"anum": a, "ttl": life_s, "reqid": request, "userData": request}
        return self._ask("PUT", f"/{x}/transfer", data=given)

    def end_transfer(self, x: str) -> Answer:
        """Nobody does."""
        return self._ask("DELETE", f"/{x}/transfer", params={})

    def _ask(self, method: str, path: str, **given: dict[str, Any]) -> Answer:
        at = str(int(time.time() * 1000))
        digest = hashlib.sha256((self._access["auth_key"] + at).encode()).hexdigest()
        headers = {"Authorization": f"Keytime {self._access['devid']},{at},{digest[24:40]}"}
        parameters = {name: {"appid": self._access["appid"]} | it for name, it in given.items()}
        return self._http.ask(
            method,
            INTERLINE + path,
            code="error",
            sure=_INTERLINE_SURE,
            headers=headers,
            **parameters,
        )
