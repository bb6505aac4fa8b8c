"""AXB and XA after interline.txt: bindings that expire by the vendor's own clock."""

import re
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from simulator.clock import Now
from simulator.interline.account import Account
from simulator.interline.parameters import MAX_TTL_S, Parameters, Refused
from simulator.numbering import Held, national

DISPLAY = re.compile("[01],[01]")
MAX_REQUEST_ID = 256
AXB = ("anum", "bnum", "ttl", "record", "display", "anucode", "ansanu", "userData")
XA = ("anum", "anucode", "record", "display", "ttl", "userData")


@dataclass(slots=True)
class Binding:
    """A pair, or (without `b`) everybody and A. Numbers are national, times epoch ms, `expires` is
    None for one without end, `ended` is when it was released.

    `show_a`: whom A calls sees A's number; `show_b`: A sees who calls him. `prompts` are what B, A
    and others hear who dial X, `on_answer` what is played on answer.
    """

    subid: str
    x: str
    a: str
    b: str | None
    created: int
    expires: int | None
    record: bool
    show_a: bool
    show_b: bool
    prompts: tuple[str, ...]
    on_answer: tuple[str, ...]
    user_data: str
    ended: int | None = None

    def live(self, now_ms: int) -> bool:
        """Whether it connects."""
        return self.ended is None and (self.expires is None or now_ms < self.expires)

    def peer(self, caller: str) -> str | None:
        """Whom this caller reaches; None if it is nobody."""
        if self.b is None:
            return None if caller == self.a else self.a
        return {self.a: self.b, self.b: self.a}.get(caller)

    def shows(self, caller: str) -> bool:
        """Whether this caller's own number is shown."""
        return self.show_a if caller == self.a else self.show_b

    def prompt(self, caller: str) -> str:
        """What this caller hears before the other telephone rings."""
        place = 1 if caller == self.a else 0 if caller == self.b or self.b is None else 2
        return self.prompts[place] if place < len(self.prompts) else ""

    def told(self, now_ms: int) -> dict[str, Any]:
        """As JSON, with `state`: live, expired or released."""
        over = "released" if self.ended is not None else "expired"
        return {
            "subid": self.subid,
            "x": self.x,
            "anum": self.a,
            "bnum": self.b,
            "created": self.created,
            "expires": self.expires,
            "ended": self.ended,
            "record": self.record,
            "display": [int(self.show_a), int(self.show_b)],
            "anucode": list(self.prompts),
            "ansanu": list(self.on_answer),
            "userData": self.user_data,
            "state": "live" if self.live(now_ms) else over,
        }


