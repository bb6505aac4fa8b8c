"""Events stored, told and looked after by many at once, over a queue that loses, doubles and mixes
up messages: in the end every app was told of every event, and nothing is left to be done."""

import random
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from admin import provision
from chalicelib.core import errors
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.follow_up import GRACE_MS
from chalicelib.core.calls.model import Task
from chalicelib.core.subscribers import Subscriber
from chalicelib.egress.webhooks import NotDelivered
from chalicelib.wiring import schedules
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest
from tests.core.samples import event
from tests.gateways import NOW, Stage, number, subscriber
from tests.owners import set_secret
from tests.races.crowd import crowd_of
from tests.sizes import seeds, size

CALLS = size("CALLS", gate=30, large=60)
SEEDS = seeds()
WORKERS = 8
LOST, DOUBLED = 0.15, 0.2
REFUSED = 0.3
HOUR_MS = 3_600_000
ROUNDS = 200
"""Far more than the retries of five days take."""


@dataclass
class Queue:
    """Stands for SQS, at its worst and worse: what is sent may be lost, as if its sender had died
    just before. It is used as WorkQueues is."""

    rng: random.Random
    waiting: list[Task] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def deliver(
        self, tasks: Sequence[Task], *, queue: str = "fast", delay_s: int | None = 0
    ) -> None:
        with self.lock:
            for task in tasks:
                if self.rng.random() >= LOST:
                    self.waiting += [task] * (1 + (self.rng.random() < DOUBLED))

    def fetch(self, tasks: Sequence[Task], *, delay_s: int | None = 0) -> None:
        raise AssertionError("no recordings here")

    def taken(self) -> list[Task]:
        with self.lock:
            taken, self.waiting = self.waiting, []
        self.rng.shuffle(taken)
        return taken


@dataclass
class App:
    """Stands for an app's receiver; takes some at once, some only after a few attempts."""

    rng: random.Random
    got: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, url: str, headers: Any, body: bytes, *, any_2xx: bool) -> None:
        with self.lock:
            if self.rng.random() < REFUSED:
                raise NotDelivered("HTTP 500")
            self.got[headers["webhook-id"]] += 1


def parts(i: int) -> list[Event]:
    """What is heard of the i-th call, or message."""
    about = {
        "call_id": f"call-{i}",
        "number": number(0),
        "caller": Subscriber(subscriber(i)),
        "received": NOW,
    }
    if i % 5 == 0:
        return [
            event(EventKind.SMS_SENT, NOW + i * 1000 + each, **about | {"binding": None})
            for each in range(3)
        ]
    kinds = (EventKind.CALL_STARTED, EventKind.CALL_ANSWERED, EventKind.CALL_ENDED)
    return [event(kind, NOW + i * 10_000 + n, **about) for n, kind in enumerate(kinds)]


def instance(here: Stage, queue: Queue, app: App) -> Gateway:
    gateway = here.instance()
    sent = vars(gateway.shared(Ingest).queues)
    sent["deliver"], sent["fetch"] = queue.deliver, queue.fetch
    gateway.shared(webhook_delivery)._sender = app
    return gateway


def persisting(work: Any) -> Any:
    """What a carrier, or the queue, does: again, until it is done."""

    def done(gateway: Gateway) -> None:
        for _ in range(50):
            try:
                return work(gateway)
            except (errors.Unavailable, errors.Contended):
                continue
        raise AssertionError("never done")

    return done


@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_end_everybody_knows_everything(here: Stage, seed: int) -> None:
    here.app("demo", [number(0)])
    set_secret("app/demo", callback_secret="whsec_" + "c2VjcmV0" * 4)
    provision.set_app("demo", event_format="cloudevents")
    rng = random.Random(seed)
    queue, app = Queue(random.Random(seed + 1)), App(random.Random(seed + 2))
    events = [each for i in range(CALLS) for each in parts(i)]
    sent = [each for each in events for _ in range(rng.randint(1, 3))]
    rng.shuffle(sent)

    def store(gateway: Gateway, each: Event) -> None:
        gateway.shared(Ingest).events.record([each])

    def deliver(gateway: Gateway, task: Task, now: int) -> None:
        gateway.shared(webhook_delivery).deliver(task, now=now)

    with crowd_of([instance(here, queue, app) for _ in range(WORKERS)]) as everybody:
        work = [lambda g, each=each: store(g, each) for each in sent]
        now = NOW
        for _ in range(ROUNDS):
            work += [lambda g, e=e, now=now: deliver(g, e, now) for e in queue.taken()]
            work += [
                lambda g, now=now: g.shared(schedules.follow_up).run(
                    now=now, time_left=lambda: True
                )
                for _ in range(2)
            ]
            rng.shuffle(work)
            everybody.all_of([persisting(each) for each in work])
            work = []
            if not queue.waiting and not any("due_at" in item for item in here.items()):
                break
            now += rng.choice([GRACE_MS, 10 * GRACE_MS, HOUR_MS])
        else:
            pytest.fail(f"seed {seed}: something is left to be done")
    # Without the entries by which messages are found that have the id of a call.
    calls = [
        item
        for item in here.items()
        if item["pk"]["S"].startswith("C#") and "." not in item["sk"]["S"]
    ]
    states = Counter(
        value["M"]["delivery"]["S"]
        for item in calls
        for name, value in item.items()
        if len(name) == 23 and name[0] == "P"
    )
    assert len(calls) == CALLS
    assert states == {"delivered": len(events)}, f"seed {seed}"
    assert len(app.got) == len(events)
