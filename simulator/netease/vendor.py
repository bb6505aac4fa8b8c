"""The vendor as a whole: who asks, what is asked, and that a request is done once."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.callbacks import PAUSES_S
from simulator.clock import Clock, MovableClock, Now
from simulator.dialling import Dialled, Written
from simulator.faults import Faults
from simulator.forms import Malformed
from simulator.netease import accounts, callbacks, signature
from simulator.netease.dedicated import Dedicated
from simulator.netease.lines import Lines
from simulator.netease.login import OneClick
from simulator.netease.parameters import Parameters, Refused
from simulator.netease.privacy import Privacy
from simulator.netease.times import new_id
from simulator.numbering import Held
from simulator.placing import Phones
from simulator.recordings import Recordings
from simulator.switch import Switch
from simulator.vendor_server import Answer, Manners
from simulator.vendors import Bound

QUOTA = 10_000
SAME_REQUEST_MS = 60_000
REQUEST_IDS = ("requestid", "x-custom-traceid")
IM_CALL = re.compile(r"/nimserver/[A-Za-z]+/[A-Za-z]+\.action")
MANNERS = Manners(
    code="code",
    bad_http=(400, {"desc": "bad http request", "code": 400}),
    mistake=(200, {"desc": "internal error", "code": 500}),
    failing=lambda code: {"msg": "told to fail", "code": code},
)


class Vendor:
    """One account's NetEase, all in memory. `numbers` are its X with their area codes.

    `recordings_url` is where a simulator serves `/recordings/<callId>.wav`; `clock` decides about
    expiry and signatures.
    """

    manners = MANNERS

    def __init__(
        self,
        account: signature.Account,
        numbers: Mapping[str, str | None],
        *,
        recordings_url: str,
        phones: Phones | None = None,
        clock: Now | None = None,
        quota: int = QUOTA,
        pauses_s: Sequence[float] = PAUSES_S,
        recordings: Recordings | None = None,
    ) -> None:
        self.account = account
        self.clock = clock or MovableClock()
        self.faults = Faults()
        self.requests: Counter[str] = Counter()
        self.callbacks = callbacks.Callbacks(account, self.clock, pauses_s=pauses_s)
        self.privacy = Privacy(numbers, self.clock, quota=quota)
        self.users = accounts.Users()
        self.calls = Dedicated(self.users, self.callbacks, phones or Phones(), self.clock)
        self.login = OneClick(account, self.clock)
        self._held = Held(numbers)
        self._lines = Switch(
            Lines(self.privacy, self.callbacks, self._held),
            base_url=recordings_url,
            clock=lambda: Clock(self.clock.now_ms),
            new_id=lambda: new_id("2", self.clock.now_ms, digits=11),
            recordings=recordings,
        )
        self._done = DoneOnce(self.clock)
        self._functions: dict[str, Callable[[Parameters], dict[str, Any]]] = {
            "/smallphone/axb/bind": self.privacy.bind,
            "/smallphone/axb/unbind": self.privacy.unbind,
            "/smallphone/axb/delay": self.privacy.delay,
            "/smallphone/axb/query": self.privacy.query,
            "/call/ecp/startcall.action": self.calls.start_call,
            "/call/ecp/startconf.action": self.calls.start_conference,
            "/call/ecp/queryBySession.action": self.calls.query,
            "/phoneauth/login/getMobile": self.login.get_mobile,
            "/nimserver/user/create.action": self.users.create,
        }

    def operation(self, method: str, path: str) -> str:
        """A known path says it all."""
        return path if self._function(path) else "(unknown path)"

    def answer(
        self, method: str, path: str, *, query: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """HTTP status, which is 200 whatever `code` says, but for what is wrong as HTTP; JSON."""
        function = self._function(path)
        if function is None:
            return 404, {"desc": "unknown path", "code": 404}
        if method != "POST":
            return 405, {"desc": "only POST", "code": 414}
        fault = signature.fault_of(headers, self.account, now_ms=self.clock.now_ms)
        if fault is not None:
            return 200, {"desc": fault, "code": 414}
        try:
            given = Parameters.read(query, body)
            return 200, self._done.once(path, headers, lambda: {"code": 200, **function(given)})
        except Malformed as error:
            return 400, {"desc": str(error), "code": 400}
        except Refused as refused:
            return 200, refused.answer

    def held(self) -> list[Bound]:
        """What is live, oldest first."""
        return [
            Bound(each.id, each.a, each.b, each.x, each.expires, each.record, each.user_data)
            for each in self.privacy.live()
        ]

    def owns(self, number: str) -> bool:
        """Whether it is one of the X that this vendor connects."""
        return self._held.find(number) is not None

    def dial(self, call: Dialled) -> dict[str, Any]:
        """Makes a call to an X from end to end; what both people saw."""
        return self._lines.dial(call)

    def send(self, message: Written) -> dict[str, Any]:
        """Sends a message to an X; what both people saw."""
        return self._lines.send(message)

    def _function(self, path: str) -> Callable[[Parameters], dict[str, Any]] | None:
        relayed = accounts.relayed if IM_CALL.fullmatch(path) else None
        return self._functions.get(path) or relayed


class DoneOnce:
    """The same request id within a minute gets the first success again, and does nothing."""

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self._answers: dict[tuple[str, str], tuple[int, dict[str, Any] | None]] = {}
        self._lock = threading.Lock()

    def once(
        self, path: str, headers: Mapping[str, str], do: Callable[[], dict[str, Any]]
    ) -> dict[str, Any]:
        """Raises Refused 431 while the first one runs; a failure is not remembered."""
        given = {name.lower(): value for name, value in headers.items()}
        request_id = next((given[name] for name in REQUEST_IDS if given.get(name)), None)
        if request_id is None:
            return do()
        key = (path, request_id)
        with self._lock:
            now = self._clock.now_ms
            while self._answers and next(iter(self._answers.values()))[0] <= now:
                del self._answers[next(iter(self._answers))]
            until, first = self._answers.pop(key, (now, None))
            if until > now:
                self._answers[key] = (until, first)
                if first is None:
                    raise Refused(431, "repeated http request", member="desc")
                return first
            self._answers[key] = (now + SAME_REQUEST_MS, None)
        try:
            answer = do()
        except BaseException:
            with self._lock:
                self._answers.pop(key, None)
            raise
        with self._lock:
            self._answers[key] = (now + SAME_REQUEST_MS, answer)
        return answer
