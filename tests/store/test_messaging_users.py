"""Users of a messaging API in the table: one app's each, on each carrier."""

import json
from typing import Any

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core.errors import AccountExists, Unavailable
from chalicelib.core.requests import Earlier, RequestId
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Table
from chalicelib.store.tenants.messaging_users import MessagingUserStore
from tests.stage import Stage, answering, refusal


@pytest.fixture
def accounts(stage: Stage) -> MessagingUserStore:
    encryption = FieldEncryption({"current": "1", "1": "k" * 64}, SYSTEM.random_bytes)
    return MessagingUserStore(
        Table(lambda: stage.dynamodb, stage.table, SYSTEM), lambda: encryption
    )


def test_a_user_is_one_apps(stage: Stage, accounts: MessagingUserStore) -> None:
    assert accounts.owner("bob", namespace="switch") is None
    assert accounts.add("bob", namespace="switch", app="demo") is None
    assert accounts.add("bob", namespace="switch", app="other") == "demo"
    assert accounts.owner("bob", namespace="switch") == "demo"
    assert accounts.owner("bob", namespace="netease-a") is None
    assert accounts.add("bob", namespace="netease-a", app="other") is None
    assert "bob" not in json.dumps(stage.items(), default=repr)


def test_only_its_own_app_gives_a_user_up(accounts: MessagingUserStore) -> None:
    accounts.add("bob", namespace="switch", app="demo")
    accounts.remove("bob", namespace="switch", app="other")
    assert accounts.owner("bob", namespace="switch") == "demo"
    accounts.remove("bob", namespace="switch", app="demo")
    assert accounts.owner("bob", namespace="switch") is None


def test_a_confirmed_user_is_not_given_up(accounts: MessagingUserStore) -> None:
    """Two requests of one app at once: the carrier registers it for the one, and tells the other
    that it is registered already."""
    accounts.add("bob", namespace="switch", app="demo")
    accounts.confirm("bob", namespace="switch", app="demo")
    accounts.remove("bob", namespace="switch", app="demo")
    assert accounts.owner("bob", namespace="switch") == "demo"
    accounts.confirm("bob", namespace="switch", app="other")
    assert accounts.owner("bob", namespace="switch") == "demo"
    # Or the other way round: given up first, then confirmed.
    accounts.confirm("eve", namespace="switch", app="demo")
    assert accounts.owner("eve", namespace="switch") == "demo"


def test_a_note_whose_answer_was_lost_is_ours(accounts: MessagingUserStore) -> None:
    kept = Table.put_if

    def twice(self: Table, put: Any) -> Any:
        kept(self, put)
        return kept(self, put)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "put_if", twice)
        assert accounts.add("bob", namespace="switch", app="demo") is None


def test_an_owner_that_is_not_told_is_nobody(stage: Stage, accounts: MessagingUserStore) -> None:
    untold = refusal("ConditionalCheckFailedException")
    with answering(stage.dynamodb, "PutItem", untold), pytest.raises(Unavailable):
        accounts.add("bob", namespace="switch", app="demo")


REQUEST = RequestId(key="r" * 22, content="c", explicit=True)


def test_a_registration_is_done_once_for_a_request(accounts: MessagingUserStore) -> None:
    own = {"namespace": "switch/demo", "app": "demo"}
    assert accounts.register("bob", **own, request=REQUEST, now=1000) is None
    assert accounts.register("bob", **own, request=REQUEST, now=2000) == Earlier("c", 1000)
    other = RequestId(key="s" * 22, content="c", explicit=True)
    with pytest.raises(AccountExists):
        accounts.register("bob", **own, request=other, now=2000)
    # A refusal is not remembered, and the name is another one elsewhere.
    assert accounts.register("eve", **own, request=other, now=3000) is None
    elsewhere = {"namespace": "switch/other", "app": "other"}
    assert accounts.register("bob", **elsewhere, request=REQUEST, now=1000) is None
    assert accounts.owner("bob", namespace="switch/other") == "other"
    accounts.remove("bob", namespace="switch/demo", app="demo")
    assert accounts.owner("bob", namespace="switch/demo") == "demo"
