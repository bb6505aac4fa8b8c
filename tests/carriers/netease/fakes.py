"""The ports that NetEase's facades stand on, in memory, and a client that signs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlencode

from chalicelib.carriers.netease.door import Door
from chalicelib.core import errors
from chalicelib.core.calls import CallAsk, PlacedCall
from chalicelib.core.credentials import AppCredentials, CarrierAccount, SwitchCredentials
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import Carrier
from chalicelib.core.rate import RateLimiter
from chalicelib.core.standing import Standing
from chalicelib.core.values import App, AppState, Pool, Subscriber

NOW = 1_900_000_000_000
X = "8610000000001"
_nonces = count(1)


def app(name: str = "demo", **settings: Any) -> App:
    """A tenant with one X."""
    usual: dict[str, Any] = {
        "carrier": "netease-demo",
        "callback_url": "http://127.0.0.1:9/",
        "state": AppState.ACTIVE,
        "quota": 10,
        "quota_shards": 1,
        "rate": 1000,
        "cooling_ms": 0,
        "retention_ms": 1,
        "max_call_s": 3600,
        "strict_nonce": False,
        "pool": Pool({X: None}),
    }
    return App(name=name, **usual | settings)


def tag(*parts: str) -> str:
    """Stands for the keyed digest."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


class MemoryCredentials:
    """Each app's key is `key-<app>`, its secrets are `secret-<app>` and the previous one."""

    def __init__(self, **login: str | None) -> None:
        self._login = login

    def app(self, app_key: str) -> AppCredentials | None:
        name = app_key.removeprefix("key-")
        secrets = (f"secret-{name}", f"previous-{name}")
        return AppCredentials(name, app_key, secrets, **self._login) if name != app_key else None

    def of_app(self, name: str) -> AppCredentials | None:
        return self.app(f"key-{name}")

    def developer(self, developer: str) -> AppCredentials | None:
        return None

    def developer_of(self, name: str) -> AppCredentials | None:
        return None

    def switch(self, user: str) -> SwitchCredentials | None:
        return None

    def carrier(self, name: str) -> CarrierAccount | None:
        return None


class MemoryApps:
    def __init__(self, *apps: App) -> None:
        self._apps = {each.name: each for each in apps}

    def get(self, name: str) -> App | None:
        return self._apps.get(name)

    def owner_of(self, number: str) -> str | None:
        return None


class MemoryLedger:
    """What every app has to spend."""

    def __init__(self, balance: int = 0) -> None:
        self.balance = balance

    def standing(self, app: str) -> Standing:
        return Standing(self.balance, overdraft=0, created=None, updated=None)


class MemoryNonces:
    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], str] = {}

    def claim(self, *, app: str, nonce: str, content: str, now: int) -> bool:
        return self._seen.setdefault((app, nonce), content) == content


class MemoryPlacedCalls:
    def __init__(self) -> None:
        self.calls: list[tuple[PlacedCall, str | None]] = []

    def claim(self, call: PlacedCall, *, now: int) -> PlacedCall | None:
        parties = {party.digits for party in call.ask.parties}
        for other, session in self.calls:
            if parties == {party.digits for party in other.ask.parties} and now < other.until:
                return PlacedCall(
                    other.app,
                    other.carrier,
                    other.ask,
                    other.request,
                    other.created,
                    other.until,
                    session,
                )
        self.calls.append((call, None))
        return None

    def started(self, call: PlacedCall, *, session: str) -> None:
        self.calls[self.calls.index((call, None))] = (call, session)

    def drop(self, call: PlacedCall) -> None:
        self.calls.remove((call, None))

    def get(self, session: str, *, carrier: str) -> PlacedCall | None:
        found = [call for call, its in self.calls if its == session and call.carrier == carrier]
        return found[0] if found else None

    def among(self, parties: Sequence[Subscriber], *, carrier: str) -> PlacedCall | None:
        return None

    def end(self, call: PlacedCall, *, now: int) -> None:
        self.calls = [(each, its) for each, its in self.calls if each != call]


