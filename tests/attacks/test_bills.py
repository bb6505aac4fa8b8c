"""Events that come once or many times, in any order, eight at a time: what they cost in the end is
what they cost, to the last millionth."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from admin import provision
from chalicelib.core import errors
from chalicelib.core.calls.events import Event, EventKind, SmsResult
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import Tariff
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest
from tests.attacks.keepers import Book, attend, fails, keeping
from tests.core.samples import event
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber
from tests.races.crowd import crowd
from tests.sizes import seeds, size

EVENTS = size("EVENTS", gate=200, large=1000)
SEEDS = seeds()
WORKERS = 8
CONFLICTS = 0.1
TARIFF = Tariff(sms=70_001, minute=90_003)
PAYING, FREE = "paying", "free"


@pytest.fixture(scope="session")
def engine(dynamodb_local: str) -> str:
    """Rivals meet on Amazon's own engine."""
    return dynamodb_local


def minutes(talked_s: int) -> int:
    """How many a call of so many seconds is paid for."""
    return (talked_s + 59) // 60


def calls(rng: random.Random, x: str) -> Iterator[tuple[list[Event], int]]:
    """Calls and messages over X without end, each with what its events cost together."""
    for i in range(10**6):
        about = {
            "call_id": f"call-{x}-{i}",
            "number": x,
            "caller": Subscriber(subscriber(1)),
            "received": NOW,
        }
        start, talked_s = NOW + i * 1000, rng.randint(1, 400)
        end = start + talked_s * 1000

        def one(
            kind: EventKind, at: int, about: dict[str, object] = about, **more: object
        ) -> Event:
            return event(kind, at, **about, **more)

        began = [one(EventKind.CALL_STARTED, start - 9000), one(EventKind.CALL_RINGING, start - 5)]
        answer, hangup = one(EventKind.CALL_ANSWERED, start), one(EventKind.CALL_ENDED, end)
        price = minutes(talked_s) * TARIFF.minute
        match rng.choice(["parts", "parts", "whole", "both", "nobody", "chat"]):
            case "parts":
                yield [*began, answer, hangup], price
            case "whole":
                yield [one(EventKind.CALL_ENDED, end, answered=start)], price
            case "both":
                later = one(EventKind.CALL_ENDED, end, answered=start + 1000)
                yield [answer, later], price
            case "nobody":
                yield [*began, hangup], 0
            case _:
                results = [rng.choice([SmsResult.OK, SmsResult.FAILED]) for _ in range(3)]
                sent = [
                    one(EventKind.SMS_SENT, start + n, sms_result=result)
                    for n, result in enumerate(results)
                ]
                yield sent, results.count(SmsResult.OK) * TARIFF.sms


def some(rng: random.Random, x: str) -> tuple[list[Event], int]:
    """So many events, and what they cost."""
    told: list[Event] = []
    cost = 0
    for each, price in islice(calls(rng, x), EVENTS):
        if len(told) >= EVENTS:
            break
        told += each
        cost += price
    return told, cost


