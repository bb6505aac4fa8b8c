"""Users of a messaging API in the table: one app's each, on each carrier."""

import json
from typing import Any

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
    assert "bob" not in json.dumps(stage.items(), default=repr)


def test_only_its_own_app_gives_a_user_up(accounts: DynamoAccounts) -> None:
    accounts.add("bob", carrier="trunk", app="demo")
    accounts.remove("bob", carrier="trunk", app="other")
    assert accounts.owner("bob", carrier="trunk") == "demo"
    accounts.remove("bob", carrier="trunk", app="demo")
    assert accounts.owner("bob", carrier="trunk") is None


def test_a_confirmed_user_is_not_given_up(accounts: DynamoAccounts) -> None:
    """Two requests of one app at once: the carrier registers it for the one, and tells the other
    that it is registered already."""
    accounts.add("bob", carrier="trunk", app="demo")
    accounts.confirm("bob", carrier="trunk", app="demo")
    accounts.remove("bob", carrier="trunk", app="demo")
    assert accounts.owner("bob", carrier="trunk") == "demo"
    accounts.confirm("bob", carrier="trunk", app="other")
    assert accounts.owner("bob", carrier="trunk") == "demo"
    # Or the other way round: given up first, then confirmed.
    accounts.confirm("eve", carrier="trunk", app="demo")
    assert accounts.owner("eve", carrier="trunk") == "demo"


def test_a_note_whose_answer_was_lost_is_ours(accounts: DynamoAccounts) -> None:
    kept = Table.put_if

    def twice(self: Table, put: Any) -> Any:
        kept(self, put)
        return kept(self, put)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "put_if", twice)
        assert accounts.add("bob", carrier="trunk", app="demo") is None


def test_an_owner_that_is_not_told_is_nobody(stage: Stage, accounts: DynamoAccounts) -> None:
    untold = refusal("ConditionalCheckFailedException")
    with answering(stage.dynamodb, "PutItem", untold), pytest.raises(Unavailable):
        accounts.add("bob", carrier="trunk", app="demo")
