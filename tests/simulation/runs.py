"""One run of a schedule: rivals over one binding, then healthy jobs until all is over."""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, cast

from chalicelib.core import errors
from chalicelib.core.bindings.lease import LeaseWork
from chalicelib.core.bindings.model import Ask
from chalicelib.core.durations import MINUTE_MS
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App, Pool
from chalicelib.wiring import schedules
from chalicelib.wiring.api import Api
from tests.simulation import vendors
from tests.simulation.database import Key
from tests.simulation.expressions import Item
from tests.simulation.oracles import Broken, Watch
from tests.simulation.processes import Fault, Outside, Process
from tests.simulation.schedules import FATES, Scenario, Schedule, passed_ms

BEGIN = 1_900_000_000_000
"""Real time at the beginning (epoch ms): a moment in 2030."""
X, A, B, C, D = "8617000000001", "8613500000001", "8613500000002", "8613500000003", "8613500000004"
COOLING_MS = 5 * MINUTE_MS
LIFETIME_MS = 5 * MINUTE_MS
LONG_MS = 30 * MINUTE_MS
DELTA_MS = 9 * MINUTE_MS
LATE_MS = MINUTE_MS
"""A request that took longer to arrive never does: its connection is closed."""
REQUEST_MS, JOB_MS = 28_000, 50_000
"""So long Lambda lets an invocation last (.chalice/config.json)."""
SILENCE_MS = 3 * MINUTE_MS
LONGEST_MS = 120 * MINUTE_MS
"""For how long the jobs run at most. Lifetime, delays, lease and cooling are less together."""
CHANGES_NOTHING = (
    errors.UnknownBinding,
    errors.UnknownNumber,
    errors.BadParameter,
    errors.RequestOver,
    errors.RequestMismatch,
    errors.CarrierRefused,
    errors.NotReached,
)
"""What is answered only when nothing was done."""

Told = Callable[[str], None]


@cache
def _app(vendor: str) -> App:
    return App(
        name="app",
        carrier="netease" if vendor == "netease" else "interline",
        callback_url="http://127.0.0.1:9/",
        quota=100,
        rate=10**9,
        cooling_s=COOLING_MS // 1000,
        pool=Pool({X: None}),
    )


class _Ground:
    """The state that runs of a scenario begin with, made once and restored for each."""

    def __init__(self, kind: str, state: str) -> None:
        self.outside = outside = Outside(kind, X)
        self.bound: tuple[str, int] | None = None
        """Id and expiry of what is bound."""
        outside.time.now = BEGIN
        maker = Process("before", outside)
        lifetime = LONG_MS if state == "due" else LIFETIME_MS
        do = partial(bind, maker, kind, other=B, request="1", lifetime_ms=lifetime)
        if state in ("bound", "due", "ending"):
            made = maker.freely(do)
            self.bound = made.id, made.expires
        elif state in ("left", "lost"):
            maker.begin(do)
            while maker.pending is not None and maker.pending[0] != "request":
                maker.step()
            if state == "lost":
                maker.step()
            maker.end()
        outside.time.now += {
            "new": 0,
            "left": 70_000,
            "lost": 70_000,
            "bound": 3 * MINUTE_MS,
            "due": 450_001,
            "ending": LIFETIME_MS - 1,
        }[state]
        self._now = outside.time.now
        self._items: Mapping[Key, Item] = outside.database.items
        self._book = outside.vendor.state()
        self._drawn = outside.draws.count

    def restored(self, scenario: Scenario) -> Outside:
        outside = self.outside
        outside.time.now, outside.silent_until = self._now, 0
        outside.late, outside.draws.count = [], self._drawn
        outside.database.restore(self._items)
        outside.vendor.restore(self._book)
        outside.vendor.mind(careless=scenario.careless)
        outside.vendor.clock.ahead = scenario.vendor_s * 1000
        outside.arrived = outside.written = lambda: None
        return outside


@cache
def _ground(kind: str, state: str) -> _Ground:
    return _Ground(kind, state)


def bind(process: Process, kind: str, *, other: str, request: str, lifetime_ms: int) -> Any:
    """Lets it bind A and another (of an XA: that one alone); the binding."""
    a, b = Subscriber(A), Subscriber(other)
    if kind == "transfer":
        a, b = Subscriber(A if other == B else other), cast("Any", None)
    ask = Ask(a, b, X, None, lifetime_ms, record=False, user_data="")
    desk = process.gateway.shared(Api).binding_service
    return desk.bind(_app(kind), ask, _request(request), now=process.now)


def _request(name: str) -> RequestId:
    return RequestId(name.ljust(32, "r"), "c" * 32, explicit=True)


