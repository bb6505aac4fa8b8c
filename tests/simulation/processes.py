"""One logical process: a real gateway that waits for the schedule at every call."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar
from unittest.mock import patch
from urllib.parse import urlsplit

from botocore.exceptions import ClientError, ConnectTimeoutError, ReadTimeoutError
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from chalicelib.clock import Ended, Runtime
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.durations import NEVER
from chalicelib.core.errors import GatewayError
from chalicelib.egress.connecting import ExchangeFailed, NotSent
from chalicelib.stage_settings import Settings
from chalicelib.store import secrets
from chalicelib.store.table import Table
from chalicelib.store.tenants.apps import AppStore
from chalicelib.wiring import gateway as wiring
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from simulator.interline import bindings as interline_bindings
from simulator.netease import times as netease_times
from tests.simulation import vendors
from tests.simulation.chance import Draws, Time
from tests.simulation.database import Database, cancelled, error

SETTINGS = Settings(
    stage="simulated",
    table_name="table",
    delivery_queue_name="",
    slow_queue_name="",
    transfer_queue_name="",
    secrets_prefix="simulated",
    data_keys_secret="keys",
    cache_s=10**6,
    callback_timeout_s=5,
    carrier_timeout_s=4,
    carrier_workers=8,
    recording_limit_mb=1,
    log_level="INFO",
)
CONFLICTS = {"update_item", "transact_write_items"}
WRITES = {"put_item", "update_item", "transact_write_items"}


class Died(BaseException):
    """The process is gone; nothing after this line ran."""


class Fault(BaseException):
    """The gateway raised what it never may."""


class _Secret:
    """Stands for store.secrets.Secret."""

    @property
    def runtime(self) -> Runtime:
        return RUNTIME

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value

    def value(self) -> Mapping[str, Any]:
        return self._value


@dataclass(frozen=True, slots=True)
class Late:
    """A request on its way: who sent it, when (real time, epoch ms), and what lets it arrive."""

    asker: str
    sent: int
    arrive: Callable[[], Any]


class Outside:
    """What all processes share: real time, the table, the vendor, and requests on their way."""

    def __init__(self, kind: str, x: str) -> None:
        self.time = Time()
        self.database = Database()
        self.vendor = vendors.vendor(kind, self.time, x)
        self.draws = Draws("vendor")
        self.silent_until = 0
        self.late: list[Late] = []
        self.arrived: Callable[[], None] = lambda: None
        """Is called whenever the vendor has answered something."""
        self.written: Callable[[], None] = lambda: None
        """Is called whenever the table was written."""


class Process:
    """A process with a clock of its own, `offset_ms` off real time. It runs freely, or what it
    does is begun as a greenlet (`begin`) and goes on by `step`."""

    current: ClassVar["Process | None"] = None
    """The one that is running: whose time and chance the modules see."""

    def __init__(self, name: str, outside: Outside, *, offset_ms: int = 0) -> None:
        self.name, self.outside, self.offset_ms = name, outside, offset_ms
        self.draws = Draws(name)
        self.pending: tuple[str, Any] | None = None
        """What it does when it is stepped next: kind, and what says more; None if it is over."""
        self.learnt: Any = None
        """A running digest of all that it heard, while somebody wants it."""
        self.ends_by = NEVER
        """When (real time, epoch ms) Lambda ends what it does."""
        self._greenlet: greenlet | None = None
        self._dead = False
        self.gateway = self._gateway()

    def _gateway(self) -> Gateway:
        client: Any = _Client(self)
        accounts: Any = _Accounts()
        egress: Any = _Egress(self)
        table = Table(lambda: client, SETTINGS.table_name, RUNTIME)
        return Gateway(
            SETTINGS,
            RUNTIME,
            table=table,
            data_keys=DATA_KEYS,
            apps=AppStore(table, DATA_KEYS.encryption, SETTINGS.cache_s),
            credentials=accounts,
            egress=lambda: egress,
        )

    @property
    def now(self) -> int:
        """Its clock, epoch ms."""
        return self.outside.time.now + self.offset_ms

    def begin(self, do: Callable[[], None]) -> None:
        """Lets it do this, from its first step on."""

        def run(_: str) -> None:
            try:
                do()
            except Died:
                pass
            finally:
                self.pending = None

        self._greenlet = greenlet(run)
        self.pending = ("start", None)

    def step(self, fate: str = "") -> None:
        """Lets what is pending happen, with this fate, and the process go on to its next call."""
        assert self._greenlet is not None
        before, Process.current = Process.current, self
        try:
            if self.pending == ("start", None) and fate == "x":
                self.pending, self._dead = None, True
            else:
                self._greenlet.switch(fate)
        finally:
            Process.current = before

    def freely(self, do: Callable[[], Any]) -> Any:
        """Does this at once, without waiting at its calls."""
        before, Process.current = Process.current, self
        try:
            return do()
        finally:
            Process.current = before

    def end(self) -> None:
        """Nobody steps it any more."""
        while self.pending is not None:
            self.step("x")

    def wait(self, kind: str, about: Any = None) -> str:
        """Waits for the schedule; the fate of what was about to happen. Raises Died."""
        if self._dead:
            raise Died
        if self._greenlet is None or getcurrent() is not self._greenlet:
            return ""
        self.pending = (kind, about)
        fate: str = self._greenlet.parent.switch()
        if fate == "x":
            self._dead = True
            raise Died
        return fate

    def learn(self, what: Any) -> None:
        """Remembers what it heard, where a digest is kept of it."""
        if self.learnt is not None:
            self.learnt.update(repr(what).encode())

    def trouble(self, found: Exception) -> None:
        """What the schedules' jobs report. A fault of ours must not happen at all."""
        if not isinstance(found, GatewayError):
            raise Fault(f"fault {type(found).__name__}: {found}") from found

    # What the outside does for it.

    def calls_database(self, operation: str, **asked: Any) -> Any:
        """One call to the table."""
        database = self.outside.database
        fate = self.wait("write" if operation in WRITES else "read", (operation, asked))
        if fate in ("l", "n"):
            self.learn("lost")
            raise ConnectTimeoutError(endpoint_url="simulated")
        if fate == "c" and operation in CONFLICTS:
            self.learn("conflict")
            raise _conflict(operation)
        if fate == "s" and operation == "query":
            asked["stale"] = True
        try:
            answer = getattr(database, operation)(**asked)
        except ClientError as failed:
            self.learn(failed.response)
            raise
        if operation in WRITES:
            self.outside.written()
        if fate == "r":
            self.learn("no reply")
            raise ReadTimeoutError(endpoint_url="simulated")
        self.learn(answer)
        return answer

    def asks_vendor(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes]:
        """One request to a vendor, and its answer."""
        parts, outside = urlsplit(url), self.outside
        arrive = partial(
            outside.vendor.answer,
            method,
            parts.path,
            query=parts.query,
            headers=headers,
            body=body,
        )
        fate = self.wait("request", (method, parts.path, parts.query, body))
        if fate == "n":
            self.learn("no connection")
            raise NotSent("simulated")
        if fate == "d":
            outside.late.append(Late(self.name, outside.time.now, lambda: self.freely(arrive)))
        if fate in ("d", "l") or outside.time.now < outside.silent_until:
            self.learn("silence")
            raise ExchangeFailed("simulated")
        status, answer = arrive()
        outside.arrived()
        # It is on its way from now on: whoever compares states has to know.
        self.learn(answer)
        if self.wait("reply", answer) in ("r", "l"):
            self.learn("silence")
            raise ExchangeFailed("simulated")
        return status, json.dumps(answer).encode()


