"""Hundreds of calls, reported late, twice and in any order, delivered with failures and
redelivered, while processes die: what the gateway says was used is what a model counts from what
was sent.

The model knows what was reported and acknowledged, what the endpoint answered, and which recordings
were kept; it reads nothing of the gateway's. A failure names its seed: SEEDS="7" replays it.
"""

import heapq
import json
import random
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import count, islice
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.core.bindings.model import Ask
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import Task
from chalicelib.core.calls.usage import HOUR_MS, SETTLES_MS, Usage, hour_at
from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import RecordingFailed
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.turns import SLICES
from chalicelib.egress.webhooks import NotDelivered
from chalicelib.services.calls import usage as counting
from chalicelib.store import clients
from chalicelib.wiring.api import Api
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest
from chalicelib.wiring.records import Records
from chalicelib.wiring.schedules import follow_up
from chalicelib.wiring.transfer import recordings
from chalicelib.wiring.usage import usage_service
from tests.attacks.keepers import Died
from tests.attacks.tenants_here import KINDS, Queue
from tests.gateways import MINUTE, NOW, Stage, number, subscriber
from tests.sizes import seeds, size

CALLS = size("CALLS", gate=250, large=5_000)
APPS = ("demo", "other")
T0 = hour_at(NOW) + HOUR_MS // 3
SPREAD_MS = 30 * HOUR_MS
LASTS_MS = SPREAD_MS + 10 * DAY_MS
TICK_MS = 30 * MINUTE
LATE_MS = 5_000, 10 * MINUTE, 12 * HOUR_MS, 4 * DAY_MS
"""How late events are reported, at most; most of them soon."""
ATTEMPTS = 11
"""How often an event is sent before it is dead-lettered."""
DIES = 0.01


@dataclass
class Made:
    """A call, or a message, as it happened, and what the gateway acknowledged of it."""

    app: str
    call_id: str
    events: list[Event]
    later: int = 0
    """Events from then on are of the next call with this id."""
    acknowledged: dict[str, Event] = field(default_factory=dict)
    sent: dict[str, bool] = field(default_factory=dict)
    """Event -> whether it was delivered; False: dead-lettered."""
    kept: set[str] = field(default_factory=set)

    def usage(self) -> tuple[int, Usage] | None:
        """The hour in which it began, and what it counts for, as far as it was acknowledged."""
        known = list(self.acknowledged.values())
        if not known:
            return None
        timed = [each for each in known if each.kind is not EventKind.RECORDING_READY] or known
        moments = [
            moment
            for each in timed
            for moment in (each.at, each.started, each.answered)
            if moment is not None
        ]
        is_message = known[0].kind is EventKind.SMS_SENT
        answers = [each.at for each in known if each.kind is EventKind.CALL_ANSWERED]
        answers += [each.answered for each in known if each.answered is not None]
        ends = [each.at for each in known if each.kind is EventKind.CALL_ENDED]
        seconds = ends[0] // 1000 - min(answers) // 1000 if answers and ends else 0
        usage = Usage(
            calls=int(not is_message),
            connected=int(bool(answers)),
            minutes=(seconds + 59) // 60,
            messages=int(is_message),
            recordings=len(self.kept),
            delivered=sum(self.sent.values()),
            dead_lettered=len(self.sent) - sum(self.sent.values()),
        )
        return hour_at(min(moments)), usage


