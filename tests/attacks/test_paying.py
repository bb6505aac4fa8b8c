"""What an account can be made to pay or to get back by events that come late, twice, all at once,
or after its prices have changed."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import permutations

import pytest

from admin import accounts
from chalicelib.core.calls.events import Event, EventKind, SmsResult
from chalicelib.core.calls.model import Delivery
from chalicelib.core.calls.prices import Bill
from chalicelib.core.tenants import Tariff
from chalicelib.store.calls.events import EventStore
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.wiring.gateway import Gateway
from tests.core.samples import event
from tests.gateways import MINUTE, NOW, Stage, number, subscriber

DEAR, CHEAP = Tariff(sms=100, minute=1000), Tariff(sms=1, minute=10)
ANSWERED = event(EventKind.CALL_ANSWERED, NOW, id="answered")
END = event(EventKind.CALL_ENDED, NOW + 3 * MINUTE, id="end", binding="1")
EARLIER = event(EventKind.CALL_ANSWERED, NOW - MINUTE, id="earlier")
LATER = event(EventKind.CALL_ANSWERED, NOW + MINUTE, id="later")
SMS = event(EventKind.SMS_SENT, NOW, id="sms", sms_result=SmsResult.OK)
UNSENT = event(EventKind.SMS_SENT, NOW, id="unsent", sms_result=SmsResult.FAILED)


@pytest.fixture(scope="session")
def engine(dynamodb_local: str) -> str:
    """Rivals meet on Amazon's own engine."""
    return dynamodb_local


@pytest.fixture
def gateway(here: Stage) -> Gateway:
    return here.instance()


def store_of(gateway: Gateway) -> EventStore:
    return EventStore(gateway.table, gateway.encryption)


def charge(store: EventStore, told: Event, bill: Bill) -> None:
    store.append(told, reported=told, owner=bill.app, delivery=Delivery.PENDING, bill=bill)


def paid(gateway: Gateway, app: str = "demo") -> int:
    return -BalanceStore(gateway.table).standing(app).balance


def test_in_whatever_order_the_events_of_a_call_come_it_costs_the_same(gateway: Gateway) -> None:
    store = store_of(gateway)
    orders = list(permutations((ANSWERED, END, EARLIER, LATER)))
    for i, order in enumerate(orders):
        for each in (*order, *order):
            mine = replace(each, call_id=f"call-{i}")
            charge(store, mine, Bill("demo", DEAR))
        assert paid(gateway) == (i + 1) * 4 * DEAR.minute


def test_all_at_once_it_costs_the_same(here: Stage, gateway: Gateway) -> None:
    stores = [store_of(here.instance()) for _ in range(4)]
    told = [ANSWERED, END, EARLIER, LATER, SMS, UNSENT]

    def tell(job: tuple[EventStore, Event]) -> None:
        charge(*job, Bill("demo", DEAR))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tell, [(store, each) for each in told for store in stores]))
    assert paid(gateway) == 4 * DEAR.minute + DEAR.sms


def test_what_was_paid_stays_when_prices_change_during_a_call(gateway: Gateway) -> None:
    store = store_of(gateway)
    for each in (ANSWERED, END):
        charge(store, each, Bill("demo", DEAR))
    charge(store, SMS, Bill("demo", CHEAP))
    assert paid(gateway) == 3 * DEAR.minute + CHEAP.sms
    # Each unit at the price of when it was heard of.
    charge(store, EARLIER, Bill("demo", DEAR))
    assert paid(gateway) == 4 * DEAR.minute + CHEAP.sms


def test_nobody_gets_back_what_somebody_else_paid(gateway: Gateway) -> None:
    store = store_of(gateway)
    for each in (ANSWERED, END):
        charge(store, each, Bill("demo", DEAR))
    charge(store, EARLIER, Bill("other", CHEAP))
    # What is another app's is another call.
    assert (paid(gateway), paid(gateway, "other")) == (3 * DEAR.minute, 0)


def test_a_crowd_gets_as_many_bindings_as_were_paid_for(here: Stage) -> None:
    app = here.app("demo", [number(i) for i in range(4)])
    accounts.set_tariff("demo", binding="0.3")
    accounts.change("demo", deposit="2.9", overdraft="0.2")
    gateways = [here.instance() for _ in range(3)]

    def bind(i: int) -> int:
        gateway = gateways[i % len(gateways)]
        pair = subscriber(2 * i), subscriber(2 * i + 1)
        asked = [app.bind(gateway, *pair, now=NOW, request_id=f"r{i}") for _ in range(2)]
        assert asked[0] == asked[1] or asked[1]["code"] == 403
        return int(asked[0]["code"])

    with here.conflicts(0.3, random.Random(7)) as cancelled, ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(bind, range(30)))
    assert cancelled
    # 3.1 yuan for 0.3 each: the last 0.1 pays for nothing.
    assert codes == [200] * 10 + [403] * 20
    assert here.live("demo", now=NOW) == 10
    standing = BalanceStore(here.instance().table).standing("demo")
    assert (standing.balance, standing.overdraft) == (-100_000, 200_000)
