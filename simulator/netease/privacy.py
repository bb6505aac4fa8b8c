"""Number masking (AXB) after netease-axb.txt: bindings that expire by the vendor's own clock."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.clock import Now
from simulator.netease.parameters import MAX_MINUTES, Parameters, Refused, bad
from simulator.netease.times import new_id

MINUTE_MS = 60_000
MAX_USER_DATA = 150
PHONE = re.compile(r"[1-9][0-9]{4,14}")
AREA = re.compile(r"[1-9][0-9]{0,2}")


@dataclass(slots=True)
class Binding:
    """Times are epoch ms; `ended` is when it was unbound."""

    id: str
    a: str
    b: str
    x: str
    expires: int
    record: bool
    user_data: str
    created: int
    updated: int
    ended: int | None = None

    def live(self, now_ms: int) -> bool:
        """Whether it connects."""
        return self.ended is None and now_ms < self.expires

    def peer(self, caller: str) -> str | None:
        """Whom this caller reaches; None if he is neither of the two."""
        return {self.a: self.b, self.b: self.a}.get(caller)

    def told(self) -> dict[str, Any]:
        """An entry of `bindInfos`."""
        return {
            "bindId": self.id,
            "phoneA": self.a,
            "phoneB": self.b,
            "phoneX": self.x,
            "expireTime": self.expires,
            "recordFlag": int(self.record),
            "userData": self.user_data,
            "createTime": self.created,
            "updateTime": self.updated,
        }


class Privacy:
    """The four calls. `numbers` are the account's X with their area codes. Safe under threads."""

    def __init__(self, numbers: Mapping[str, str | None], clock: Now, *, quota: int) -> None:
        self.numbers = numbers
        self._clock = clock
        self._quota = quota
        self._bindings: dict[str, Binding] = {}
        self._lock = threading.Lock()

    def bind(self, given: Parameters) -> dict[str, Any]:
        """phoneX wins over areaCode; with neither any number will do."""
        a, b = (_phone(given, name) for name in ("phoneA", "phoneB"))
        if a == b:
            raise bad("phoneB")
        minutes = given.minutes("expiration")
        record = given.whole("recordFlag", lowest=0, highest=1, default=0)
        user_data = given.get("userData", "")
        if len(user_data) > MAX_USER_DATA:
            raise bad("userData")
        with self._lock:
            now = self._clock.now_ms
            live = [each for each in self._bindings.values() if each.live(now)]
            x = self._choose(given, a, b, live)
            if len(live) >= self._quota:
                raise Refused(601, "bind count limit")
            binding = Binding(
                id=new_id("02", now, digits=10),
                a=a,
                b=b,
                x=x,
                expires=now + minutes * MINUTE_MS,
                record=bool(record),
                user_data=user_data,
                created=now,
                updated=now,
            )
            self._bindings[binding.id] = binding
        return {"bindId": binding.id, "phoneX": x}

    def unbind(self, given: Parameters) -> dict[str, Any]:
        """Whether an ended one may be unbound again is not documented: here it may not (404)."""
        with self._lock:
            binding = self._live(given.wanted("bindId"))
            binding.ended = binding.updated = self._clock.now_ms
        return {}

    def delay(self, given: Parameters) -> dict[str, Any]:
        """Adds to the old expiry."""
        bind_id, minutes = given.wanted("bindId"), given.minutes("delta")
        with self._lock:
            binding, now = self._live(bind_id), self._clock.now_ms
            expires = binding.expires + minutes * MINUTE_MS
            if expires - now > MAX_MINUTES * MINUTE_MS:
                raise bad("delta")
            binding.expires, binding.updated = expires, now
        return {}

    def query(self, given: Parameters) -> dict[str, Any]:
        """opType 0 by X, 1 by id; only what is in use."""
        by_id = given.whole("opType", lowest=0, highest=1)
        key = given.wanted("bindId" if by_id else "phoneX")
        with self._lock:
            now = self._clock.now_ms
            found = [
                each.told()
                for each in self._bindings.values()
                if each.live(now) and key == (each.id if by_id else each.x)
            ]
        return {"bindInfos": found}

    def reached(self, x: str, caller: str) -> tuple[Binding | None, str]:
        """The binding by which this caller gets through X; else None and why not."""
        with self._lock:
            now = self._clock.now_ms
            on_x = [each for each in self._bindings.values() if each.x == x]
        mine = [each for each in on_x if each.peer(caller)]
        live = next((each for each in mine if each.live(now)), None)
        if live is not None:
            return live, ""
        if any(each.ended is None for each in mine):
            return None, "expired"
        if not caller or caller == "anonymous":
            return None, "anonymous"
        return None, "third_party" if any(each.live(now) for each in on_x) else "no_binding"

    def get(self, bind_id: str) -> Binding | None:
        """A binding, live or ended."""
        return self._bindings.get(bind_id)

    def all(self) -> list[dict[str, Any]]:
        """Every binding there ever was, with `state`: live, expired or unbound."""
        with self._lock:
            now = self._clock.now_ms
            return [each.told() | {"state": _state(each, now)} for each in self._bindings.values()]

    def live(self) -> list[Binding]:
        """Those that connect, oldest first."""
        with self._lock:
            return [each for each in self._bindings.values() if each.live(self._clock.now_ms)]

    def _choose(self, given: Parameters, a: str, b: str, live: list[Binding]) -> str:
        taken = {each.x for each in live if {a, b} & {each.a, each.b}}
        if x := given.get("phoneX"):
            if x not in self.numbers:
                raise Refused(404, "phoneX not exist")
            if x in taken:
                raise Refused(602, "already bind")
            return x
        area = given.get("areaCode")
        if area and not AREA.fullmatch(area):
            raise bad("areaCode")
        for x, where in self.numbers.items():
            if x not in taken and (not area or where == area):
                return x
        raise Refused(603, "no available phoneX")

    def _live(self, bind_id: str) -> Binding:
        binding = self._bindings.get(bind_id)
        if binding is None or not binding.live(self._clock.now_ms):
            raise Refused(404, "bindId not exist")
        return binding


def _phone(given: Parameters, name: str) -> str:
    phone = given.wanted(name)
    if not PHONE.fullmatch(phone):
        raise bad(name)
    return phone


def _state(binding: Binding, now_ms: int) -> str:
    if binding.ended is not None:
        return "unbound"
    return "live" if binding.live(now_ms) else "expired"