class Model:
    """What happened; how the endpoint answers, and where recordings are."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.calls: list[Made] = []
        self.bindings: dict[str, list[int]] = {app: [] for app in APPS}
        self._failures: dict[str, int] = {}
        """Event -> how often the endpoint refuses it yet."""
        self._failed: defaultdict[str, int] = defaultdict(int)
        self.events: dict[str, Made] = {}
        """Event, by the id that the app knows -> its call."""
        self._by_name: defaultdict[tuple[str, str], list[Made]] = defaultdict(list)

    def add(self, made: Made) -> None:
        self.calls.append(made)
        self._by_name[made.app, made.call_id].append(made)

    def of(self, app: str, call_id: str, at: int) -> Made:
        """The call of an event."""
        named = self._by_name[app, call_id]
        return next(each for each in named if not each.later or at < each.later)

    def post(self, url: str, _: Mapping[str, str], body: bytes, **__: Any) -> None:
        """The endpoint, which answers 200 or not."""
        told = json.loads(body)
        name, data = told["id"], told["data"]
        at = round(datetime.fromisoformat(data["at"]).timestamp() * 1000)
        made = self.of(url.rpartition("/")[2], data["call_id"], at)
        self.events[name] = made
        if self._left(name):
            self._failures[name] -= 1
            self._failed[name] += 1
            if self._failed[name] == ATTEMPTS:
                made.sent[name], self._failed[name] = False, 0
            raise NotDelivered("HTTP 500")
        made.sent[name], self._failed[name] = True, 0

    def _left(self, name: str) -> int:
        if name not in self._failures:
            often = self._rng.choices([0, 2, 5, 10**9], weights=[90, 6, 2, 2])[0]
            self._failures[name] = often
        return self._failures[name]

    def recover(self) -> None:
        """The endpoint takes everything from now on that it has refused for good so far."""
        self._failures = dict.fromkeys(self._failures, 0)

    @contextmanager
    def open(self, url: str, **_: Any) -> Iterator[SimpleNamespace]:
        """A recording at its carrier."""
        name = url.rpartition("/")[2]
        if self._left(name):
            self._failures[name] -= 1
            raise RecordingFailed("HTTP 404", final=self._rng.random() < 0.1)
        yield SimpleNamespace(name=name, content_type="audio/wav", size=1, md5="0" * 32)

    def store(self, _: str, reader: SimpleNamespace, *, content_type: str) -> None:
        """The bucket."""
        assert content_type
        place, _, name = reader.name.partition(".")
        self.calls[int(place)].kept.add(name)

    def usage(self, app: str, *, until: int) -> dict[int, Usage]:
        """What an app used until then, by day."""
        days: defaultdict[int, Usage] = defaultdict(Usage)
        for made in self.calls:
            found = made.usage() if made.app == app else None
            if found is not None and found[0] < until:
                days[found[0] // DAY_MS * DAY_MS] += found[1]
        for at in self.bindings[app]:
            if hour_at(at) < until:
                days[at // DAY_MS * DAY_MS] += Usage(bindings=1)
        return dict(days)


def calls(rng: random.Random) -> Iterator[Made]:
    """Calls and messages without end, each with its events."""
    for place in count():
        app = rng.choices(APPS, weights=[9, 1])[0]
        start = T0 + rng.randrange(SPREAD_MS)
        name = f"call-{place}"
        course = rng.choice(["parts", "parts", "parts", "whole", "nobody", "message", "recorded"])
        yield Made(app, name, list(_events(rng, app, name, start, course, place)))


def _events(
    rng: random.Random, app: str, name: str, start: int, course: str, place: int = 0
) -> Iterator[Event]:
    x = number(APPS.index(app))
    about: dict[str, Any] = {
        "carrier": "switch",
        "call_id": name,
        "received": 0,
        "number": x,
        "caller": Subscriber(subscriber(1)),
        "callee": Subscriber(subscriber(2)),
    }

    def one(kind: EventKind, at: int, **more: Any) -> Event:
        return Event(id=f"{name} {kind} {at}", kind=kind, at=at, **about, **more)

    answered = start + rng.randint(1_000, 59_000)
    ended = answered + rng.choice([rng.randint(1, 600), rng.randint(1, 14_000)]) * 1000
    match course:
        case "message":
            yield one(EventKind.SMS_SENT, start)
            return
        case "nobody":
            yield one(EventKind.CALL_STARTED, start)
            yield one(EventKind.CALL_ENDED, answered)
            return
        case "whole":
            yield one(EventKind.CALL_ENDED, ended, started=start, answered=answered)
            return
        case "recorded":
            for part in range(rng.randint(1, 2)):
                url = f"https://carrier.example/{place}.{part}"
                yield one(EventKind.RECORDING_READY, ended + 5_000 + part, url=url)
    yield one(EventKind.CALL_STARTED, start)
    yield one(EventKind.CALL_RINGING, start + 500)
    yield one(EventKind.CALL_ANSWERED, answered)
    yield one(EventKind.CALL_ENDED, ended)


def reused(rng: random.Random, place: int) -> list[Made]:
    """Two calls under one id, as after a switch began to count anew."""
    first = T0 + rng.randrange(SPREAD_MS - 9 * HOUR_MS)
    starts = first, first + rng.randint(15_000, 8 * 3_600) * 1000
    made = []
    for start in starts:
        events = list(_events(rng, "demo", f"again-{place}", start, "parts"))
        made.append(Made("demo", f"again-{place}", events))
    made[0].later = starts[1]
    return made


class World:
    """A gateway whose processes die, and what happens to it, one thing after the other."""

    def __init__(self, here: Stage, seed: int) -> None:
        self.rng = random.Random(seed)
        self.here = here
        for place, app in enumerate(APPS):
            more: dict[str, Any] = {"event_format": "cloudevents", "wants": KINDS}
            here.app(app, [number(place)], callback_url=f"https://app.example/{app}", **more)
        here.is_at("https://gateway.example")
        self.model = Model(self.rng)
        self.queue = Queue()
        self.process = self._process()
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self._number = count()
        self.unacknowledged = 0
        self.compared = 0
        self.died = 0

    def _process(self) -> Gateway:
        gateway = self.here.instance()
        vars(gateway.shared(Ingest).queues)["_client"] = lambda: self.queue
        vars(gateway.shared(webhook_delivery))["_sender"] = self.model
        vars(gateway.shared(recordings)).update(_source=self.model, _files=self.model)
        vars(gateway.shared(usage_service))["_trouble"] = _raise
        return gateway

    def at(self, moment: int, work: Callable[[int], None]) -> None:
        """Something that happens then."""
        heapq.heappush(self._agenda, (moment, next(self._number), work))

    def go(self) -> None:
        """From one thing to the next, until nothing is left."""
        while self._agenda:
            now, _, work = heapq.heappop(self._agenda)
            self.queue.now = now
            work(now)
            self._work_off(now)

    def tried(self, work: Callable[[Gateway], object]) -> bool:
        """Whether a process survived this; if not, another one takes its place."""
        try:
            with _dying(self.rng.randrange(12) if self.rng.random() < DIES else None):
                work(self.process)
        except Died:
            self.died += 1
            self.process = self._process()
            return False
        return True

    def report(self, made: Made, event: Event, now: int) -> None:
        """As a carrier does it: again, until it is acknowledged."""
        received = replace(event, received=now)
        if self.tried(lambda gateway: gateway.shared(Ingest).events.record([received])):
            made.acknowledged[event.id] = event
            return
        self.unacknowledged += 1

        self.at(now + self.rng.randint(1, 20) * MINUTE, partial(self._report_again, made, event))

    def _report_again(self, made: Made, event: Event, now: int) -> None:
        self.unacknowledged -= 1
        self.report(made, event, now)

    def bind(self, name: str, place: int, now: int) -> None:
        """As an app does it: again, until it is answered."""
        pair = Subscriber(subscriber(2 * place)), Subscriber(subscriber(2 * place + 1))
        ask = Ask(*pair, number=None, area=None, lifetime_ms=MINUTE, record=False, user_data="")
        request = RequestId(f"request {place}", "content", explicit=True)

        def made(gateway: Gateway) -> None:
            app = gateway.apps.get(name)
            assert app is not None
            binding = gateway.shared(Api).binding_service.bind(app, ask, request, now=now)
            self.model.bindings[name].append(binding.created)

        if not self.tried(made):
            self.unacknowledged += 1
            self.at(now + MINUTE // 2, partial(self._bind_again, name, place))

    def _bind_again(self, name: str, place: int, now: int) -> None:
        self.unacknowledged -= 1
        self.bind(name, place, now)

    def _work_off(self, now: int) -> None:
        """What is due in the queues; a message whose worker died comes again."""
        settings = self.process.settings
        lanes = settings.delivery_queue_name, settings.slow_queue_name
        while due := self.queue.due(*lanes, settings.transfer_queue_name):
            for queue, body in due:
                task = Task.from_text(body)

                def work(gateway: Gateway, queue: str = queue, task: Task = task) -> None:
                    if queue in lanes:
                        lane: Any = "fast" if queue == lanes[0] else "slow"
                        gateway.shared(webhook_delivery).deliver(task, now=now, queue=lane)
                    else:
                        gateway.shared(recordings).fetch(task, now=now, within_s=60)

                if not self.tried(work):
                    self.queue.sent.append((now + MINUTE, queue, body))

    def tick(self, now: int) -> None:
        """The schedules."""
        self.tried(lambda gateway: gateway.shared(follow_up).run(now=now, time_left=lambda: True))
        self.count(now)

    def count(self, now: int) -> None:
        """The schedule of usage; some of its runs have little time."""
        pages = iter(range(self.rng.choice([3, 20, 10**6])))
        left = lambda: next(pages, None) is not None  # noqa: E731
        self.tried(lambda gateway: gateway.shared(usage_service).run(now=now, time_left=left))

    def compare(self, now: int) -> None:
        """What is said of the past, and what the model says of it."""
        if self.unacknowledged:
            return
        for app in APPS:
            report = self.process.shared(usage_service).report(app, since=T0, until=now, now=now)
            expected = self.model.usage(app, until=report.complete_until)
            shown = {day: usage for day, usage in report.days.items() if usage != Usage()}
            assert shown == expected, f"{app} until {report.complete_until} at {now}"
            assert sum(expected.values(), Usage()) == report.total
            self.compared += report.complete_until > report.since


def _raise(error: Exception) -> None:
    raise error


@contextmanager
def _dying(at: int | None) -> Iterator[None]:
    """The process dies at its so-many-th call to the table, from 0, before or after it is done."""
    calls = count()

    def step(**_: Any) -> None:
        if at is not None and next(calls) >= at // 2:
            raise Died

    events = clients.dynamodb().meta.events
    name = f"{'before' if at is None or at % 2 else 'after'}-call.dynamodb"
    events.register(name, step)
    try:
        yield
    finally:
        events.unregister(name, step)


def filled(here: Stage, seed: int) -> World:
    """A world in which all is still to come."""
    world = World(here, seed)
    _plan_calls(world)
    _plan_schedules(world)
    for now in range(T0 + 6 * HOUR_MS, T0 + LASTS_MS, 5 * HOUR_MS):
        world.at(now + world.rng.randrange(HOUR_MS), world.compare)
    for day in (4, 6, 7):
        world.at(T0 + day * DAY_MS, partial(_redeliver, world))
    return world


def _plan_calls(world: World) -> None:
    rng, model = world.rng, world.model
    made = list(islice(calls(rng), CALLS))
    for each in made:
        model.add(each)
        for event in each.events:
            most = rng.choices(LATE_MS, weights=[80, 12, 5, 3])[0]
            _plan(world, each, event, event.at + rng.randrange(most))
    for place in range(CALLS // 50):
        for each in reused(rng, place):
            model.add(each)
            for event in each.events:
                _plan(world, each, event, event.at + rng.randrange(LATE_MS[0]))
    for place in range(CALLS // 10):
        world.at(T0 + rng.randrange(SPREAD_MS), partial(world.bind, rng.choice(APPS), place))


def _plan(world: World, made: Made, event: Event, at: int) -> None:
    """The event is reported then, and perhaps again."""
    again = [at + world.rng.randrange(DAY_MS) for _ in range(world.rng.choice([0, 0, 1, 2]))]
    for moment in (at, *again):
        world.at(moment, partial(world.report, made, event))


def _plan_schedules(world: World) -> None:
    often, seldom = range(0, 2 * DAY_MS, TICK_MS), range(2 * DAY_MS, LASTS_MS, 4 * TICK_MS)
    for tick in (*often, *seldom):
        world.at(T0 + tick, world.tick)
    for app in APPS:
        turn = zlib.crc32(app.encode()) % SLICES * MINUTE
        for hour in range(hour_at(T0), T0 + LASTS_MS, HOUR_MS):
            world.at(hour + turn, world.count)


def _redeliver(world: World, now: int) -> None:
    """Tenants redeliver events, of which the endpoint takes all from the sixth day on."""
    recovered = now >= T0 + 6 * DAY_MS
    if recovered:
        world.model.recover()
    for app in APPS:

        def redeliver(gateway: Gateway, app: str = app) -> None:
            gateway.shared(Records).redelivery.redeliver_between(app, since=T0, until=now, now=now)

        while not world.tried(redeliver):
            pass
    known = sorted(world.model.events)
    for name in world.rng.sample(known, len(known) // 20 if recovered else 0):
        app = world.model.events[name].app

        def redeliver_one(gateway: Gateway, app: str = app, name: str = name) -> None:
            gateway.shared(Records).redelivery.redeliver(app, name, now=now)

        world.tried(redeliver_one)


@pytest.mark.parametrize("seed", seeds())
def test_usage_is_what_a_recount_of_the_events_says(
    here: Stage, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # Counts are interrupted in the middle of an hour.
    monkeypatch.setattr(counting, "PAGE", 8)
    monkeypatch.setattr(counting, "REPORT_S", 600.0)
    world = filled(here, seed)
    world.go()
    now = T0 + LASTS_MS
    world.compare(now)
    for app in APPS:
        report = world.process.shared(usage_service).report(app, since=T0, until=now, now=now)
        assert report.complete_until == hour_at(now - SETTLES_MS) + HOUR_MS
        assert report.total.calls
        assert report.total.recordings or app != "demo"
    assert world.died > CALLS // 40
    assert world.compared > 40