class MemoryAccounts:
    def __init__(self) -> None:
        self.users: dict[tuple[str, str], str] = {}
        self.confirmed: set[tuple[str, str]] = set()

    def confirm(self, user: str, *, carrier: str, app: str) -> None:
        if self.users.setdefault((carrier, user), app) == app:
            self.confirmed.add((carrier, user))

    def add(self, user: str, *, carrier: str, app: str) -> str | None:
        taken = self.users.get((carrier, user))
        self.users.setdefault((carrier, user), app)
        return taken

    def remove(self, user: str, *, carrier: str, app: str) -> None:
        mine = self.users.get((carrier, user)) == app
        if mine and (carrier, user) not in self.confirmed:
            del self.users[carrier, user]

    def owner(self, user: str, *, carrier: str) -> str | None:
        return self.users.get((carrier, user))


@dataclass
class FakeCarrier:
    """Dialler, PhoneLogin and Messenger in one: notes what it is asked, answers `answer`, or
    raises it."""

    answer: Any = None
    asked: list[Any] = field(default_factory=list)

    def place(self, ask: CallAsk, *, session: str, now: int) -> str:
        return str(self._answered(ask) or session)

    def status(self, session: str, *, conference: bool, now: int) -> Mapping[str, str | int]:
        answered: Mapping[str, str | int] = self._answered((session, conference))
        return answered

    def number(self, token: str, *, certificate: str | None, now: int) -> str:
        return str(self._answered((token, certificate)))

    def relay(
        self, call: str, *, body: bytes, query: str, headers: Mapping[str, str], now: int
    ) -> tuple[int, bytes]:
        status, reply = self._answered((call, body, query, headers))
        return status, reply

    def _answered(self, asked: Any) -> Any:
        self.asked.append(asked)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class MemoryCarriers:
    """`netease-demo` can do it all, `trunk` places calls, any other name can do nothing."""

    fake: FakeCarrier = field(default_factory=FakeCarrier)

    def of(self, name: str) -> Carrier:
        able = {
            "netease-demo": ("keeper", "dialler", "phone_login", "messenger"),
            "trunk": ("dialler",),
        }
        return Carrier(name, "any", **dict.fromkeys(able.get(name, ()), self.fake))


def door(*apps: App, **login: str | None) -> Door:
    """The way in for these apps, `demo` if none is named."""
    return Door(
        credentials=MemoryCredentials(**login),
        apps=MemoryApps(*(apps or (app(),))),
        nonces=MemoryNonces(),
        limiter=RateLimiter(),
        tag=tag,
    )


def request(
    parameters: Mapping[str, Any] | bytes = b"",
    *,
    app: str = "demo",
    secret: str | None = None,
    nonce: str | None = None,
    query: Mapping[str, str] | None = None,
    method: str = "POST",
    **headers: str,
) -> Request:
    """A request that `app` signed; of `headers`, an underscore stands for a hyphen."""
    nonce = nonce or f"nonce-{next(_nonces)}"
    cur_time = str(NOW // 1000)
    signed = f"{secret or f'secret-{app}'}{nonce}{cur_time}".encode()
    given = {
        "appkey": f"key-{app}",
        "nonce": nonce,
        "curtime": cur_time,
        "checksum": hashlib.sha1(signed, usedforsecurity=False).hexdigest(),
    }
    given |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
    body = parameters if isinstance(parameters, bytes) else urlencode(parameters).encode()
    return Request(method, given, tuple((query or {}).items()), body)


def read(reply: Reply, *, http: int = 200) -> dict[str, Any]:
    """The JSON of a reply with this HTTP status."""
    assert reply.status == http, reply
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    body = json.loads(reply.body)
    assert reply.facts["code"] == body["code"]
    assert isinstance(body, dict)
    return body


CARRIER_ERRORS: list[tuple[errors.GatewayError, int]] = [
    (errors.CarrierRefused("the carrier refused it"), 514),
    (errors.Unavailable("no answer"), 514),
    (errors.NotReached("no connection"), 514),
    (errors.RateExceeded("too many"), 416),
]
"""What any carrier may do, and the code that a client is given."""
