"""The table in memory answers as Amazon's own engine does, page by page and refusal by refusal."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.dynamodb_here import Engine
from tests.gateways import RESOURCES

TABLE = "compared"


def s(value: str) -> dict[str, str]:
    return {"S": value}


def key(sk: str, pk: str = "P") -> dict[str, Any]:
    return {"pk": s(pk), "sk": s(sk)}


def query(condition: str, values: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    return "query", {
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": values,
    } | more


def put(sk: str, **attributes: Any) -> tuple[str, dict[str, Any]]:
    return "put_item", {"Item": key(sk) | attributes}


def update(sk: str, expression: str, **more: Any) -> tuple[str, dict[str, Any]]:
    values = {f":{name}": value for name, value in more.pop("values", {}).items()}
    asked = {"Key": key(sk), "UpdateExpression": expression, "ReturnValues": "ALL_NEW"} | more
    return "update_item", asked | ({"ExpressionAttributeValues": values} if values else {})


ALL = ("pk = :p", {":p": s("P")})
LARGE = {"B": b"x" * 300_000}
LISTED = [key(f"i{n}") | {"due_shard": s("d"), "due_at": {"N": str(n)}} for n in range(9)]
CALLS: list[tuple[str, dict[str, Any]]] = [
    *(put(f"k{n}", n={"N": str(n)}, app=s("ab"[n % 2])) for n in range(7)),
    # Pages, both ways, and what a filter leaves of them.
    query(*ALL, Limit=3),
    query(*ALL, Limit=3, ExclusiveStartKey=key("k2")),
    query(*ALL, Limit=3, ScanIndexForward=False),
    query(*ALL, Limit=2, ScanIndexForward=False, ExclusiveStartKey=key("k2")),
    query("pk = :p", ALL[1] | {":a": s("a")}, FilterExpression="app = :a", Limit=3),
    query("pk = :p AND sk BETWEEN :l AND :h", ALL[1] | {":l": s("k2"), ":h": s("k4")}),
    query("pk = :p AND begins_with(sk, :k)", ALL[1] | {":k": s("k6")}),
    *(put(f"large{n}", large=LARGE) for n in range(5)),
    query("pk = :p AND begins_with(sk, :k)", ALL[1] | {":k": s("large")}),
    ("scan", {"Limit": 4}),
    (
        "scan",
        {
            "FilterExpression": "app = :a OR sk IN (:x, :y)",
            "ExpressionAttributeValues": {":a": s("a"), ":x": s("k1"), ":y": s("k3")},
            "ProjectionExpression": "pk, sk",
        },
    ),
    # The index.
    ("batch_write_item", {"RequestItems": {TABLE: [{"PutRequest": {"Item": i}} for i in LISTED]}}),
    query(
        "due_shard = :d AND due_at <= :n",
        {":d": s("d"), ":n": {"N": "1"}},
        IndexName="due",
    ),
    # Sets, maps, numbers.
    update("set", "ADD seen :x", values={"x": {"NS": ["3", "1"]}}),
    update("set", "ADD seen :x", values={"x": {"NS": ["2"]}}),
    update("set", "DELETE seen :x", values={"x": {"NS": ["3", "9"]}}),
    update("set", "DELETE seen :x", values={"x": {"NS": ["1", "2"]}}),
    put("map", m={"M": {"a": s("1")}}),
    update("map", "SET m.b = :x REMOVE m.a", values={"x": s("2")}),
    update(
        "map",
        "SET #m.#c = :x",
        values={"x": s("3")},
        ExpressionAttributeNames={"#m": "m", "#c": "c"},
    ),
    update("map", "SET m.b = :x", values={"x": s("4")}, ConditionExpression="m.c = :x"),
    # Refusals.
    update("k1", "SET ttl = :x", values={"x": s("1")}),
    update("k1", "SET n = :x", values={"x": s("1"), "y": s("2")}),
    update("k1", "SET n = :x, #a = :x", values={"x": s("1")}),
    put("k1", n={"N": "1"}, due_shard=s("")),
    put("too large", large={"B": b"x" * 410_000}),
    ("delete_item", {"Key": key("k1"), "ReturnValues": "ALL_OLD"}),
    (
        "delete_item",
        {
            "Key": key("k2"),
            "ConditionExpression": "n = :n",
            "ExpressionAttributeValues": {":n": {"N": "3"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    (
        "transact_write_items",
        {
            "TransactItems": [
                {"Put": {"TableName": TABLE, "Item": key("t1")}},
                {"Delete": {"TableName": TABLE, "Key": key("k3")}},
                {
                    "ConditionCheck": {
                        "TableName": TABLE,
                        "Key": key("k4"),
                        "ConditionExpression": "attribute_exists(pk)",
                    }
                },
            ]
        },
    ),
    (
        "transact_write_items",
        {
            "TransactItems": [
                {"Put": {"TableName": TABLE, "Item": key("t2") | {"large": {"B": b"x" * 410_000}}}},
                {"Put": {"TableName": TABLE, "Item": key("t3")}},
            ]
        },
    ),
    (
        "transact_write_items",
        {
            "TransactItems": [
                {"Put": {"TableName": TABLE, "Item": key("t4")}},
                {
                    "Update": {
                        "TableName": TABLE,
                        "Key": key("large1"),
                        "UpdateExpression": "SET more = :more",
                        "ExpressionAttributeValues": {":more": LARGE},
                    }
                },
            ]
        },
    ),
    ("scan", {}),
    ("get_item", {"TableName": "another", "Key": key("k1")}),
]


@pytest.fixture(scope="module")
def amazons(dynamodb_local: str) -> Iterator[Any]:
    client = boto3.client(
        "dynamodb",
        endpoint_url=dynamodb_local,
        region_name="eu-west-1",
        aws_access_key_id="compared",
        aws_secret_access_key="compared",
        config=Config(parameter_validation=False),
    )
    table = json.loads(RESOURCES.read_text())["Resources"]["Table"]["Properties"]
    known = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    client.create_table(TableName=TABLE, **{name: table[name] for name in known})
    yield client
    client.delete_table(TableName=TABLE)


def answer(engine: Any, operation: str, asked: dict[str, Any]) -> Any:
    """What of it is compared."""
    many = ("batch_write_item", "transact_write_items")
    named = {} if operation in many else {"TableName": TABLE}
    try:
        told = getattr(engine, operation)(**named | asked)
    except ClientError as error:
        found: Any = error.response
        reasons = [each["Code"] for each in found.get("CancellationReasons", ())]
        return found["Error"]["Code"], found.get("Item"), reasons
    for item in (told.get("Attributes", {}), *told.get("Items", ())):
        for value in item.values():
            if "NS" in value:
                value["NS"].sort()
    if operation == "scan":
        # Amazon's order of partitions is nobody's business.
        told.pop("LastEvaluatedKey", None)
        return len(told["Items"]), told["ScannedCount"]
    shown = ("Item", "Items", "Attributes", "Count", "ScannedCount", "LastEvaluatedKey")
    return {name: told[name] for name in shown if name in told}


class _Ours:
    """An engine, asked as boto3's client is."""

    def __init__(self) -> None:
        self._engine = Engine(TABLE)

    def __getattr__(self, operation: str) -> Any:
        name = "".join(map(str.capitalize, operation.split("_")))
        return lambda **asked: self._engine.call(name, asked)


def test_every_call_is_answered_alike(amazons: Any) -> None:
    ours, differs = _Ours(), []
    for operation, asked in CALLS:
        one, other = answer(ours, operation, asked), answer(amazons, operation, asked)
        if one != other:
            differs.append(
                f"{operation} {str(asked)[:300]}: {str(one)[:300]}, not {str(other)[:300]}"
            )
    assert not differs, "\n".join(differs)