class _Client:
    """What boto3 gives, as far as the store calls it."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._process.calls_database, operation)


class _Reply:
    def __init__(self, status: int, body: bytes) -> None:
        self.status, self._body = status, body

    def read(self, size: int) -> bytes:
        return self._body[:size]


class _Egress:
    """Stands for egress.client.Client."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @contextmanager
    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        **_: Any,
    ) -> Iterator[_Reply]:
        yield _Reply(*self._process.asks_vendor(method, url, headers, body or b""))


def _conflict(operation: str) -> ClientError:
    if operation == "transact_write_items":
        return cancelled([{"Code": "TransactionConflict"}])
    return error("TransactionConflictException", "simulated")


# Time and chance are those of the process that is running.


def _running() -> Process:
    assert Process.current is not None, "outside of every process"
    return Process.current


def _start(call: Callable[[], None]) -> Ended:
    # What a process does side by side it does here one after the other.
    call()
    return lambda _: True


def _random(size: int) -> bytes:
    return _running().draws.bytes(size)


def _sleep(seconds: float) -> None:
    # Time goes on by the schedule alone.
    _running().wait("sleep", seconds)


RUNTIME = Runtime(
    now_ms=lambda: _running().now,
    monotonic=lambda: _running().outside.time.now / 1000,
    sleep=_sleep,
    random_bytes=_random,
    start=_start,
)

_KEYS: Any = _Secret({"current": "1", "1": "k" * 64})
DATA_KEYS = secrets.DataKeys(_KEYS)


class _Accounts:
    """Stands for the credentials: of them only our accounts are asked for."""

    _accounts = vendors.accounts()

    def carrier(self, name: str) -> CarrierAccount | None:
        return self._accounts.get(name)


class _VendorModules:
    """Stands for `random` and `uuid` inside the vendors."""

    def randrange(self, limit: int) -> int:
        return _running().outside.draws.below(limit)

    def uuid4(self) -> Any:
        return _running().outside.draws.uuid()


@contextmanager
def simulated() -> Iterator[None]:
    """While it lasts, the vendors' modules see simulated chance, and nothing is logged."""
    theirs: Any = _VendorModules()
    with (
        patch.object(netease_times, "random", theirs),
        patch.object(interline_bindings, "uuid", theirs),
        patch.object(wiring, "log_call", lambda *_: None),
        patch.object(schedules, "log_trouble", lambda found: _running().trouble(found)),
    ):
        yield