class Run:
    """A run on its way. `act` lets an action happen, `finish` all that comes after the schedule's
    actions; both raise Broken and Fault. `told` hears of every step in words, `learning` keeps a
    digest of all that the processes hear (`state`)."""

    def __init__(
        self, scenario: Scenario, *, learning: bool = False, told: Told | None = None
    ) -> None:
        self.scenario = scenario
        ground = _ground(scenario.vendor, scenario.state)
        self.outside = ground.restored(scenario)
        self._kind, self._told = scenario.vendor, told
        self._app = _app(scenario.vendor)
        observer = Process("observer", self.outside)
        self.watch = Watch(scenario, observer, self._app, X)
        self._id: str | None = None
        self._probing = False
        if ground.bound is not None:
            self._id, expires = ground.bound
            self.watch.bound(self._id, "1", expires=expires)
        self.outside.arrived, self.outside.written = self.watch.arrived, self.watch.written
        self.processes = [
            Process(str(i), self.outside, offset_ms=rival.offset_s * 1000)
            for i, rival in enumerate(scenario.rivals)
        ]
        for process, rival in zip(self.processes, scenario.rivals, strict=True):
            if learning:
                process.learnt = hashlib.blake2b(digest_size=16)
            process.begin(partial(self._does, process, rival.does))

    # What a schedule does.

    def act(self, action: str) -> None:
        """One action; one that can't happen here does nothing."""
        if action == ">":
            self._arrives()
        elif action == "~":
            self.outside.silent_until = self.outside.time.now + SILENCE_MS
            self._say("the vendor falls silent for 3 minutes")
        elif action.startswith("+"):
            self.outside.time.now += passed_ms(action)
            self._say(f"{action[1:]} pass")
            for process in self.processes:
                if self.outside.time.now > process.ends_by:
                    self._step(process, "x")
        elif int(action[0]) < len(self.processes):
            self._step(self.processes[int(action[0])], action[1:])

    def _step(self, process: Process, fate: str) -> None:
        if process.pending is None:
            return
        if self._told is not None:
            self._say(f"process {process.name} {FATES[fate]}: {_words(process.pending)}")
        process.step(fate)

    def _arrives(self) -> None:
        if not self.outside.late:
            return
        late = self.outside.late.pop(0)
        in_time = self.outside.time.now <= late.sent + LATE_MS
        self._say(f"a late request of process {late.asker} {'arrives' if in_time else 'is lost'}")
        if in_time:
            answer = late.arrive()
            self._say(f"the vendor answers nobody: {answer[1]}")
            self.watch.arrived()

    def state(self) -> bytes:
        """Stands for everything that may still matter: table, vendor, clocks, requests on their
        way, what every process heard, and what apps were told."""
        whole = hashlib.blake2b(digest_size=16)
        whole.update(self.outside.database.digest())
        whole.update(vendors.digest(self.outside.vendor))
        waiting = [(each.asker, each.sent) for each in self.outside.late]
        more = (self.outside.time.now, self.outside.silent_until, waiting, self.outside.draws.count)
        whole.update(repr((more, self.watch.claims)).encode())
        for process in self.processes:
            pending = process.pending and process.pending[0]
            whole.update(repr((pending, process.draws.count)).encode())
            whole.update(process.learnt.digest())
        return whole.digest()

    def close(self) -> None:
        """Ends what is still running."""
        self.outside.arrived = self.outside.written = lambda: None
        for process in self.processes:
            process.end()

    # What the rivals do.

    def _does(self, process: Process, letters: str) -> None:
        for letter in letters:
            process.ends_by = self.outside.time.now + (JOB_MS if letter in "LIC" else REQUEST_MS)
            try:
                outcome = self._do(process, letter)
            except errors.GatewayError as error:
                outcome = f"{type(error).__name__}: {error}"
            except Exception as error:
                raise Fault(f"fault {type(error).__name__}: {error}") from error
            process.learn(outcome)
            self._say(f"process {process.name}, {letter}: {outcome}")

    def _do(self, process: Process, letter: str) -> str:
        gateway, now = process.gateway, process.now
        if letter in "BN":
            other, request = (B, "1") if letter == "B" else (C, "2")
            made = bind(process, self._kind, other=other, request=request, lifetime_ms=LIFETIME_MS)
            if letter == "B":
                self._id = made.id
            self.watch.bound(made.id, request, expires=made.expires)
            return f"bound as {made.id}"
        if letter in "LI":
            duty: LeaseWork = "lease" if letter == "L" else "pending"
            return str(
                gateway.shared(schedules.lease_jobs).run(duty, now=now, time_left=lambda: True)
            )
        if letter == "C":
            return f"{gateway.cleaner.clean(now=now, time_left=lambda: True)} cleared away"
        if self._id is None and letter != "X":
            return "no binding is known"
        if letter in "DE":
            self._delay(process, self._id or "", "3" if letter == "D" else "4", now=now)
            return "made longer"
        ids = [self._id or ""] if letter == "U" else [*self.watch.claims]
        self.watch.asked_end(*ids, all_later=letter == "X")
        if letter == "U":
            gateway.shared(Api).binding_service.release(self._app, self._id or "", now=now)
        else:
            gateway.shared(Api).binding_service.release_transfer(self._app, X, now=now)
        self.watch.unbound(*ids)
        return "ended"

    def _delay(self, process: Process, id_: str, name: str, *, now: int) -> None:
        longer, request = self.watch.asked_longer, _request(name)
        extend = process.gateway.shared(Api).binding_service.extend
        longer(id_, name, DELTA_MS, outcome=None)
        try:
            extend(self._app, id_, request, delta_ms=DELTA_MS, now=now)
        except CHANGES_NOTHING:
            longer(id_, name, DELTA_MS, outcome=False)
            raise
        longer(id_, name, DELTA_MS, outcome=True)

    # What comes after.

    def finish(self) -> None:
        """Lets every process finish, and then a healthy one run the jobs until all is over: a bind
        of other people over the same X goes through at last, and is released."""
        for process in self.processes:
            while process.pending is not None:
                self._step(process, "")
        self._say("from now on a healthy process runs the jobs every minute")
        healthy = Process("h", self.outside, offset_ms=self.scenario.healthy_s * 1000)
        time, watch = self.outside.time, self.watch
        watch.settling_since = max(time.now, self.outside.silent_until)
        until = time.now + LONGEST_MS
        probe: str | None = None
        while probe is None or watch.claims[probe].ended is None:
            if time.now > until:
                raise Broken("7 nobody else can be bound over this X")
            time.now += MINUTE_MS
            watch.before_jobs()
            self._jobs(healthy)
            watch.minute()
            if probe is None:
                probe = self._probed(healthy)
            elif time.now >= watch.settling_since:
                self._released(healthy, probe)
        for _ in range(12):
            time.now += MINUTE_MS
            watch.before_jobs()
            self._jobs(healthy)
            watch.minute()
            if not self._due() and not self.outside.vendor.live():
                break
        used = healthy.freely(lambda: healthy.gateway.bindings.quota_used("app"))
        watch.finished(quota=sum(used.values()), due=self._due())

    def _jobs(self, healthy: Process) -> None:
        """What the schedules start. Each looks at the index alone: with nothing due in it there is
        nothing to run."""
        now = healthy.now
        if not any(int(each["due_at"]["N"]) <= now for each in self._in_index()):
            return
        gateway = healthy.gateway
        for duty in ("pending", "lease"):
            run = partial(
                gateway.shared(schedules.lease_jobs).run, duty, now=now, time_left=lambda: True
            )
            self._say(f"{self._clock()} job {duty}: {healthy.freely(run)}")
        healthy.freely(partial(gateway.cleaner.clean, now=now, time_left=lambda: True))

    def _probed(self, healthy: Process) -> str | None:
        cools_until = self.watch.over_since() + COOLING_MS - MINUTE_MS - self.scenario.spread_ms
        cools = self.outside.time.now < cools_until
        if (self._probing and cools) or (not self._probing and self.watch.live):
            # Asked once at once, and then again when it may be free.
            return None
        self._probing = True
        asked = partial(bind, healthy, self._kind, other=D, request="9", lifetime_ms=LONG_MS)
        try:
            made = healthy.freely(asked)
        except errors.GatewayError:
            return None
        self._say(f"{self._clock()} others are bound over this X: {made.id}")
        if cools:
            raise Broken("1 cooling: X leads to others too early")
        self.watch.bound(made.id, "9", expires=made.expires)
        return str(made.id)

    def _released(self, healthy: Process, id_: str) -> None:
        self.watch.asked_end(id_)
        end = partial(
            healthy.gateway.shared(Api).binding_service.release, self._app, id_, now=healthy.now
        )
        healthy.freely(end)
        self.watch.unbound(id_)

    def _in_index(self) -> list[Item]:
        return [each for each in self.outside.database.items.values() if "due_shard" in each]

    def _due(self) -> list[str]:
        return [f"{each['due_shard']['S']} {each['pk']['S']}" for each in self._in_index()]

    def _clock(self) -> str:
        return f"{(self.outside.time.now - BEGIN) / MINUTE_MS:.1f} min,"

    def _say(self, text: str) -> None:
        if self._told is not None:
            self._told(text)


