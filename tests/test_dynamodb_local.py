"""DynamoDB Local itself: without it the tests of races would prove nothing."""

import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.dynamodb_local import ROOT

TABLE = "dynamodb-local-answers"


def test_transactions_are_refused_with_the_item_that_stands_in_the_way(dynamodb_local: str) -> None:
    client = boto3.client(
        "dynamodb",
        endpoint_url=dynamodb_local,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )
    put = {
        "TableName": TABLE,
        "Item": {"pk": {"S": "one"}, "who": {"S": "first"}},
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    client.transact_write_items(TransactItems=[{"Put": put}])
    with pytest.raises(ClientError) as refused:
        client.transact_write_items(TransactItems=[{"Put": put}])
    assert refused.value.response["CancellationReasons"][0]["Item"]["who"] == {"S": "first"}


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_without_java_it_is_skipped_but_never_in_ci(tmp_path: Path, ci: str, outcome: str) -> None:
    (tmp_path / "test_needs_it.py").write_text("def test_it(dynamodb_local):\n    pass\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-ra", "-p", "tests.dynamodb_local", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PATH": str(tmp_path), "CI": ci},
    )
    assert outcome in ran.stdout
    assert "java is not installed" in ran.stdout