def take_in(gateway: Gateway, told: Event) -> None:
    """As a carrier does: again until it is taken."""
    for _ in range(50):
        try:
            gateway.shared(Ingest).events.record([told])
        except errors.Contended:
            continue
        return
    raise AssertionError("never taken")


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_is_paid_once(here: Stage, seed: int) -> None:
    for i, name in enumerate((PAYING, FREE)):
        here.app(name, [number(i)])
    provision.set_app(PAYING, tariff=TARIFF)
    rng = random.Random(seed)
    told, cost = some(rng, number(0))
    free, _ = some(rng, number(1))
    sent = [each for each in (*told, *free[: EVENTS // 10]) for _ in range(rng.randint(1, 5))]
    rng.shuffle(sent)
    with crowd(here, WORKERS) as everybody, here.conflicts(CONFLICTS, random.Random(seed)):
        everybody.all_of([lambda gateway, each=each: take_in(gateway, each) for each in sent])
    ledger = BalanceStore(here.instance().table)
    assert cost
    assert -ledger.standing(PAYING).balance == cost, f"seed {seed}"
    assert ledger.standing(FREE).balance == 0
    assert here.events() == len(told) + EVENTS // 10


class Spenders:
    """Clients of one app at once, of which each comes again when it is told to."""

    def __init__(self, app: Backend) -> None:
        self._app = app

    def bind(self, i: int) -> Callable[[Gateway], int]:
        a, b = subscriber(2 * i), subscriber(2 * i + 1)

        def ask(gateway: Gateway) -> int:
            name = f"request-{i}"
            while (reply := self._app.bind(gateway, a, b, now=NOW, request_id=name))["code"] == 416:
                pass
            return int(reply["code"])

        return ask


def test_an_account_pays_for_as_many_bindings_as_it_can_and_no_more(here: Stage) -> None:
    app = here.app(PAYING, [number(i) for i in range(5)])
    provision.set_app(PAYING, tariff=Tariff(binding=10))
    ledger = BalanceStore(here.instance().table)
    ledger.deposit(PAYING, 155, now=NOW)
    spenders = Spenders(app)
    with crowd(here, 32) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        codes = everybody.at_once([spenders.bind(i) for i in range(32)])
        assert Counter(codes) == {200: 15, 403: 17}
        assert ledger.standing(PAYING).balance == 5
        # Whoever was bound hears it again, and pays nothing for that.
        again = everybody.at_once([spenders.bind(i) for i in range(32)])
    assert again == codes
    assert ledger.standing(PAYING).balance == 5
    assert here.live(PAYING, now=NOW) == here.quota_used(PAYING) == 15


def test_deposits_and_prices_of_all_at_once_add_up(here: Stage) -> None:
    app = here.app(PAYING, [number(i) for i in range(5)])
    provision.set_app(PAYING, tariff=Tariff(binding=10))
    BalanceStore(here.instance().table).deposit(PAYING, 1000, now=NOW)
    spenders = Spenders(app)

    def deposit(gateway: Gateway) -> int:
        BalanceStore(gateway.table).deposit(PAYING, 7, now=NOW)
        return 0

    def allow(gateway: Gateway) -> int:
        BalanceStore(gateway.table).set_overdraft(PAYING, 500, now=NOW)
        return 0

    with crowd(here, 32) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        actions = [spenders.bind(i) for i in range(16)] + [deposit] * 15 + [allow]
        codes = everybody.at_once(actions)
    standing = BalanceStore(here.instance().table).standing(PAYING)
    assert set(codes) == {0, 200}
    assert (standing.balance, standing.overdraft) == (1000 - 160 + 105, 500)


@pytest.mark.parametrize("end", [errors.CarrierRefused("no"), errors.NotReached("down")])
def test_what_a_carrier_refuses_is_paid_back(here: Stage, end: Exception) -> None:
    app = here.app(PAYING, [number(0)])
    provision.set_app(PAYING, tariff=Tariff(binding=10))
    gateway = here.instance()
    BalanceStore(gateway.table).deposit(PAYING, 10, now=NOW)
    between = keeping(gateway, Book())
    between.before = fails("bind", end)
    assert app.bind(gateway, subscriber(0), subscriber(1), now=NOW)["code"] == 514
    assert BalanceStore(gateway.table).standing(PAYING).balance == 10
    between.before = lambda _: None
    assert app.bind(gateway, subscriber(0), subscriber(1), now=NOW)["code"] == 200
    assert BalanceStore(gateway.table).standing(PAYING).balance == 0


def test_what_a_carrier_never_bound_is_paid_back_by_the_schedule(here: Stage) -> None:
    app = here.app(PAYING, [number(0)])
    provision.set_app(PAYING, tariff=Tariff(binding=10))
    gateway = here.instance()
    BalanceStore(gateway.table).deposit(PAYING, 10, now=NOW)
    between = keeping(gateway, Book())
    between.before = fails("bind", errors.Unavailable("silence"))
    assert app.bind(gateway, subscriber(0), subscriber(1), now=NOW)["code"] == 514
    assert BalanceStore(gateway.table).standing(PAYING).balance == 0
    for minute in range(1, 6):
        attend(gateway, "pending", now=NOW + minute * MINUTE)
    assert BalanceStore(gateway.table).standing(PAYING).balance == 10