def failure(schedule: Schedule, *, told: Told | None = None) -> str | None:
    """What a schedule breaks; None if everything holds."""
    run = Run(schedule.scenario, told=told)
    try:
        for action in schedule.actions:
            run.act(action)
        run.finish()
    except (Broken, Fault) as error:
        return str(error)
    finally:
        run.close()
    return None


def _words(pending: tuple[str, Any]) -> str:
    kind, about = pending
    if kind == "request":
        method, path, query, body = about
        return f"asks the vendor {method} {path} {query}{body.decode()}"
    if kind == "reply":
        return f"hears from the vendor {about}"
    if kind in ("read", "write"):
        operation, asked = about
        return f"{operation} {', '.join(_keys(asked))}"
    return f"{kind} {about or ''}"


def _keys(asked: Any) -> list[str]:
    """What a call to the table is about, found wherever it stands."""
    if isinstance(asked, dict):
        if "pk" in asked and "sk" in asked:
            return [asked["pk"]["S"][:18] + (" " + asked["sk"]["S"])[:8]]
        if "IndexName" in asked:
            return [f"{asked['IndexName']} {asked['ExpressionAttributeValues'][':shard']['S']}"]
        return [key for each in asked.values() for key in _keys(each)]
    return [key for each in asked for key in _keys(each)] if isinstance(asked, list) else []
