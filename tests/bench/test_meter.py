"""The meter sees what really goes out and what stands in the table, on moto in this process."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse

from bench.capacity import KB, Index, Units
from bench.meter import Call, Meter

TABLE = "metered"
INDEX = {
    "IndexName": "due",
    "KeySchema": [{"AttributeName": "due_shard", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an empty table with an index."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        made: Any = boto3.client("dynamodb", region_name="eu-west-1")
        made.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "due_shard")
            ],
            GlobalSecondaryIndexes=[INDEX],
        )
        yield made


@pytest.fixture
def meter(client: Any) -> Meter:
    """Listens to `client`."""
    probe = boto3.client("dynamodb", region_name="eu-west-1")
    made = Meter(probe, [Index.of(INDEX, ["pk", "sk"])])
    made.attach(client)
    return made


def item(name: str, size: int = 0, **more: str) -> dict[str, Any]:
    """An item with so many bytes in it besides its keys."""
    values = {"pk": {"S": "P"}, "sk": {"S": name}, "body": {"B": bytes(size)}}
    return values | {key: {"S": value} for key, value in more.items()}


def put(what: dict[str, Any]) -> dict[str, Any]:
    """A member of TransactItems."""
    return {
        "Put": {
            "TableName": TABLE,
            "Item": what,
            "ConditionExpression": "attribute_not_exists(pk)",
        }
    }


def only(calls: list[Call]) -> Call:
    """The one call there should be."""
    (call,) = calls
    return call


def test_a_transaction_counts_each_item_twice_and_the_index_once(client: Any, meter: Meter) -> None:
    with meter.recording() as calls:
        client.transact_write_items(
            TransactItems=[put(item("a", due_shard="1")), put(item("b", KB))]
        )
    call = only(calls)
    assert (call.operation, call.round_trips, call.status) == ("TransactWriteItems", 1, 200)
    assert call.units == Units(write=2 + 4, index=1)


def test_a_refused_transaction_counts_what_stood_in_its_way(client: Any, meter: Meter) -> None:
    client.put_item(TableName=TABLE, Item=item("a", 2 * KB, due_shard="1"))
    with meter.recording() as calls, pytest.raises(ClientError):
        client.transact_write_items(TransactItems=[put(item("a")), put(item("b"))])
    assert only(calls).units == Units(write=6 + 2)


def test_a_query_counts_what_its_filter_throws_away(client: Any, meter: Meter) -> None:
    for name in ("n1", "n2", "n3", "other"):
        client.put_item(TableName=TABLE, Item=item(name, 3 * KB))
    with meter.recording() as calls:
        found = client.query(
            TableName=TABLE,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            FilterExpression="#body = :other",
            ExpressionAttributeNames={"#body": "body"},
            ExpressionAttributeValues={
                ":pk": {"S": "P"},
                ":prefix": {"S": "n"},
                ":other": {"B": b"x"},
            },
            ConsistentRead=True,
        )
    assert found["Count"] == 0
    assert only(calls).units == Units(read=3)


def test_every_key_that_is_read_counts_also_for_nothing(client: Any, meter: Meter) -> None:
    client.put_item(TableName=TABLE, Item=item("a", 5 * KB))
    keys = [{"pk": {"S": "P"}, "sk": {"S": name}} for name in "ab"]
    with meter.recording() as calls:
        client.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
        client.batch_get_item(RequestItems={TABLE: {"Keys": keys}})
        client.get_item(TableName=TABLE, Key=keys[0], ConsistentRead=True)
    assert [call.units.read for call in calls] == [2 + 1, (2 + 1) / 2, 2]


def test_a_retry_is_a_round_trip_of_its_own(client: Any, meter: Meter) -> None:
    refusals = [AWSResponse(client.meta.endpoint_url, 500, HeadersDict(), MockRawResponse(b"{}"))]
    client.meta.events.register(
        "before-send.dynamodb", lambda **_: refusals.pop() if refusals else None
    )
    with meter.recording() as calls:
        client.put_item(TableName=TABLE, Item=item("a"))
    assert only(calls).round_trips == 1 + 1


def test_nothing_is_recorded_outside_of_the_block(client: Any, meter: Meter) -> None:
    with meter.recording() as calls:
        pass
    client.put_item(TableName=TABLE, Item=item("a"))
    assert calls == []


def test_without_units_only_calls_are_counted(client: Any, meter: Meter) -> None:
    with meter.recording(units=False) as calls:
        client.put_item(TableName=TABLE, Item=item("a"))
    assert (only(calls).round_trips, only(calls).units) == (1, Units())
