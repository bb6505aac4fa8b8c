"""What an app has to spend: deposits, overdraft, and the price of a binding in the bind's own
transaction."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.balance import Balance
from chalicelib.core.bindings.lease import CarrierLease, Operation
from chalicelib.core.bindings.model import Ask, Binding, Refusal, State, binding_id
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import Tariff
from chalicelib.services.bindings.clean_expired import Cleaner
from chalicelib.services.bindings.service import BindingService
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Table
from chalicelib.store.tenants.balances import BalanceStore
from tests.core.samples import Embedded, app_with, binding, leases, request, tag
from tests.stage import X1, A, B, C, Stage, answering

NOW = 1_768_464_000_000
HOUR = 3_600_000
PRICE = 250_000
ASKED = {
    "state": State.BINDING,
    "lease": CarrierLease(operations=(Operation("1", "bind", NOW),), check_at=NOW),
}
"""Of a draft whose carrier is being asked."""
APP = replace(app_with({X1: None}), tariff=Tariff(binding=PRICE))


@pytest.fixture
def table(stage: Stage) -> Table:
    return Table(lambda: stage.dynamodb, stage.table, SYSTEM)


@pytest.fixture
def ledger(table: Table) -> BalanceStore:
    return BalanceStore(table)


@pytest.fixture
def store(table: Table) -> BindingStore:
    encryption = FieldEncryption({"current": "1", "1": "k" * 64}, SYSTEM.random_bytes)
    return BindingStore(table, lambda: encryption)


Make = Callable[..., Binding]


@pytest.fixture
def make(store: BindingStore) -> Make:
    """Drafts that have their price, with a fresh handle each."""
    count = iter(range(1000))

    def draft(**more: Any) -> Binding:
        handle = store.handle(app="demo", request=f"r{next(count)}", attempt=0)
        values = {"id": binding_id(handle, NOW), "handle": handle, "number": X1, "price": PRICE}
        return binding(**(values | {"created": NOW, "updated": NOW, "expires": NOW + HOUR} | more))

    return draft


def commit(store: BindingStore, draft: Binding, *, quota: int = 100) -> Refusal | None:
    return store.commit(draft, quota_limit=quota, metered=True, now=NOW)


def balance(ledger: BalanceStore) -> int:
    return ledger.standing("demo").balance


# The account


def test_an_app_that_nothing_was_paid_for_has_nothing(ledger: BalanceStore) -> None:
    standing = ledger.standing("demo")
    assert standing == Balance(balance=0, overdraft=0, created=None, updated=None)
    assert standing.used_up


def test_an_account_is_opened_once(ledger: BalanceStore) -> None:
    ledger.open("demo", now=NOW)
    ledger.deposit("demo", 5, now=NOW + 1)
    ledger.open("demo", now=NOW + 2)
    assert ledger.standing("demo") == Balance(5, overdraft=0, created=NOW, updated=NOW + 1)


def test_deposits_add_up_and_are_taken_back(ledger: BalanceStore) -> None:
    for amount in (1_000_000, 1, -500_000):
        ledger.deposit("demo", amount, now=NOW)
    ledger.deposit("other", 7, now=NOW)
    assert (balance(ledger), ledger.standing("other").balance) == (500_001, 7)


def test_an_overdraft_is_no_balance(ledger: BalanceStore) -> None:
    ledger.deposit("demo", 10, now=NOW)
    for overdraft in (100, 40, 40, 0, 70):
        ledger.set_overdraft("demo", overdraft, now=NOW + 1)
        standing = ledger.standing("demo")
        assert (standing.balance, standing.overdraft) == (10, overdraft)
    ledger.deposit("demo", -60, now=NOW + 2)
    assert not ledger.standing("demo").used_up
    ledger.deposit("demo", -20, now=NOW + 2)
    assert ledger.standing("demo").used_up


def test_an_overdraft_that_somebody_else_changes_at_once_is_not_counted_twice(
    stage: Stage, ledger: BalanceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.set_overdraft("demo", 10, now=NOW)
    standing, met = BalanceStore.standing, [30, 20]

    def meanwhile(self: BalanceStore, app: str) -> Balance:
        seen = standing(self, app)
        if met:
            other = met.pop()
            monkeypatch.setattr(BalanceStore, "standing", standing)
            self.set_overdraft(app, other, now=NOW)
            monkeypatch.setattr(BalanceStore, "standing", meanwhile)
        return seen

    monkeypatch.setattr(BalanceStore, "standing", meanwhile)
    ledger.set_overdraft("demo", 50, now=NOW)
    monkeypatch.undo()
    assert ledger.standing("demo") == Balance(0, overdraft=50, created=None, updated=NOW)


def test_an_overdraft_that_is_changed_all_the_time_is_told(
    ledger: BalanceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.set_overdraft("demo", 10, now=NOW)
    long_ago = Balance(0, overdraft=99, created=None, updated=None)
    monkeypatch.setattr(BalanceStore, "standing", lambda *_: long_ago)
    with pytest.raises(errors.Contended):
        ledger.set_overdraft("demo", 50, now=NOW)


# The price of a binding


def test_a_binding_is_paid_for_in_its_own_transaction(
    stage: Stage, store: BindingStore, ledger: BalanceStore, make: Make
) -> None:
    ledger.deposit("demo", PRICE + 1, now=NOW)
    with answering(stage.dynamodb, "TransactWriteItems") as calls:
        assert commit(store, make()) is None
    assert len(calls) == 1
    assert balance(ledger) == 1


@pytest.mark.parametrize(
    ("credit", "price", "pays"),
    [
        (PRICE, PRICE, True),
        (PRICE - 1, PRICE, False),
        (0, PRICE, False),
        (-1, PRICE, False),
        (1, 0, True),
        (0, 0, False),
        (-1, 0, False),
        (None, PRICE, False),
        (None, 0, False),
    ],
)
def test_what_an_account_pays_for(
    stage: Stage,
    store: BindingStore,
    ledger: BalanceStore,
    make: Make,
    credit: int | None,
    price: int,
    pays: bool,
) -> None:
    """A tariff that has no price for bindings wants something to be left all the same."""
    if credit is not None:
        ledger.deposit("demo", credit, now=NOW)
    before = stage.items()
    refusal = commit(store, make(price=price))
    assert refusal == (None if pays else Refusal(unpaid=True))
    assert balance(ledger) == (credit or 0) - (price if pays else 0)
    if not pays:
        assert stage.items() == before


def test_an_overdraft_pays_too(store: BindingStore, ledger: BalanceStore, make: Make) -> None:
    ledger.set_overdraft("demo", PRICE, now=NOW)
    assert commit(store, make()) is None
    assert balance(ledger) == -PRICE
    assert commit(store, make(a=Subscriber(C))) == Refusal(unpaid=True)


def test_an_app_without_a_tariff_has_no_account(
    stage: Stage, store: BindingStore, make: Make
) -> None:
    assert store.commit(make(price=0), quota_limit=1, metered=False, now=NOW) is None
    assert stage.items("A#") == []


def test_a_repeat_is_told_its_binding_however_empty_the_account(
    store: BindingStore, ledger: BalanceStore, make: Make
) -> None:
    ledger.deposit("demo", PRICE, now=NOW)
    draft = make()
    commit(store, draft)
    again = commit(store, draft, quota=1)
    assert again is not None
    assert again.existing == replace(draft, key_version=1)
    assert balance(ledger) == 0


def test_who_cannot_pay_is_told_that_before_anything_else(
    store: BindingStore, ledger: BalanceStore, make: Make
) -> None:
    ledger.deposit("demo", PRICE, now=NOW)
    commit(store, make())
    assert commit(store, make(), quota=1) == Refusal(unpaid=True)
    ledger.deposit("demo", PRICE, now=NOW)
    assert commit(store, make(), quota=1) == Refusal(route="bound")
    assert commit(store, make(number="8610000000099"), quota=1) == Refusal(quota_full=True)
    assert balance(ledger) == PRICE


def test_a_bind_that_is_given_up_is_paid_back(
    store: BindingStore, ledger: BalanceStore, make: Make
) -> None:
    ledger.deposit("demo", PRICE, now=NOW)
    draft = make(**ASKED)
    commit(store, draft)
    assert balance(ledger) == 0
    kept = store.get(draft.id)
    assert kept is not None
    assert [store.undo(kept, now=NOW + 1) for _ in range(2)] == [True, False]
    assert balance(ledger) == PRICE


@pytest.mark.parametrize("now", [NOW, NOW + HOUR, NOW + 9 * HOUR])
def test_it_is_paid_back_after_it_ran_out_too(
    store: BindingStore, ledger: BalanceStore, make: Make, now: int
) -> None:
    ledger.deposit("demo", PRICE, now=NOW)
    draft = make(**ASKED)
    commit(store, draft)
    kept = store.get(draft.id)
    assert kept is not None
    assert store.undo(kept, now=now)
    assert balance(ledger) == PRICE


def test_what_was_agreed_to_is_not_paid_back(
    store: BindingStore, ledger: BalanceStore, make: Make
) -> None:
    ledger.deposit("demo", PRICE, now=NOW)
    draft = make(**ASKED)
    commit(store, draft)
    kept = store.get(draft.id)
    assert kept is not None
    lease = CarrierLease("c", until=NOW + HOUR, at_most=NOW + HOUR)
    agreed = store.change(kept, replace(kept, state=State.BOUND, lease=lease))
    assert agreed is not None
    assert not store.undo(kept, now=NOW)
    assert store.change(agreed, agreed.ended(now=NOW))
    assert balance(ledger) == 0


# By the use case


def bind(store: BindingStore, name: str = "r", *, a: str = A) -> Binding:
    desk = BindingService(store, Cleaner(store), leases(store, Embedded()), tag)
    ask = Ask(Subscriber(a), Subscriber(B), None, None, HOUR, record=False, user_data="")
    return desk.bind(APP, ask, request(name), now=NOW)


def test_an_empty_account_binds_nothing(store: BindingStore, ledger: BalanceStore) -> None:
    ledger.deposit("demo", PRICE * 3 // 2, now=NOW)
    first = bind(store)
    assert first.price == PRICE
    with pytest.raises(errors.BalanceUsedUp):
        bind(store, "other", a=C)
    assert bind(store).id == first.id
    assert store.quota_used("demo") == {0: 1}
    assert balance(ledger) == PRICE // 2
