"""A process that dies before any one of its calls to AWS, or hears no answer to it, as it stores,
tells, fails, follows up and tells again: the app hears of everything, and pays once."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from admin import provision
from chalicelib.core.calls.follow_up import UNFINISHED_MS
from chalicelib.core.calls.model import Task
from chalicelib.core.errors import GatewayError
from chalicelib.core.tenants import Tariff
from chalicelib.store import clients
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.wiring import schedules
from chalicelib.wiring.deliver import webhook_delivery
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.records import Records
from tests.attacks.keepers import Died
from tests.gateways import MINUTE, NOW, Stage, Switch, number, subscriber
from tests.receivers import Receiver, receiver

X = number(0)
PRICE = 100
TURNS = 3


@pytest.fixture
def inbox() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@contextmanager
def ending(at: int, moment: str, end: BaseException) -> Iterator[list[str]]:
    """So ends the so-many-th call (from 0), `before` or `after` AWS has done it; lists the calls.
    Whoever is dead makes none any more."""
    calls: list[str] = []

    def step(**more: Any) -> None:
        calls.append(more["event_name"])
        if len(calls) == at + 1 or (len(calls) > at and isinstance(end, Died)):
            raise end

    table, queues = clients.dynamodb().meta.events, clients.sqs().meta.events
    hooks = [(table, f"{moment}-call.dynamodb"), (queues, f"{moment}-call.sqs.SendMessageBatch")]
    for events, name in hooks:
        events.register(name, step)
    try:
        yield calls
    finally:
        for events, name in hooks:
            events.unregister(name, step)


def call(step: int) -> list[dict[str, Any]]:
    """A call of a minute, its end first."""
    name = f"call-{step}"
    common = {"call_id": name, "from": subscriber(1), "to": X, "callee": subscriber(2)}
    ended = {"type": "call.ended", "event_id": f"{name} e", "at": NOW, "released_by": "caller"}
    answered = {"type": "call.answered", "event_id": f"{name} a", "at": NOW - MINUTE}
    started = {"type": "call.started", "event_id": f"{name} s", "at": NOW - MINUTE - 1000}
    return [common | each for each in (ended, answered, started)]


def told(here: Stage, gateway: Gateway, *, now: int) -> list[str]:
    """Tells of whatever is in the queue; the events' ids."""
    tasks = [Task.from_text(message) for message in here.queued()]
    for task in tasks:
        with suppress(GatewayError):
            gateway.shared(webhook_delivery).deliver(task, now=now)
    return [task.key.id for task in tasks]


def worked(here: Stage, gateway: Gateway, switch: Switch, inbox: Receiver, step: int) -> bool:
    """A process that does everything once; whether the switch was told that all is stored."""
    acknowledged, later = False, NOW + 2 * MINUTE
    with suppress(Died):
        reply = switch.report(gateway, *call(step), now=NOW)
        acknowledged = reply.status == 200
        ids: list[str] = []
        for status in (500, 500, 200):
            inbox.status = status
            ids += told(here, gateway, now=NOW)
        with suppress(GatewayError):
            gateway.shared(schedules.follow_up).run(now=later, time_left=lambda: True)
        ids += told(here, gateway, now=later)
        with suppress(GatewayError):
            gateway.shared(Records).redelivery.redeliver("demo", ids[0] if ids else "", now=later)
    inbox.status = 200
    return acknowledged


@pytest.mark.parametrize(
    ("moment", "end"),
    [
        ("before", Died()),
        ("after", ReadTimeoutError(endpoint_url="https://nowhere.invalid")),
    ],
)
def test_what_was_acknowledged_is_told_and_paid_for_once(
    here: Stage, inbox: Receiver, moment: str, end: BaseException
) -> None:
    switch = here.switch()
    here.app("demo", [X], callback_url=inbox.url)
    provision.set_app("demo", tariff=Tariff(minute=PRICE))
    healthy, known = here.instance(), set[str]()
    for step in count():
        inbox.received.clear()
        process = here.instance()
        with ending(step, moment, end) as calls:
            acknowledged = worked(here, process, switch, inbox, step)
        happened = f"ended {calls[-1]}, the {step}th"
        if not acknowledged:
            assert switch.report(healthy, *call(step), now=NOW).status == 200, happened
        for turn in range(TURNS):
            now = NOW + (turn + 1) * UNFINISHED_MS
            healthy.shared(schedules.follow_up).run(now=now, time_left=lambda: True)
            told(here, healthy, now=now)
        stored = {i["pk"]["S"]: i for i in here.items() if i["pk"]["S"].startswith("C#")}
        (item,) = [stored[pk] for pk in stored.keys() - known]
        known |= stored.keys()
        states = sorted(
            v["M"]["delivery"]["S"] for k, v in item.items() if k[0] == "P" and len(k) == 23
        )
        assert states == ["delivered", "kept", "kept"], happened
        assert "due_at" not in item, happened
        assert item["place"]["S"].startswith(f"{NOW - MINUTE - 1000:015d}#"), happened
        assert BalanceStore(healthy.table).standing("demo").balance == -PRICE * len(known), happened
        assert inbox.received, happened
        if len(calls) <= step:
            break
    assert step > 15
