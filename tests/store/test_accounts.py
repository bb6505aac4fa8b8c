"""Users of a messaging API in the table: one app's each, on each carrier."""

import json

from chalicelib.store.accounts import DynamoAccounts
from chalicelib.store.table import Table
from chalicelib.store.vault import Vault
from tests.stage import Stage


def test_a_user_is_one_apps(stage: Stage) -> None:
    vault = Vault({"current": "1", "1": "k" * 64})
    accounts = DynamoAccounts(Table(lambda: stage.dynamodb, stage.table), lambda: vault)
    assert accounts.owner("bob", carrier="trunk") is None
    assert accounts.add("bob", carrier="trunk", app="demo", name="Bob", token="token-of-bob")
    assert not accounts.add("bob", carrier="trunk", app="other", name="Bob", token="t")
    assert accounts.owner("bob", carrier="trunk") == "demo"
    assert accounts.owner("bob", carrier="netease-a") is None
    assert accounts.add("bob", carrier="netease-a", app="other", name="Bob", token="t")
    stored = json.dumps(stage.items(), default=repr)
    assert "bob" not in stored.lower().replace("token-of-bob", "")
    assert "token-of-bob" not in stored
