"""The AWS stand-in: safe under threads, where moto alone is not, and complete where it is not."""

import json
import string
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from simulator.aws import OneAtATime
from tests.simulator.outside import PROJECT

THREADS = 12
ROUNDS = 10
Client = Callable[[str], Any]


@pytest.fixture
def table(client: Client, request: pytest.FixtureRequest) -> str:
    """An empty table with the keys of ours."""
    name = request.node.name.replace("[", "-").replace("]", "")
    client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
    )
    return name


def take(table: str, pk: str, owner: str) -> dict[str, Any]:
    """The write that takes a leg if it is free."""
    return {
        "Put": {
            "TableName": table,
            "Item": {"pk": {"S": pk}, "sk": {"S": "leg"}, "owner": {"S": owner}},
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
    }


def at_once(work: Callable[[int], Any], *, threads: int = THREADS) -> list[Any]:
    """Runs `work(n)` in as many threads, all released together."""
    barrier = threading.Barrier(threads)

    def run(n: int) -> Any:
        barrier.wait()
        return work(n)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def test_one_of_many_racing_transactions_wins(client: Client, table: str) -> None:
    clients = [client("dynamodb") for _ in range(THREADS)]

    for round_ in range(ROUNDS):
        # Everybody wants the first leg, and a second that is nobody else's: the loser's second
        # must not be left behind.
        def race(n: int, round_: int = round_) -> dict[str, Any] | None:
            try:
                clients[n].transact_write_items(
                    TransactItems=[
                        take(table, f"own-{round_}-{n}", str(n)),
                        take(table, f"shared-{round_}", str(n)),
                    ]
                )
            except clients[n].exceptions.TransactionCanceledException as error:
                return error.response
            return None

        outcomes = at_once(race)
        winners = [n for n, outcome in enumerate(outcomes) if outcome is None]
        assert len(winners) == 1
        for outcome in filter(None, outcomes):
            first, second = outcome["CancellationReasons"]
            assert first == {"Code": "None"}
            assert second["Code"] == "ConditionalCheckFailed"
            assert second["Item"]["owner"] == {"S": str(winners[0])}

    items = clients[0].scan(TableName=table)["Items"]
    assert len(items) == 2 * ROUNDS


def test_a_long_poll_gets_a_delayed_message_when_it_is_due(
    client: Client, request: pytest.FixtureRequest
) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=request.node.name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=2)
    due = time.monotonic() + 2
    assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert message["Body"] == "later"
    # Not when moto, which looks once a second, looks next.
    assert time.monotonic() - due < 0.5


def test_one_of_many_racing_puts_wins(client: Client, table: str) -> None:
    clients = [client("dynamodb") for _ in range(THREADS)]

    def race(n: int) -> bool:
        try:
            clients[n].put_item(**take(table, "x", str(n))["Put"])
        except clients[n].exceptions.ConditionalCheckFailedException:
            return False
        return True

    assert sum(at_once(race)) == 1


def test_no_increment_is_lost(client: Client, table: str) -> None:
    clients = [client("dynamodb") for _ in range(THREADS)]
    key = {"pk": {"S": "counter"}, "sk": {"S": "counter"}}

    def count(n: int) -> None:
        for _ in range(ROUNDS):
            clients[n].transact_write_items(
                TransactItems=[
                    {
                        "Update": {
                            "TableName": table,
                            "Key": key,
                            "UpdateExpression": "ADD n :one",
                            "ExpressionAttributeValues": {":one": {"N": "1"}},
                        }
                    }
                ]
            )

    at_once(count)
    item = clients[0].get_item(TableName=table, Key=key)["Item"]
    assert item["n"] == {"N": str(THREADS * ROUNDS)}


