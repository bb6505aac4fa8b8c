"""Signatures that were used, for as long as they are valid."""

from chalicelib.store.nonces import DynamoNonces
from chalicelib.store.table import Table
from chalicelib.store.vault import Vault
from tests.stage import Stage

VAULT = Vault({"current": "1", "1": "k" * 64})


def test_a_nonce_belongs_to_the_first_content(stage: Stage) -> None:
    nonces = DynamoNonces(Table(lambda: stage.dynamodb, stage.table), lambda: VAULT)
    assert nonces.claim(app="demo", nonce="n", content="c", now=1000)
    assert nonces.claim(app="demo", nonce="n", content="c", now=1000)
    assert not nonces.claim(app="demo", nonce="n", content="d", now=1000)
    assert nonces.claim(app="demo", nonce="m", content="d", now=1000)
    assert nonces.claim(app="other", nonce="n", content="d", now=1000)


def test_a_nonce_outlives_its_signature(stage: Stage) -> None:
    nonces = DynamoNonces(Table(lambda: stage.dynamodb, stage.table), lambda: VAULT)
    nonces.claim(app="demo", nonce="n", content="c", now=1_000_000)
    (item,) = stage.items("S#")
    # Signed for up to five minutes ahead, it is valid until five minutes after that.
    assert int(item["ttl"]["N"]) >= 1_000 + 600
