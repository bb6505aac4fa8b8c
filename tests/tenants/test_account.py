"""An app's account and numbers, as the app itself sees them."""

from dataclasses import replace

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core.errors import UnknownNumber
from chalicelib.core.tenants import App, Pool, Tariff
from chalicelib.services.tenants.account import AccountService, NumberInfo
from chalicelib.store import clients
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.store.table import Table
from chalicelib.store.tenants.balances import BalanceStore
from tests.stage import X1, X2, X3, X15, A, C, Clock, Stage

POOL = Pool({X1: "10", X2: "10", X3: "21", X15: None}, draining=frozenset({X2}))
APP = App(name="demo", pool=POOL, callback_url="https://shop.example/calls")


@pytest.fixture
def service(stage: Stage) -> AccountService:
    table = Table(clients.dynamodb, stage.table, SYSTEM)
    return AccountService(BindingStore(table, stage.encryption), BalanceStore(table))


def test_what_is_used_of_the_quota(stage: Stage, service: AccountService) -> None:
    client = stage.app(quota=300)
    assert service.account(APP).live == 0
    bound = client.bind(phoneX=X1)
    client.bind(a=A, b=C, phoneX=X2)
    assert service.account(APP).live == 2
    client.call("unbind", {"bindId": bound.json["bindId"]})
    found = service.account(APP)
    assert (found.live, found.balance) == (1, None)


def test_a_balance_where_something_is_paid(stage: Stage, service: AccountService) -> None:
    paying = replace(APP, tariff=Tariff(minute=1))
    service.balances.deposit("demo", 5_000_000, now=1)
    service.balances.set_overdraft("demo", 1_000_000, now=2)
    found = service.account(paying).balance
    assert found is not None
    assert (found.balance, found.overdraft) == (5_000_000, 1_000_000)


def test_numbers_page_by_page() -> None:
    seen: list[NumberInfo] = []
    after: str | None = None
    while True:
        page, after = AccountService.numbers(APP, area=None, after=after, limit=3)
        seen += page
        if after is None:
            break
    assert [each.number for each in seen] == sorted(POOL.areas)
    assert {each.number: (each.area, each.country, each.draining) for each in seen} == {
        X1: ("10", "CN", False),
        X2: ("10", "CN", True),
        X3: ("21", "CN", False),
        X15: (None, "CN", False),
    }
    page, after = AccountService.numbers(APP, area="10", after=None, limit=2)
    assert ([each.number for each in page], after) == ([X1, X2], None)
    assert AccountService.numbers(APP, area="99", after=None, limit=2) == ([], None)


def test_what_is_live_on_a_number(stage: Stage, service: AccountService, clock: Clock) -> None:
    client = stage.app()
    bound = client.bind(phoneX=X1)
    client.bind(a=C, b="447700900004", phoneX=X1)
    found = service.number(APP, X1, now=clock.now)
    assert (found.live, found.more, found.info.number) == (2, False, X1)
    client.call("unbind", {"bindId": bound.json["bindId"]})
    assert service.number(APP, X1, now=clock.now).live == 1
    assert service.number(APP, X3, now=clock.now).live == 0
    clock.advance(minutes=61)
    assert service.number(APP, X1, now=clock.now).live == 0


def test_no_more_is_counted_than_is_told(
    stage: Stage, service: AccountService, clock: Clock
) -> None:
    client = stage.app()
    for place in range(3):
        bound = client.bind(a=f"44770090020{place}", b=f"44770090030{place}", phoneX=X1)
        assert bound.code == 200, bound.text
    counted = [service.bindings.count_on(X1, app="demo", now=clock.now, most=n) for n in (2, 3)]
    assert counted == [(2, True), (3, False)]


@pytest.mark.parametrize("number", ["8610000000009", "442071838750", "0", ""])
def test_a_number_that_is_not_its_own(service: AccountService, number: str) -> None:
    with pytest.raises(UnknownNumber, match="no such number"):
        service.number(APP, number, now=1)


def test_an_x_in_any_of_its_forms(service: AccountService) -> None:
    assert service.number(APP, f"86{X15}", now=1).info.number == X15
