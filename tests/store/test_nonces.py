"""Signatures that were used, for as long as they are valid."""

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.requests import NonceStore
from chalicelib.store.table import Table
from tests.stage import Stage

VAULT = FieldEncryption({"current": "1", "1": "k" * 64}, SYSTEM.random_bytes)


@pytest.fixture
def nonces(stage: Stage) -> NonceStore:
    return NonceStore(Table(lambda: stage.dynamodb, stage.table, SYSTEM), lambda: VAULT)


def test_a_signature_belongs_to_the_first_content(nonces: NonceStore) -> None:
    assert nonces.claim(app="demo", signature="n", content="c", now=1000)
    assert nonces.claim(app="demo", signature="n", content="c", now=1000)
    assert not nonces.claim(app="demo", signature="n", content="d", now=1000)
    assert nonces.claim(app="demo", signature="m", content="d", now=1000)
    assert nonces.claim(app="other", signature="n", content="d", now=1000)


def test_without_a_content_a_signature_is_used_once(nonces: NonceStore) -> None:
    assert nonces.claim(app="demo", signature="n", content=None, now=1000)
    assert not nonces.claim(app="demo", signature="n", content=None, now=1000)
    assert not nonces.claim(app="demo", signature="n", content="c", now=1000)
    assert nonces.claim(app="demo", signature="m", content="c", now=1000)
    assert not nonces.claim(app="demo", signature="m", content=None, now=1000)


def test_a_claim_outlives_its_signature(nonces: NonceStore, stage: Stage) -> None:
    nonces.claim(app="demo", signature="n", content="c", now=1_000_000)
    (item,) = stage.items("S#")
    # Signed for up to five minutes ahead, it is valid until five minutes after that.
    assert int(item["ttl"]["N"]) >= 1_000 + 600


def test_a_claim_whose_answer_was_lost_is_ours(nonces: NonceStore) -> None:
    kept = Table.put_if

    def twice(self: Table, put: dict[str, object]) -> object:
        kept(self, put)
        return kept(self, put)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Table, "put_if", twice)
        assert nonces.claim(app="demo", signature="n", content=None, now=1000)
    assert not nonces.claim(app="demo", signature="n", content=None, now=1000)
