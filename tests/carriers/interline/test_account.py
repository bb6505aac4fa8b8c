"""GET /api/v1/account/status: what the document's table lists, from the app's account."""

from typing import Any

import pytest

from chalicelib.store.tenants.balances import BalanceStore
from tests.carriers.interline.developer import Developer, developer, is_done, is_error, subid
from tests.stage import Stage

YUAN = 1_000_000
TYPES = {
    "error": int,
    "state": int,
    "role": str,
    "balance": float,
    "overdraft": float,
    "createTime": int,
    "updateTime": int,
}


@pytest.fixture
def ledger(stage: Stage) -> Any:
    """What an operator changes accounts with."""
    from chalicelib.wiring.gateway import gateway

    return BalanceStore(gateway().table)


def test_all_members_of_the_document(demo: Developer, ledger: Any) -> None:
    opened = ledger.standing("demo").created
    ledger.deposit("demo", 12 * YUAN + 340_000, now=opened + 5)
    ledger.set_overdraft("demo", 50 * YUAN, now=opened + 9)
    demo.change(role={"S": "开发者"})
    answer = demo.account()
    assert answer.status == 200
    assert answer.json == {
        "error": 0,
        "state": 1,
        "role": "开发者",
        "balance": 12.34,
        "overdraft": 50.0,
        "createTime": opened,
        "updateTime": opened + 9,
    }
    assert {name: type(value) for name, value in answer.json.items()} == TYPES


def test_an_account_that_was_never_used(demo: Developer, ledger: Any) -> None:
    opened = ledger.standing("demo").created
    assert demo.account().json == {
        "error": 0,
        "state": 1,
        "role": "",
        "balance": 0.0,
        "overdraft": 0.0,
        "createTime": opened,
        "updateTime": opened,
    }


@pytest.mark.parametrize("state", [0, 1, 2, 3])
def test_every_state_is_told(demo: Developer, state: int) -> None:
    demo.change(state={"N": str(state)})
    assert demo.account().json["state"] == state


def test_a_binding_is_paid_for_until_nothing_is_left(
    stage: Stage, demo: Developer, ledger: Any
) -> None:
    demo.change(tariff={"M": {"binding": {"N": str(YUAN // 4)}}})
    ledger.deposit("demo", YUAN // 2, now=0)
    balances = []
    for other in range(4):
        answer = demo.bind(anum=f"1001000002{other}", bnum=f"1001000001{other}")
        balances.append((answer.json["error"], demo.account().json["balance"]))
    assert balances == [(0, 0.25), (0, 0.0), (1110, 0.0), (1110, 0.0)]
    assert is_error(answer, 1110)
    assert is_error(demo.transfer(), 1110)


def test_what_is_ended_is_not_paid_back(stage: Stage, demo: Developer, ledger: Any) -> None:
    demo.change(tariff={"M": {"binding": {"N": str(YUAN)}}})
    ledger.set_overdraft("demo", 2 * YUAN, now=0)
    assert is_done(demo.unbind(subid(demo.bind())))
    assert demo.account().json["balance"] == -1.0


def test_each_sees_his_own(stage: Stage, demo: Developer, ledger: Any) -> None:
    other = developer(stage, "other", numbers=[])
    ledger.deposit("demo", YUAN, now=0)
    assert (demo.account().json["balance"], other.account().json["balance"]) == (1.0, 0.0)