class Bindings:
    """The four calls. `numbers` are the account's X. Safe under threads."""

    def __init__(self, numbers: Iterable[str], account: Account, clock: Now) -> None:
        self.held = Held(numbers)
        self._account = account
        self._clock = clock
        self._bindings: dict[str, Binding] = {}
        self._requests: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {}
        self._lock = threading.RLock()

    def bind(self, x: str, given: Parameters) -> dict[str, Any]:
        """Opens an AXB. A real number stands once on an X, but for a pair that is there already."""
        with self._lock:
            return self._once(given, ("axb", x, *_values(given, AXB)), lambda: self._bind(x, given))

    def transfer(self, x: str, given: Parameters) -> dict[str, Any]:
        """Opens an XA; one on an X."""
        with self._lock:
            request = ("xa", x, *_values(given, XA))
            return self._once(given, request, lambda: self._transfer(x, given))

    def release(self, given: Parameters) -> dict[str, Any]:
        """Ends an AXB. Whether one that is over may be ended again is not documented: here not."""
        with self._lock:
            binding = self._bindings.get(given.wanted("subid"))
            now = self._clock.now_ms
            if binding is None or binding.b is None or not binding.live(now):
                raise Refused(1300, "no such subid")
            binding.ended = now
        return {}

    def release_transfer(self, x: str, given: Parameters) -> dict[str, Any]:
        """Ends the XA of an X."""
        with self._lock:
            binding = self._transfer_on(self._own(x))
            if binding is None:
                raise Refused(1300, "no transfer on this number")
            binding.ended = self._clock.now_ms
        return {}

    def reached(self, x: str, caller: str) -> Binding | None:
        """The binding that a call of this caller (empty: anonymous) is about: the newest of his own
        pairs, else the XA, else the newest pair of others; None if there is none."""
        with self._lock:
            pairs = [each for each in self._live(x) if each.b is not None]
            mine = [each for each in pairs if each.peer(caller)]
            transfer = self._transfer_on(x)
        for found in (mine[-1:], [transfer], pairs[-1:]):
            if found and found[0] is not None:
                return found[0]
        return None

    def get(self, subid: str) -> Binding | None:
        """A binding, live or over."""
        return self._bindings.get(subid)

    def all(self) -> list[dict[str, Any]]:
        """Every binding there ever was, oldest first."""
        with self._lock:
            now = self._clock.now_ms
            return [each.told(now) for each in self._bindings.values()]

    def live(self) -> list[Binding]:
        """Those that connect, oldest first."""
        with self._lock:
            now = self._clock.now_ms
            return [each for each in self._bindings.values() if each.live(now)]

    def clear(self) -> int:
        """Forgets all bindings and requests; how many bindings."""
        with self._lock:
            count = len(self._bindings)
            self._bindings.clear()
            self._requests.clear()
        return count

    def _once(self, given: Parameters, request: tuple[str, ...], do: Any) -> dict[str, Any]:
        """The first success again if this request id came before; a refusal is not remembered."""
        request_id = given.wanted("reqid")
        if len(request_id) > MAX_REQUEST_ID:
            raise given.bad("reqid")
        first, answer = self._requests.get(request_id, (request, None))
        if first != request:
            raise Refused(1004, "this reqid came with other parameters")
        if answer is None:
            answer = do()
            self._requests[request_id] = (request, answer)
        return answer

    def _bind(self, x: str, given: Parameters) -> dict[str, Any]:
        a, b = national(given.number("anum")), national(given.number("bnum"))
        if a == b:
            raise given.bad("bnum")
        display = given.like(DISPLAY, "display", given.get("display") or "0,0")
        binding = self._made(
            x,
            given,
            ttl_s=given.whole("ttl", lowest=1, highest=MAX_TTL_S),
            a=a,
            b=b,
            show_a=display[0] == "1",
            show_b=display[2] == "1",
            prompts=given.codes("anucode", most=3, gaps=True),
            on_answer=given.codes("ansanu", most=8),
        )
        for other in self._live(binding.x):
            if other.b is None or not {a, b} & {other.a, other.b}:
                continue
            if {a, b} != {other.a, other.b} or not self._account.overlap:
                raise Refused(1302, "this number serves one of them already")
        return self._kept(binding)

    def _transfer(self, x: str, given: Parameters) -> dict[str, Any]:
        binding = self._made(
            x,
            given,
            ttl_s=given.whole("ttl", lowest=0, highest=MAX_TTL_S, default=0),
            a=national(given.number("anum")),
            b=None,
            show_a=False,
            show_b=given.flag("display"),
            prompts=given.codes("anucode", most=1) * 2,
            on_answer=(),
        )
        if self._transfer_on(binding.x) is not None:
            raise Refused(1302, "this number is transferred already")
        return self._kept(binding)

    def _made(self, x: str, given: Parameters, *, ttl_s: int, **more: Any) -> Binding:
        now = self._clock.now_ms
        return Binding(
            subid=uuid.uuid4().hex,
            x=self._own(x),
            created=now,
            expires=now + ttl_s * 1000 if ttl_s else None,
            record=given.flag("record"),
            user_data=given.user_data(),
            **more,
        )

    def _kept(self, binding: Binding) -> dict[str, Any]:
        self._bindings[binding.subid] = binding
        return {"subid": binding.subid}

    def _own(self, x: str) -> str:
        own = self.held.find(x)
        if own is None:
            raise Refused(1300, "no such number")
        return own

    def _live(self, x: str) -> list[Binding]:
        now = self._clock.now_ms
        return [each for each in self._bindings.values() if each.x == x and each.live(now)]

    def _transfer_on(self, x: str) -> Binding | None:
        return next((each for each in self._live(x) if each.b is None), None)


def _values(given: Parameters, names: Iterable[str]) -> list[str]:
    return [given.get(name, "") for name in names]
