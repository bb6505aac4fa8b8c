"""Events at rest: each once, sealed, and open until its app was told."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bench.capacity import KB, item_size
from chalicelib.carriers.netease.wire_callbacks import read
from chalicelib.core.events import (
    Delivery,
    Event,
    EventKind,
    Party,
    RejectReason,
    SmsResult,
)
from chalicelib.core.values import DAY_MS, Subscriber
from chalicelib.store.events import DynamoEvents
from chalicelib.store.nonces import DynamoNonces
from chalicelib.store.table import Table
from chalicelib.store.vault import Vault
from tests.carriers.netease.recorded import recorded
from tests.core.samples import event
from tests.stage import X1, A, B, Stage

VAULT = Vault({"current": "1", "1": "k" * 64})


@pytest.fixture
def store(stage: Stage) -> DynamoEvents:
    return DynamoEvents(Table(lambda: stage.dynamodb, stage.table), lambda: VAULT)


FULL = Event(
    id="e1",
    kind=EventKind.CALL_ENDED,
    carrier="trunk",
    call_id=f"call-of-{A}",
    at=1_000_000,
    received=2_000_000,
    binding="0" * 26,
    number=X1,
    caller=Subscriber(A),
    callee=Subscriber(B),
    cause=16,
    released_by=Party.CALLER,
    rejected=RejectReason.BLOCKED,
    sms_result=SmsResult.FAILED,
    url="https://example.org/1.wav",
    md5="m",
    raw='{"from": "…"}',
)


BARE = event(EventKind.RECORDING_READY, 5, call_id="bare")


@pytest.mark.parametrize("stored", [FULL, BARE, replace(FULL, raw='\n{"a":\r\n1}\n')])
def test_an_event_is_read_back_as_it_was(store: DynamoEvents, stored: Event) -> None:
    key = store.append(stored, tell=True)
    assert key is not None
    assert store.call(key) == [(key, stored, Delivery.PENDING)]


def test_an_event_of_before_is_read_with_what_the_carrier_sent(
    stage: Stage, store: DynamoEvents
) -> None:
    key = store.append(FULL, tell=True)
    assert key is not None
    (item,) = stage.items("C#")
    told, raw = VAULT.open(item["sealed"]["B"], key.event).split("\n")
    before = json.dumps(json.loads(told) | {"raw": raw})
    item["sealed"] = {"B": VAULT.seal(before, key.event)}
    stage.dynamodb.put_item(TableName=stage.table, Item=item)
    assert store.call(key) == [(key, FULL, Delivery.PENDING)]


def test_the_end_of_a_call_is_one_write_unit_also_once_it_is_delivered(
    stage: Stage, store: DynamoEvents
) -> None:
    message = recorded("callback-32")["body"].replace("abc", "0" * 26)
    ended = read(message.encode(), carrier="n" * 32, received=1_900_000_000_000)
    assert ended is not None
    key = store.append(ended, tell=True)
    assert key is not None
    store.settle(key, Delivery.DELIVERED, now=1_900_000_000_001)
    (item,) = stage.items("C#")
    assert item_size(item) <= KB


@pytest.mark.parametrize("told", [False, True])
def test_only_what_an_app_is_to_be_told_of_is_announced(
    stage: Stage, store: DynamoEvents, told: bool
) -> None:
    assert (store.append(event(EventKind.CALL_ENDED, 5), tell=told) is not None) == told
    (item,) = stage.items("C#")
    assert item["delivery"]["S"] == ("pending" if told else "kept")


def test_a_repeat_is_stored_once_and_told_until_it_was(stage: Stage, store: DynamoEvents) -> None:
    key = store.append(FULL, tell=True)
    assert key is not None
    assert store.append(FULL, tell=True) == key
    store.settle(key, Delivery.DELIVERED, now=3_000_000)
    assert store.append(FULL, tell=True) is None
    assert len(stage.items("C#")) == 1
    assert store.call(key) == [(key, FULL, Delivery.DELIVERED)]


@pytest.mark.parametrize("change", [{"id": "e2"}, {"carrier": "other"}, {"call_id": "another"}])
def test_other_ids_are_other_events(stage: Stage, store: DynamoEvents, change: Any) -> None:
    store.append(FULL, tell=True)
    store.append(replace(FULL, **change), tell=True)
    assert len(stage.items("C#")) == 2


def test_a_call_is_all_of_its_events_and_no_others(store: DynamoEvents) -> None:
    key = store.append(FULL, tell=True)
    assert key is not None
    answered = event(EventKind.CALL_ANSWERED, 900_000, call_id=FULL.call_id)
    store.append(answered, tell=False)
    store.append(event(EventKind.CALL_ANSWERED, 1, call_id="another"), tell=False)
    found = {e.id: (e, d) for _, e, d in store.call(key)}
    assert found == {
        "e1": (FULL, Delivery.PENDING),
        answered.id: (answered, Delivery.KEPT),
    }


def test_no_item_and_no_key_shows_a_number(stage: Stage, store: DynamoEvents) -> None:
    key = store.append(FULL, tell=True)
    assert key is not None
    for text in (repr(stage.items()), key.to_text()):
        assert A[2:] not in text
        assert B[2:] not in text


def test_a_call_record_is_kept_for_more_than_six_months(stage: Stage, store: DynamoEvents) -> None:
    store.append(FULL, tell=True)
    (item,) = stage.items("C#")
    assert int(item["ttl"]["N"]) * 1000 >= FULL.received + 183 * DAY_MS


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
