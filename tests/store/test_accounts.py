"""Users of a messaging API in the table: one app's each, on each carrier."""

import json

import pytest

from chalicelib.core.errors import Unavailable
from chalicelib.store.accounts import DynamoAccounts
from chalicelib.store.table import Table
from chalicelib.store.vault import Vault
from tests.stage import Stage, answering, refusal


@pytest.fixture
def accounts(stage: Stage) -> DynamoAccounts:
    vault = Vault({"current": "1", "1": "k" * 64})
    return DynamoAccounts(Table(lambda: stage.dynamodb, stage.table), lambda: vault)


def test_a_user_is_one_apps(stage: Stage, accounts: DynamoAccounts) -> None:
    assert accounts.owner("bob", carrier="trunk") is None
    assert accounts.add("bob", carrier="trunk", app="demo") is None
    assert accounts.add("bob", carrier="trunk", app="other") == "demo"
    assert accounts.owner("bob", carrier="trunk") == "demo"
    assert accounts.owner("bob", carrier="netease-a") is None
    assert accounts.add("bob", carrier="netease-a", app="other") is None
    assert "bob" not in json.dumps(stage.items())


def test_only_its_own_app_gives_a_user_up(accounts: DynamoAccounts) -> None:
    accounts.add("bob", carrier="trunk", app="demo")
    accounts.remove("bob", carrier="trunk", app="other")
    assert accounts.owner("bob", carrier="trunk") == "demo"
    accounts.remove("bob", carrier="trunk", app="demo")
    assert accounts.owner("bob", carrier="trunk") is None


def test_an_owner_that_is_not_told_is_nobody(stage: Stage, accounts: DynamoAccounts) -> None:
    untold = refusal("ConditionalCheckFailedException")
    with answering(stage.dynamodb, "PutItem", untold), pytest.raises(Unavailable):
        accounts.add("bob", carrier="trunk", app="demo")