def test_a_transaction_that_fails_late_leaves_nothing(client: Client, table: str) -> None:
    dynamodb = client("dynamodb")
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"S": "a"}, "n": {"S": "old"}})
    update = {
        "TableName": table,
        "Key": {"pk": {"S": "a"}, "sk": {"S": "a"}},
        "UpdateExpression": "SET n = :new",
        "ExpressionAttributeValues": {":new": {"S": "new"}},
    }
    # No condition fails here; adding a number to a string does, when the first is written already.
    broken = {
        "TableName": table,
        "Key": {"pk": {"S": "b"}, "sk": {"S": "b"}},
        "UpdateExpression": "SET n = missing + :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    with pytest.raises(dynamodb.exceptions.ClientError):
        dynamodb.transact_write_items(TransactItems=[{"Update": update}, {"Update": broken}])

    items = dynamodb.scan(TableName=table)["Items"]
    assert items == [{"pk": {"S": "a"}, "sk": {"S": "a"}, "n": {"S": "old"}}]


def test_an_item_may_stand_once_in_a_transaction(client: Client, table: str) -> None:
    dynamodb = client("dynamodb")
    with pytest.raises(dynamodb.exceptions.ClientError, match="multiple operations on one item"):
        dynamodb.transact_write_items(TransactItems=[take(table, "a", "1"), take(table, "a", "2")])
    assert dynamodb.scan(TableName=table)["Count"] == 0


def test_transactions_and_queries_cost_the_same_in_a_full_table(client: Client, table: str) -> None:
    dynamodb = client("dynamodb")

    def fastest_s(work: Callable[[int], Any]) -> float:
        times = []
        for n in range(10):
            started = time.perf_counter()
            work(n)
            times.append(time.perf_counter() - started)
        return min(times)

    def transact(prefix: str) -> Callable[[int], Any]:
        return lambda n: dynamodb.transact_write_items(
            TransactItems=[take(table, f"{prefix}{n}", "1")]
        )

    def query(_: int) -> None:
        found = dynamodb.query(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "before3"}},
        )
        assert found["Count"] == 1

    transact_s, query_s = fastest_s(transact("before")), fastest_s(query)
    for batch in range(0, 3000, 25):
        puts = [
            {"PutRequest": {"Item": {"pk": {"S": f"filler{batch + n}"}, "sk": {"S": "leg"}}}}
            for n in range(25)
        ]
        dynamodb.batch_write_item(RequestItems={table: puts})
    # By itself moto copies the table for each transaction and sorts it for each query: with 3,000
    # items that is 50 and 10 times as slow.
    assert fastest_s(transact("after")) < 4 * transact_s
    assert fastest_s(query) < 4 * query_s


