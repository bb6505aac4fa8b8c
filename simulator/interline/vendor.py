"""The vendor as a whole: who asks, what is asked, and what an X of it does when it is dialled."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import unquote

from simulator.callbacks import PAUSES_S
from simulator.clock import Clock, MovableClock, Now
from simulator.dialling import Dialled, Written
from simulator.faults import Faults
from simulator.forms import Malformed
from simulator.interline import account as accounts
from simulator.interline.account import Account
from simulator.interline.bindings import Bindings
from simulator.interline.callbacks import Callbacks
from simulator.interline.lines import Lines
from simulator.interline.parameters import Parameters, Refused
from simulator.interline.results import ANSWERED, Forced, Results
from simulator.numbering import international
from simulator.phones import Answer as Picked
from simulator.switch import Switch
from simulator.vendor_server import Answer, Manners
from simulator.vendors import Bound

STATUS = "/api/v1/account/status"
INTERLINE = "/igw/service/uc/interline"
MAX_TIME = 2**53
ON_X = re.compile(rf"{INTERLINE}/([^/]+)(/transfer)?")

MANNERS = Manners(
    code="error",
    bad_http=(400, {"error": 1002, "reason": "bad http request"}),
    mistake=(200, {"error": 1500, "reason": "internal error"}),
    failing=lambda code: {"error": code, "reason": "told to fail"},
)


class Vendor:
    """One account's interline, all in memory. `numbers` are its X.

    `recordings_url` is where a simulator serves `/recordings/<taskid>.wav`; `clock` decides about
    expiry and signatures.
    """

    manners = MANNERS

    def __init__(
        self,
        account: Account,
        numbers: Iterable[str],
        *,
        recordings_url: str,
        clock: Now | None = None,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self.account = account
        self.clock = clock or MovableClock()
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.callbacks = Callbacks(account, pauses_s=pauses_s)
        self.bindings = Bindings(numbers, account, self.clock)
        self.results = Results(self.bindings.held)
        self._recordings_url = recordings_url
        account.created = account.updated = self.clock.now_ms

    def operation(self, method: str, path: str) -> str:
        """Method and path, with `{x}` for the X."""
        on_x = ON_X.fullmatch(path)
        if on_x:
            return f"{method} {INTERLINE}/{{x}}{on_x[2] or ''}"
        return f"{method} {path}" if path in (STATUS, INTERLINE) else "(unknown path)"

    def answer(
        self, method: str, path: str, *, query: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """HTTP status, which is 200 whatever `error` says, but for 401; JSON."""
        function = self._function(method, path)
        if function is None:
            return 200, {"error": 1001, "reason": "unknown path"}
        fault = accounts.fault_of(headers, self.account, now_ms=self.clock.now_ms)
        if fault:
            return 401, {"error": fault, "reason": "not authorized"}
        try:
            given = Parameters.read(query, body)
            if path != STATUS:
                self._admit(given, opens=method == "PUT")
            return 200, {"error": 0, "reason": "ok", **function(given)}
        except Malformed as error:
            return 200, {"error": 1002, "reason": str(error)}
        except Refused as refused:
            return 200, refused.answer

    def held(self) -> list[Bound]:
        """What is live, oldest first. One without end lasts for ever."""
        return [
            Bound(
                each.subid,
                international(each.a),
                international(each.b) if each.b else None,
                international(each.x),
                each.expires or MAX_TIME,
                each.record,
                each.user_data,
            )
            for each in self.bindings.live()
        ]

    def owns(self, number: str) -> bool:
        """Whether it is one of the X that this vendor connects."""
        return self.bindings.held.find(number) is not None

    def dial(self, call: Dialled) -> dict[str, Any]:
        """Makes a call to an X from end to end; what both people saw."""
        forced = self.results.take(call.number)
        if forced is not None and forced.result == ANSWERED:
            call, forced = replace(call, answer=Picked.YES), None
        return self._lines(forced).dial(call)

    def send(self, message: Written) -> dict[str, Any]:
        """Sends a message to an X; what both people saw."""
        return self._lines(None).send(message)

    def _lines(self, forced: Forced | None) -> Switch:
        url = self._recordings_url
        lines = Lines(self.bindings, self.callbacks, recordings_url=url, forced=forced)
        return Switch(lines, base_url=url, clock=lambda: Clock(self.clock.now_ms))

    def _function(self, method: str, path: str) -> Callable[[Parameters], dict[str, Any]] | None:
        if (method, path) == ("GET", STATUS):
            return self._status
        if (method, path) == ("DELETE", INTERLINE):
            return self.bindings.release
        on_x = ON_X.fullmatch(path)
        functions = {
            ("PUT", False): self.bindings.bind,
            ("PUT", True): self.bindings.transfer,
            ("DELETE", True): self.bindings.release_transfer,
        }
        function = functions.get((method, bool(on_x[2]))) if on_x else None
        return partial(function, unquote(on_x[1])) if on_x and function else None

    def _admit(self, given: Parameters, *, opens: bool) -> None:
        """Raises Refused."""
        account = self.account
        if account.state not in (accounts.TRIAL, accounts.ACTIVE):
            raise Refused(1102, "the account is suspended")
        if given.wanted("appid") != account.appid:
            raise Refused(1103, "this product is not open to this app")
        if opens and account.balance + account.overdraft <= 0:
            raise Refused(1110, "the balance is used up")
        account.updated = self.clock.now_ms

    def _status(self, given: Parameters) -> dict[str, Any]:
        account = self.account
        return {
            "state": account.state,
            "role": account.role,
            "balance": account.balance,
            "overdraft": account.overdraft,
            "createTime": account.created,
            "updateTime": account.updated,
        }
