"""The project's simulated vendors, with a clock of their own, and what their books say."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.durations import MINUTE_MS
from simulator.interline.account import Account as InterlineAccount
from simulator.interline.vendor import Vendor as Interline
from simulator.netease.signature import Account as NeteaseAccount
from simulator.netease.vendor import Vendor as Netease
from simulator.numbering import international
from simulator.vendor_server import Answer
from tests.simulation.chance import Time

KEY, SECRET, APP_ID = "key", "secret", "app"
LEASE_MINUTES = 10
NO_URL = "http://127.0.0.1:9/"
URLS = {"netease": "http://netease.test", "interline": "http://interline.test"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A live binding in a vendor's book: the id of ours that it was told, X, the people (without
    `b` everybody reaches A), and until when by real time (epoch ms)."""

    ours: str
    x: str
    a: str
    b: str | None
    until: int


class _Clock:
    """Fulfils simulator.clock.Now."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self.ahead = 0

    @property
    def now_ms(self) -> int:
        return self._time.now + self.ahead


class NeteaseBook:
    """NetEase, which can be asked what it has."""

    def __init__(self, time: Time, x: str) -> None:
        self.clock = _Clock(time)
        account = NeteaseAccount(KEY, SECRET, NO_URL)
        self._vendor = Netease(account, {x: None}, recordings_url=NO_URL, clock=self.clock)
        self._choose = self._vendor.privacy._choose
        self.replaced = ""

    @property
    def answer(self) -> Callable[..., Answer]:
        """Answers a request."""
        return self._vendor.answer

    def mind(self, *, careless: bool) -> None:
        """A careless one binds whatever it is asked to."""
        book: Any = self._vendor.privacy
        book._choose = _whatever if careless else self._choose

    def state(self) -> Any:
        """Everything that matters later, not to be changed any more."""
        book, done = self._vendor.privacy._bindings, self._vendor._done._answers
        return {id_: replace(each) for id_, each in book.items()}, dict(done)

    def restore(self, state: Any) -> None:
        """Puts it into a state that it once had."""
        book, done = state
        self._vendor.privacy._bindings = {id_: replace(each) for id_, each in book.items()}
        self._vendor._done._answers = dict(done)

    def live(self) -> list[Entry]:
        """What it connects now."""
        now, ahead = self.clock.now_ms, self.clock.ahead
        return [
            Entry(each.user_data, each.x, each.a, each.b, each.expires - ahead)
            for each in self._vendor.privacy._bindings.values()
            if each.live(now)
        ]


def _whatever(given: Mapping[str, str], *_: Any) -> str:
    return given["phoneX"]


class InterlineBook:
    """interline, which can only be asked for more."""

    def __init__(self, time: Time, x: str, *, overlap: bool) -> None:
        self.clock = _Clock(time)
        account = InterlineAccount(KEY, SECRET, APP_ID, NO_URL, overlap=overlap)
        self._vendor = Interline(account, [x], recordings_url=NO_URL, clock=self.clock)
        book = self._vendor.bindings
        self._bind, self._transfer = book._bind, book._transfer
        self.replaced = ""
        """Says so if a careless one let the XA of one person take the place of another's."""

    @property
    def answer(self) -> Callable[..., Answer]:
        """Answers a request."""
        return self._vendor.answer

    def mind(self, *, careless: bool) -> None:
        """A careless one binds whatever it is asked to; another XA takes the place of the first."""
        book: Any = self._vendor.bindings
        book._bind = self._bind_blindly if careless else self._bind
        book._transfer = self._transfer_blindly if careless else self._transfer

    def _bind_blindly(self, x: str, given: Any) -> Any:
        book: Any = self._vendor.bindings
        book._live = lambda _: []
        try:
            return self._bind(x, given)
        finally:
            del book._live

    def _transfer_blindly(self, x: str, given: Any) -> Any:
        book = self._vendor.bindings
        first = book._transfer_on(x)
        if first is not None:
            first.ended = self.clock.now_ms
            if first.a != given["anum"]:
                self.replaced = f"{first.user_data} by {given['userData']}"
        return self._transfer(x, given)

    def state(self) -> Any:
        """Everything that matters later, not to be changed any more."""
        book = self._vendor.bindings
        kept = {subid: replace(each) for subid, each in book._bindings.items()}
        return kept, dict(book._requests)

    def restore(self, state: Any) -> None:
        """Puts it into a state that it once had."""
        book, self.replaced = self._vendor.bindings, ""
        book._bindings = {subid: replace(each) for subid, each in state[0].items()}
        book._requests = dict(state[1])

    def live(self) -> list[Entry]:
        """What it connects now."""
        now, ahead = self.clock.now_ms, self.clock.ahead
        return [
            Entry(
                each.user_data,
                international(each.x),
                international(each.a),
                international(each.b) if each.b is not None else None,
                (each.expires or 0) - ahead,
            )
            for each in self._vendor.bindings._bindings.values()
            if each.live(now)
        ]


Book = NeteaseBook | InterlineBook


def digest(book: Book) -> bytes:
    """Stands for all that a vendor knows."""
    return hashlib.blake2b(repr(book.state()).encode(), digest_size=16).digest()


def vendor(kind: str, time: Time, x: str) -> Book:
    """A vendor of this kind with one X."""
    if kind == "netease":
        return NeteaseBook(time, x)
    return InterlineBook(time, x, overlap=kind != "alone")


def accounts() -> Mapping[str, CarrierAccount]:
    """Our accounts with them."""
    return {
        kind: CarrierAccount(
            name=kind,
            kind=kind,
            key=KEY,
            secrets=(SECRET,),
            urls=(url,),
            lease_ms=LEASE_MINUTES * MINUTE_MS,
            app_id=APP_ID,
        )
        for kind, url in URLS.items()
    }
