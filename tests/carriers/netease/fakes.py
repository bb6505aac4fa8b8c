"""The ports that NetEase's facades stand on, in memory, and a client that signs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any
from urllib.parse import urlencode

from chalicelib.carriers.facade import Access
from chalicelib.core import errors
from chalicelib.core.balance import Balance
from chalicelib.core.bindings.call_routes import Owner
from chalicelib.core.calls.placed_calls import CallAsk, Occupied, PlacedCall
from chalicelib.core.credentials import AppCredentials, CarrierAccount, SwitchCredentials
from chalicelib.core.messages import Reply, Request
from chalicelib.core.ports import Carrier
from chalicelib.core.requests import Earlier, RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App, Pool
from chalicelib.services.rate_limit import RateLimiter

NOW = 1_900_000_000_000
X = "8610000000001"
_nonces = count(1)


def app(name: str = "demo", **settings: Any) -> App:
    """A tenant with one X."""
    usual: dict[str, Any] = {
        "carrier": "netease-demo",
        "callback_url": "http://127.0.0.1:9/",
        "quota": 10,
        "rate": 1000,
        "cooling_s": 0,
        "max_call_s": 3600,
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

    def lacks_carrier(self, name: str) -> bool:
        return self.carrier(name) is None

    def carrier(self, name: str) -> CarrierAccount | None:
        return None


class MemoryApps:
    def __init__(self, *apps: App) -> None:
        self._apps = {each.name: each for each in apps}

    def get(self, name: str) -> App | None:
        return self._apps.get(name)

    def owners_of(self, number: str, *, fresh: bool = False) -> tuple[Owner, ...]:
        return ()


class MemoryLedger:
    """What every app has to spend."""

    def __init__(self, balance: int = 0) -> None:
        self.balance = balance

    def standing(self, app: str) -> Balance:
        return Balance(self.balance, overdraft=0, created=None, updated=None)


class MemoryNonces:
    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], str | None] = {}

    def claim(self, *, app: str, signature: str, content: str | None, now: int) -> bool:
        new = (app, signature) not in self._seen
        first = self._seen.setdefault((app, signature), content)
        return new or (content is not None and first == content)


class MemoryAnswers:
    def __init__(self) -> None:
        self.seen: dict[tuple[str, str], Earlier] = {}

    def begin(self, request: RequestId, *, app: str, now: int) -> Earlier | None:
        earlier = self.seen.get((app, request.key))
        self.seen.setdefault((app, request.key), Earlier(request.content, now))
        return earlier

    def keep(self, answer: str, request: RequestId, *, app: str, began: int) -> None:
        self.seen[app, request.key] = Earlier(request.content, began, answer)

    def forget(self, request: RequestId, *, app: str, began: int) -> None:
        del self.seen[app, request.key]


class MemoryPlacedCalls:
    def __init__(self) -> None:
        self.calls: list[PlacedCall] = []
        self.requests: dict[tuple[str, str], Earlier] = {}

    def claim(self, call: PlacedCall, *, once: bool, now: int) -> Occupied | None:
        mine = (call.app, call.request.key)
        running = self.among(call.ask.parties, carrier=call.carrier, app=call.app)
        over = running is None or running.ended is not None or now >= running.until
        occupied = Occupied(None if over else running, self.requests.get(mine) if once else None)
        if occupied != Occupied():
            return occupied
        self.calls.append(call)
        if once:
            self.requests[mine] = Earlier(call.request.content, now)
        return None

    def started(self, call: PlacedCall, *, session: str) -> None:
        self._change(call, session=session)

    def drop(self, call: PlacedCall, *, once: bool) -> None:
        self.calls.remove(call)
        self.requests.pop((call.app, call.request.key), None)

    def get(self, session: str, *, carrier: str) -> PlacedCall | None:
        found = [call for call in self.calls if (call.session, call.carrier) == (session, carrier)]
        return found[0] if found else None

    def among(self, parties: Sequence[Subscriber], *, carrier: str, app: str) -> PlacedCall | None:
        latest = [
            call
            for call in self.calls
            if (set(call.ask.parties), call.carrier, call.app) == (set(parties), carrier, app)
        ]
        return latest[-1] if latest else None

    def end(self, call: PlacedCall, *, now: int) -> None:
        self._change(call, ended=now)

    def _change(self, call: PlacedCall, **changes: Any) -> None:
        # The latest, because the clock of these tests stands still.
        *_, at = [i for i, each in enumerate(self.calls) if each.request == call.request]
        self.calls[at] = replace(self.calls[at], **changes)


class MemoryAccounts:
    def __init__(self) -> None:
        self.users: dict[tuple[str, str], str] = {}
        self.confirmed: set[tuple[str, str]] = set()
        self.requests: dict[tuple[str, str], Earlier] = {}

    def register(
        self, user: str, *, namespace: str, app: str, request: RequestId, now: int
    ) -> Earlier | None:
        if (earlier := self.requests.get((app, request.key))) is not None:
            return earlier
        if (namespace, user) in self.users:
            raise errors.AccountExists
        self.users[namespace, user] = app
        self.requests[app, request.key] = Earlier(request.content, now)
        return None

    def confirm(self, user: str, *, namespace: str, app: str) -> None:
        if self.users.setdefault((namespace, user), app) == app:
            self.confirmed.add((namespace, user))

    def add(self, user: str, *, namespace: str, app: str) -> str | None:
        taken = self.users.get((namespace, user))
        self.users.setdefault((namespace, user), app)
        return taken

    def remove(self, user: str, *, namespace: str, app: str) -> None:
        mine = self.users.get((namespace, user)) == app
        if mine and (namespace, user) not in self.confirmed:
            del self.users[namespace, user]

    def owner(self, user: str, *, namespace: str) -> str | None:
        return self.users.get((namespace, user))


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
    """`netease-demo` can do it all, `switch` places calls, any other name can do nothing."""

    fake: FakeCarrier = field(default_factory=FakeCarrier)

    def of(self, name: str) -> Carrier:
        able = {
            "netease-demo": ("bindings", "dialler", "phone_login", "messenger"),
            "switch": ("dialler",),
        }
        return Carrier(name, "any", **dict.fromkeys(able.get(name, ()), self.fake))


def access(*apps: App, **login: str | None) -> Access:
    """By what these apps are let in, `demo` if none is named."""
    return Access(
        credentials=MemoryCredentials(**login),
        apps=MemoryApps(*(apps or (app(),))),
        nonces=MemoryNonces(),
        limiter=RateLimiter(),
        digest=tag,
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
    """The JSON of a reply with this HTTP status, without the hint of an error."""
    body = read_all(reply, http=http)
    body.pop("hint", None)
    return body


def read_all(reply: Reply, *, http: int = 200) -> dict[str, Any]:
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
