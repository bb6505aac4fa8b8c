"""Cleaning costs what is due, not what exists: the same among fifty times as many live bindings."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

import boto3
import pytest
from botocore.config import Config

from chalicelib.core.bindings.model import Binding, binding_id
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.bindings.items import binding_item, seal
from chalicelib.store.work_index import SHARDS
from chalicelib.wiring.gateway import Gateway
from tests.gateways import MINUTE, NOW, Stage, number, subscriber
from tests.sizes import size

EXPIRED = 1_000
FEW = 1_000
LATER = NOW + MINUTE + LATER_MS
"""When what ran out after a minute is cleaned away."""
# Writing them takes the time: all of them in the gate, a sample in a developer's run.
MANY = size("LIVE_BINDINGS", gate=5_000, large=50_000)
TOLERANCE = 0.1


@pytest.fixture(scope="session")
def engine(dynamodb_local: str) -> str:
    """What it costs is what Amazon's own engine says."""
    return dynamodb_local


def _item(gateway: Gateway, i: int, *, expires: int) -> dict[str, Any]:
    """The i-th binding as the store writes it. Its legs are left out: cleaning never sees them,
    and no index does."""
    encryption = gateway.encryption()
    handle = f"{i:012d}"
    binding = Binding(
        id=binding_id(handle, NOW),
        handle=handle,
        app="demo",
        carrier="switch",
        number=number(i % 1000),
        a=Subscriber(subscriber(2 * i)),
        b=Subscriber(subscriber(2 * i + 1)),
        record=False,
        user_data="",
        created=NOW,
        updated=NOW,
        expires=expires,
        cooling_ms=MINUTE,
        retention_ms=MINUTE,
        max_call_s=7200,
        quota_shard=i % 16,
        request=f"{i:032x}",
        content=f"{i:032x}",
        version=1,
    )
    return binding_item(binding, seal(encryption, binding))


def _seed(gateway: Gateway, numbers: range, *, expires: int) -> None:
    """Writes bindings and counts them in the quota."""
    table = settings().table_name
    client = boto3.client("dynamodb", config=Config(parameter_validation=False))
    for start in range(0, len(numbers), 25):
        items = [_item(gateway, i, expires=expires) for i in numbers[start : start + 25]]
        left: Any = {table: [{"PutRequest": {"Item": item}} for item in items]}
        while left:
            left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]
    for shard, count in Counter(i % 16 for i in numbers).items():
        clients.dynamodb().update_item(
            TableName=table,
            Key={"pk": {"S": "Q#demo"}, "sk": {"S": str(shard)}},
            UpdateExpression="ADD live :count",
            ExpressionAttributeValues={":count": {"N": str(count)}},
        )


@contextmanager
def _metered() -> Iterator[Counter[str]]:
    """What is asked of DynamoDB: calls, items looked at and returned, bytes, units.

    Read units by AWS's rules: a page of an eventually consistent query costs half a unit for each
    4 KB begun. Write units: two for each item of a transaction that stays within 1 KB, and the
    index's own two, as an entry is taken out. DynamoDB Local's figures are not faithful.
    """
    meter: Counter[str] = Counter()

    def sent(params: dict[str, Any], model: Any, **_: Any) -> None:
        meter[f"{model.name} calls"] += 1
        if model.name == "TransactWriteItems":
            items = json.loads(params["body"])["TransactItems"]
            meter["items written"] += len(items)
            entries = sum("due_at" in str(item) for item in items)
            meter["write units"] += 2 * len(items) + 2 * entries

    def answered(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.name == "Query":
            size = len(json.dumps(parsed["Items"]))
            meter["items looked at"] += parsed["ScannedCount"]
            meter["items returned"] += parsed["Count"]
            meter["bytes read"] += size
            meter["half read units"] += max(1, ceil(size / 4096))

    events = clients.dynamodb().meta.events
    events.register("before-call.dynamodb", sent)
    events.register("after-call.dynamodb", answered)
    try:
        yield meter
    finally:
        events.unregister("before-call.dynamodb", sent)
        events.unregister("after-call.dynamodb", answered)


def _cost_of_cleaning(gateway: Gateway) -> Counter[str]:
    with _metered() as meter:
        done = gateway.cleaner.clean(now=LATER, time_left=lambda: True)
    assert done == EXPIRED
    return meter


def test_it_is_the_same_among_fifty_times_as_many(here: Stage) -> None:
    gateway = here.instance()
    _seed(gateway, range(EXPIRED), expires=NOW + MINUTE)
    _seed(gateway, range(100_000, 100_000 + FEW), expires=NOW + 60 * MINUTE)
    among_few = _cost_of_cleaning(gateway)
    _seed(gateway, range(200_000, 200_000 + MANY - FEW), expires=NOW + 60 * MINUTE)
    _seed(gateway, range(EXPIRED, 2 * EXPIRED), expires=NOW + MINUTE)
    among_many = _cost_of_cleaning(gateway)
    print(f"among {FEW}: {dict(among_few)}\namong {MANY}: {dict(among_many)}")
    assert among_few.keys() == among_many.keys()
    for name, cost in among_few.items():
        assert abs(among_many[name] - cost) <= TOLERANCE * cost, name
    # Nor does it look at anything but what is due, the first time or the second.
    assert among_many["items looked at"] == EXPIRED
    assert sum(gateway.bindings.quota_used("demo").values()) == MANY


def test_with_nothing_due_it_reads_nothing(here: Stage) -> None:
    gateway = here.instance()
    _seed(gateway, range(100), expires=NOW + 60 * MINUTE)
    with _metered() as meter:
        assert gateway.cleaner.clean(now=LATER, time_left=lambda: True) == 0
    assert meter["items looked at"] == meter["items written"] == 0
    assert meter["Query calls"] == SHARDS
