"""A thousand events to ten apps, three of whose receivers are as bad as they come: the others do
not wait for them, and nothing is lost."""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest
import requests

from admin import numbers as pools
from admin import provision
from chalicelib.core.calls.follow_up import GRACE_MS
from chalicelib.core.calls.model import Task
from chalicelib.core.retries import JITTER
from chalicelib.core.webhooks.policy import RETRIES_S
from chalicelib.store import clients
from chalicelib.wiring import schedules
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway, gateway
from chalicelib.wiring.records import Records
from tests.gateways import number, subscriber
from tests.running import Running, stack
from tests.simulator.outside import wait_until
from tests.sizes import seeds, size

EVENTS = size("EVENTS", gate=300, large=1000)
SEEDS = seeds()
RATE = 15
"""Events a second: what the AWS stand-in takes on half of a small machine."""
BATCH = 5
SOON_MS = 2_000
PATIENCE_S = 60
DEAD, SLOW, SHAKY = "storm-dead", "storm-slow", "storm-shaky"
GOOD = [f"storm-{i}" for i in range(7)]
APPS = [DEAD, SLOW, SHAKY, *GOOD]
pytestmark = pytest.mark.large
SILENCE = {"status": 500, "delay_s": 60}


@dataclass
class Storm:
    """Ten apps of a stack, and when each event of theirs was reported (epoch ms), by its call."""

    running: Running
    owed: dict[str, set[str]] = field(default_factory=dict)
    reported: dict[str, int] = field(default_factory=dict)

    def prepare(self, seed: int) -> None:
        """Apps and their receivers."""
        with self.running.operated():
            for i, app in enumerate(APPS):
                url = f"{self.running.simulator_url}/apps/{app}/callback"
                provision.create_app(app, callback_url=url)
                pools.add(app, [(number(i), None)])
        self.control("PUT", DEAD, SILENCE)
        self.control("PUT", SLOW, {"status": 200, "delay_s": 4})
        self.control("PUT", SHAKY, {"status": 500, "share": 0.5, "seed": seed})

    def rage(self, seed: int) -> None:
        """All events, in no order, at a steady rate."""
        whose = [app for app in APPS for _ in range(EVENTS // len(APPS))]
        random.Random(seed).shuffle(whose)
        calls = [(f"call-{i}", app) for i, app in enumerate(whose)]
        self.owed = {app: {call for call, of in calls if of == app} for app in APPS}
        began = time.monotonic()
        with ThreadPoolExecutor(8) as switch:
            sent = []
            for first in range(0, len(calls), BATCH):
                time.sleep(max(0, began + first / RATE - time.monotonic()))
                sent.append(switch.submit(self._report, calls[first : first + BATCH]))
            for each in sent:
                each.result()

    def _report(self, calls: list[tuple[str, str]]) -> None:
        now = time.time_ns() // 1_000_000
        self.reported |= dict.fromkeys((call for call, _ in calls), now)
        events = [
            {
                "event_id": f"sent {call}",
                "type": "sms.sent",
                "call_id": call,
                "from": subscriber(1),
                "to": number(APPS.index(app)),
                "at": now,
                "result": "ok",
            }
            for call, app in calls
        ]
        url = f"{self.running.url}/switch/events"
        got = requests.post(url, json=events, auth=self.running.switch, timeout=30)
        assert got.status_code == 200, got.text

    def told(self, app: str) -> dict[str, int]:
        """Call -> when its app's receiver first took its event (epoch ms)."""
        first: dict[str, int] = {}
        for each in self.running.received(app):
            first.setdefault(json.loads(each["body"])["callId"], each["received_at"])
        return first

    def control(self, method: str, app: str, body: Any = None) -> dict[str, Any]:
        """A request to the control side of a receiver."""
        url = f"{self.running.simulator_url}/apps/{app}/receiver"
        got = requests.request(method, url, json=body, timeout=30)
        assert got.status_code == 200, got.text
        state: dict[str, Any] = got.json()
        return state

    def has_all(self, *apps: str) -> bool:
        """Whether each of them was told of everything."""
        return all(self.told(app).keys() == self.owed[app] for app in apps)


@pytest.fixture(scope="module", params=SEEDS)
def storm(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storm]:
    """When the last event was reported. On a stack of its own: nobody else is served there."""
    with stack(tmp_path_factory.mktemp("storm")) as running:
        storm = Storm(running)
        storm.prepare(request.param)
        storm.rage(request.param)
        yield storm


def test_the_good_ones_are_told_soon(storm: Storm) -> None:
    assert wait_until(lambda: storm.has_all(*GOOD), timeout_s=PATIENCE_S)
    took = sorted(
        received - storm.reported[call]
        for app in GOOD
        for call, received in storm.told(app).items()
    )
    shown = {f"p{share}": took[len(took) * share // 100] for share in (50, 95, 99)}
    print(f"{len(took)} events, ms: {shown}, max {took[-1]}")
    assert shown["p95"] < SOON_MS, shown
    # Who never answers is soon left alone, whatever there is for him.
    assert storm.control("GET", DEAD)["requests"] < len(storm.owed[DEAD])
    assert storm.told(DEAD) == {}


def test_the_slow_one_is_told_everything(storm: Storm) -> None:
    assert wait_until(lambda: storm.has_all(SLOW), timeout_s=PATIENCE_S)


class Later:
    """The gateway on a clock that runs ahead, with queues of its own: the stack's workers, for whom
    it is now, would take its messages for early ones."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.now = time.time_ns() // 1_000_000

    def after(self, s: float) -> None:
        """So much later, all that is due is done."""
        self.now += round(s * 1000)
        self._gateway.shared(schedules.follow_up).run(now=self.now, time_left=lambda: True)
        self.work()

    def work(self) -> None:
        """Does what the queues have."""
        with ThreadPoolExecutor(4) as workers:
            while messages := _taken(self._gateway):
                list(workers.map(self._deliver, messages))

    def _deliver(self, message: str) -> None:
        self._gateway.shared(webhook_delivery).deliver(
            Task.from_text(message), now=self.now, queue="slow"
        )

    def stored(self) -> Counter[tuple[str, str]]:
        """How many events there are, by app and how far they are."""
        pages = clients.dynamodb().get_paginator("scan")
        items = (
            item
            for page in pages.paginate(TableName=self._gateway.settings.table_name)
            for item in page["Items"]
            if item["pk"]["S"].startswith("C#")
        )
        # Progress, as store.call_items has it.
        return Counter(
            (item["app"]["S"], value["M"]["delivery"]["S"])
            for item in items
            for name, value in item.items()
            if len(name) == 23 and name.startswith("P")
        )

    def dead(self, app: str) -> int:
        """How many events of an app are listed as dead."""
        listed, after = 0, None
        while True:
            page = self._gateway.shared(Records).redelivery.dead_letters(
                app, since=0, until=self.now, after=after
            )
            assert {each.attempts for each in page.events} <= {len(RETRIES_S) + 1}
            listed += len(page.events)
            if page.after is None:
                return listed
            after = page.after

    def again(self, app: str) -> int:
        """Tells all of them again; how many."""
        redelivery = self._gateway.shared(Records).redelivery
        again = redelivery.redeliver_between(app, since=0, until=self.now, now=self.now)
        self.work()
        return again


def _taken(gateway: Gateway) -> list[str]:
    sqs, bodies = clients.sqs(), []
    names = gateway.settings
    for name in (names.delivery_queue_name, names.slow_queue_name):
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            bodies += [message["Body"] for message in found]
            entries = [
                {"Id": str(i), "ReceiptHandle": message["ReceiptHandle"]}
                for i, message in enumerate(found)
            ]
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)
    return bodies


@contextmanager
def later(running: Running) -> Iterator[Later]:
    """Such a gateway over the table of this stack."""
    queues = {"DELIVERY_QUEUE_NAME": "later", "SLOW_QUEUE_NAME": "later-slow"}
    quick = {"CALLBACK_TIMEOUT_S": "0.3"}
    with patch.dict(os.environ, queues | quick), running.operated():
        for name in queues.values():
            clients.sqs().create_queue(QueueName=name)
        yield Later(gateway())


def test_what_died_is_listed_and_told_again_once_somebody_listens(storm: Storm) -> None:
    with later(storm.running) as days:
        # Not before we know what they answered.
        fine = {(app, "delivered"): len(storm.owed[app]) for app in (SLOW, *GOOD)}
        assert wait_until(lambda: fine.items() <= days.stored().items(), timeout_s=PATIENCE_S)
        # Each attempt may be put off once.
        for _ in range(2 * len(RETRIES_S)):
            days.after(RETRIES_S[-1] * (1 + JITTER) + GRACE_MS / 1000)
        assert days.dead(DEAD) == len(storm.owed[DEAD])
        assert storm.told(DEAD) == {}
        # Of eleven tries every other fails: next to nothing of this one's is left.
        lost = storm.owed[SHAKY] - storm.told(SHAKY).keys()
        assert days.dead(SHAKY) == len(lost) < len(storm.owed[SHAKY]) / 10
        assert [days.dead(app) for app in (SLOW, *GOOD)] == [0] * 8

        storm.control("DELETE", DEAD)
        storm.control("DELETE", SHAKY)
        days.after(3600)
        assert days.again(DEAD) == len(storm.owed[DEAD])
        assert days.again(SHAKY) == len(lost)
        # While one of them found out that he is there, others had given up once more.
        days.after(600)
        assert storm.has_all(*APPS)
        assert days.stored() == {(app, "delivered"): len(storm.owed[app]) for app in APPS}
        assert [days.dead(app) for app in APPS] == [0] * 10
