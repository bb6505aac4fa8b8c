"""Updates in the stand-in do what moto's own do, at less cost."""

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend

from simulator import moto_updates

KEY = {"pk": {"S": "C#1"}, "sk": {"S": "C"}}
VALUES = {
    ":one": {"N": "1"},
    ":two": {"N": "2"},
    ":text": {"S": "text"},
    ":raw": {"B": b"\0raw"},
    ":yes": {"BOOL": True},
    ":empty": {"S": ""},
    ":list": {"L": [{"S": "a"}]},
}
NAMES = {"#a": "Eabc", "#b": "Pabc", "#due": "due_at", "#add": "add", "#name": "name"}
BEFORE: list[dict[str, Any] | None] = [
    None,
    {"Eabc": {"S": "before"}, "version": {"N": "7"}, "due_at": {"N": "5"}, "add": {"S": "x"}},
    {"version": {"S": "no number"}, "place": {"S": "p"}},
]
USUAL = [
    "SET #a = :text, #b=:raw ADD version :one",
    "SET #a = if_not_exists(#a, :text), #due = if_not_exists(#due, :two) ADD version :one",
    "SET #a = :yes REMOVE #due, absent ADD version :two",
    "REMOVE #b",
    "ADD version :one",
    "SET #add = :text,#name = :one",
]
UNUSUAL = [
    "SET #due = :text",
    "SET #due = :empty",
    "SET name = :text",
    "SET pk = :text",
    "SET #a = :text, #a = :one",
    "SET #a = #b",
    "SET #a = if_not_exists(#b, :text)",
    "SET version = version + :one",
    "SET #a = :list",
    "SET #a = :missing",
    "SET #a = :text SET #b = :text",
    "SET #a = :text,",
    "ADD #a :text",
    "whatever",
    "",
]
CONDITIONS = [None, "attribute_not_exists(#b)", "version = :seven", "attribute_exists(pk)"]


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",
        )
        for name in ("ours", "motos"):
            client.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                AttributeDefinitions=[
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                    {"AttributeName": "due_at", "AttributeType": "N"},
                ],
                GlobalSecondaryIndexes=[
                    {
                        "IndexName": "due",
                        "KeySchema": [
                            {"AttributeName": "pk", "KeyType": "HASH"},
                            {"AttributeName": "due_at", "KeyType": "RANGE"},
                        ],
                        "Projection": {"ProjectionType": "KEYS_ONLY"},
                    }
                ],
            )
        yield client


def outcome(
    dynamodb: Any, table: str, before: dict[str, Any] | None, expression: str, condition: str | None
) -> tuple[str, Any, Any]:
    """The answer and what stands there afterwards."""
    dynamodb.delete_item(TableName=table, Key=KEY)
    if before is not None:
        dynamodb.put_item(TableName=table, Item=KEY | before)
    said = set(re.findall(r"[#:]\w+", f"{expression} {condition or ''}"))
    values = VALUES | {":seven": {"N": "7"}}
    more: dict[str, Any] = {
        "ExpressionAttributeNames": {k: v for k, v in NAMES.items() if k in said},
        "ExpressionAttributeValues": {k: v for k, v in values.items() if k in said},
        "ConditionExpression": condition,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD" if condition else None,
    }
    try:
        answer = dynamodb.update_item(
            TableName=table,
            Key=KEY,
            UpdateExpression=expression,
            ReturnValues="ALL_NEW",
            **{name: value for name, value in more.items() if value},
        )
        got = "done", answer["Attributes"]
    except ClientError as error:
        response: Any = error.response
        got = response["Error"], response.get("Item")
    after = dynamodb.get_item(TableName=table, Key=KEY).get("Item")
    return json.dumps(got, default=str, sort_keys=True), after, before is None


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("expression", [*USUAL, *UNUSUAL])
def test_what_comes_of_an_update_is_what_comes_of_motos(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, expression: str, condition: str | None
) -> None:
    for before in BEFORE:
        theirs = outcome(dynamodb, "motos", before, expression, condition)
        with monkeypatch.context() as patched:
            patched.setattr(DynamoDBBackend, "update_item", moto_updates.update_item)
            assert outcome(dynamodb, "ours", before, expression, condition) == theirs


@pytest.mark.parametrize("expression", USUAL)
def test_what_is_usual_is_not_left_to_moto(
    dynamodb: Any, monkeypatch: pytest.MonkeyPatch, expression: str
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("left to moto")

    monkeypatch.setattr(moto_updates, "_MOTO_UPDATE", never)
    monkeypatch.setattr(DynamoDBBackend, "update_item", moto_updates.update_item)
    assert outcome(dynamodb, "ours", None, expression, None)[0].startswith('["done"')


def test_an_item_has_its_limit(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DynamoDBBackend, "update_item", moto_updates.update_item)
    dynamodb.put_item(TableName="ours", Item=KEY | {"large": {"S": "x" * 399_000}})
    with pytest.raises(ClientError, match="size"):
        dynamodb.update_item(
            TableName="ours",
            Key=KEY,
            UpdateExpression="SET small = :text, bulky = :long",
            ExpressionAttributeValues={":text": {"S": "x"}, ":long": {"S": "x" * 20_000}},
        )
    left = dynamodb.get_item(TableName="ours", Key=KEY)["Item"]
    assert left.keys() == {"pk", "sk", "large"}