def test_an_index_is_queried_in_its_order(client: Client, table: str) -> None:
    dynamodb = client("dynamodb")
    key_schema = [
        {"AttributeName": "shard", "KeyType": "HASH"},
        {"AttributeName": "at", "KeyType": "RANGE"},
    ]
    dynamodb.update_table(
        TableName=table,
        AttributeDefinitions=[
            {"AttributeName": "shard", "AttributeType": "S"},
            {"AttributeName": "at", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "due",
                    "KeySchema": key_schema,
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )
    for pk, shard, at in (("a", "0", "30"), ("b", "0", "4"), ("c", "1", "1"), ("d", "0", "200")):
        item = {"pk": {"S": pk}, "sk": {"S": "s"}, "shard": {"S": shard}, "at": {"N": at}}
        dynamodb.put_item(TableName=table, Item=item)
    dynamodb.put_item(TableName=table, Item={"pk": {"S": "e"}, "sk": {"S": "not due"}})

    due = {
        "TableName": table,
        "IndexName": "due",
        "KeyConditionExpression": "shard = :shard AND #at <= :now",
        "ExpressionAttributeNames": {"#at": "at"},
        "ExpressionAttributeValues": {":shard": {"S": "0"}, ":now": {"N": "100"}},
        "Limit": 1,
    }
    first = dynamodb.query(**due)
    assert [item["pk"]["S"] for item in first["Items"]] == ["b"]
    second = dynamodb.query(**due, ExclusiveStartKey=first["LastEvaluatedKey"])
    assert [item["pk"]["S"] for item in second["Items"]] == ["a"]


def test_no_message_is_lost_between_sending_and_deleting(client: Client) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="race")["QueueUrl"]
    sent = THREADS * ROUNDS
    received: set[str] = set()
    clients = [client("sqs") for _ in range(THREADS)]

    def send(n: int) -> None:
        for index in range(ROUNDS):
            clients[n].send_message(QueueUrl=url, MessageBody=f"{n}-{index}")

    def receive() -> None:
        end = time.monotonic() + 20
        while len(received) < sent and time.monotonic() < end:
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                received.add(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    receiver = threading.Thread(target=receive)
    receiver.start()
    at_once(send)
    receiver.join()
    assert len(received) == sent


def test_a_long_poll_holds_nobody_up(client: Client) -> None:
    sqs, other = client("sqs"), client("sqs")
    url = sqs.create_queue(QueueName="idle")["QueueUrl"]
    poll = threading.Thread(
        target=sqs.receive_message, kwargs={"QueueUrl": url, "WaitTimeSeconds": 3}
    )
    poll.start()
    started = time.monotonic()
    while time.monotonic() - started < 1:
        before = time.monotonic()
        other.list_queues()
        assert time.monotonic() - before < 0.5
    assert poll.is_alive()
    poll.join()


def test_a_file_is_put_together_of_parts_and_given_out_by_a_link(
    client: Client, tmp_path: Path
) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="files")
    begun = s3.create_multipart_upload(Bucket="files", Key="recordings/7/a/1")
    where = {"Bucket": "files", "Key": "recordings/7/a/1", "UploadId": begun["UploadId"]}
    contents, parts = [b"a" * 5 * 1024 * 1024, b"end"], []
    for number, content in enumerate(contents, start=1):
        (part := tmp_path / "part").write_bytes(content)
        with part.open("rb") as body:
            done = s3.upload_part(**where, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})

    asked = {"Bucket": "files", "Key": "recordings/7/a/1"}
    link = s3.generate_presigned_url("get_object", Params=asked, ExpiresIn=60)
    given = requests.get(link, timeout=10)
    assert given.status_code == 200
    assert given.content == b"".join(contents)
    gone = s3.generate_presigned_url("get_object", Params=asked | {"Key": "none"}, ExpiresIn=60)
    assert requests.get(gone, timeout=10).status_code == 404


def test_one_request_at_a_time() -> None:
    inside = 0
    most = 0

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.01)
        inside -= 1
        return [b""]

    wrapped = OneAtATime(application)
    at_once(lambda _: wrapped({}, None), threads=8)
    assert most == 1


def test_production_resources_are_created_and_deleted_through_cloudformation(
    client: Client,
) -> None:
    cloudformation, secrets = client("cloudformation"), client("secretsmanager")
    cloudformation.create_stack(
        StackName="resources",
        TemplateBody=(PROJECT / "infra" / "resources.json").read_text(),
        Parameters=[{"ParameterKey": "Stage", "ParameterValue": "testing"}],
    )
    table = client("dynamodb").describe_table(TableName="masking-gateway-testing")["Table"]
    indexes = {index["IndexName"] for index in table["GlobalSecondaryIndexes"]}
    assert indexes == {"due", "dead", "made"} | {
        f"by_{what}" for what in ("day", "binding", "number", "caller", "callee")
    }
    for queue in ("delivery", "delivery-slow", "transfer"):
        url = client("sqs").get_queue_url(QueueName=f"masking-gateway-testing-{queue}")["QueueUrl"]
        attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        policy = json.loads(attributes["Attributes"]["RedrivePolicy"])
        assert policy["deadLetterTargetArn"].endswith("masking-gateway-testing-delivery-dead")
    buckets = [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]
    assert "masking-gateway-testing-files-123456789012" in buckets

    def secret(name: str) -> Any:
        found = secrets.get_secret_value(SecretId=f"masking-gateway-testing/{name}")
        return json.loads(found["SecretString"])

    keys = secret("data-keys")
    assert keys["current"] == "1"
    assert len(keys["1"]) == 64
    assert set(keys["1"]) <= set(string.ascii_letters + string.digits)

    cloudformation.delete_stack(StackName="resources")
    names = {found["Name"] for found in secrets.list_secrets()["SecretList"]}
    # Retained, as the template says: without it nothing that was stored could be read.
    kept = {name for name in names if name.startswith("masking-gateway-testing")}
    assert kept == {"masking-gateway-testing/data-keys"}
