"""What a running stack leaves behind: its logs, table and queues, searched for people's numbers."""

import json
import re
import time
from typing import Any

import boto3
import pytest
import requests

from tests.attacks.test_privacy import found_in
from tests.running import ANSWER_S, Running

A, B, C = "8610099990001", "8610099990002", "8610099990003"
SOMEBODY = re.compile(rb"(?<!\d)(?:86)?100\d{8}(?!\d)")
# A random id in hex has eleven such digits in a row now and then; all digits it never is.
RANDOM_ID = re.compile(rb"(?<![0-9a-z])(?=[0-9-]*[a-f])[0-9a-f]{4,}(?:-?[0-9a-f]{4,})+(?![0-9a-z])")


@pytest.fixture
def left(running: Running) -> bytes:
    """Every byte, after two people were bound, called, wrote, and somebody else disturbed them."""
    demo = running.app("demo")
    x = demo.bind(A, B, userData=f"call {A}", recordFlag="1").json["phoneX"]
    for path, fields in (
        ("calls", {"from": A, "to": x, "talk_s": 3}),
        ("calls", {"from": C, "to": x}),
        ("messages", {"from": B, "to": x, "text": f"I am {B}"}),
    ):
        requests.post(f"{running.simulator_url}/{path}", json=fields, timeout=ANSWER_S)
    demo.bind(A, f"{B}x")
    requests.post(f"{running.url}/{A}/{B}?phoneA={A}", timeout=ANSWER_S)
    until = time.monotonic() + 60
    while len(calls_of(running, A)) < 2 and time.monotonic() < until:
        time.sleep(0.1)
    return logs(running) + json.dumps(at_rest(running), default=bytes.hex).encode()


def calls_of(running: Running, digits: str) -> list[dict[str, Any]]:
    return [each for each in running.received("demo") if digits in each["body"]]


def logs(running: Running) -> bytes:
    files = sorted((running.state / "logs").iterdir())
    assert {"gateway.log", "driver.log", "server.log", "aws.log"} <= {each.name for each in files}
    return b"".join(each.read_bytes() for each in files)


def at_rest(running: Running) -> list[Any]:
    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=running.aws_url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
        )

    dynamodb, sqs = client("dynamodb"), client("sqs")
    (table,) = dynamodb.list_tables()["TableNames"]
    items = dynamodb.get_paginator("scan").paginate(TableName=table)
    messages = [
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        for url in sqs.list_queues()["QueueUrls"]
    ]
    return [[page["Items"] for page in items], messages]


def somebodies(heap: bytes) -> set[str]:
    """Everything that looks like a number of the tests' people, but for parts of random ids."""
    ids = (found[0] for found in RANDOM_ID.finditer(heap))
    for each in {found for found in ids if len(found) >= 24}:
        heap = heap.replace(each, b"")
    return {found.decode() for found in SOMEBODY.findall(heap)}


def test_there_is_no_number_of_a_person(running: Running, left: bytes) -> None:
    ours = {number for app in running.apps.values() for number in app["numbers"]}
    assert b"axb.bind" in left
    found = somebodies(left)
    assert ours & found, "the search finds X"
    assert not found - ours
    assert [name for digits in (A, B, C) for name in found_in(left, digits)] == []


def test_the_search_finds_what_is_planted(left: bytes) -> None:
    assert found_in(left + b' "to": "' + C.encode() + b'"', C)


@pytest.mark.parametrize("around", [b'"%s"', b"a%sb", b"+%s", b"=%s&", b"-%s-", b"id-%s", b"%s"])
def test_a_number_is_found_in_whatever_stands_around_it(around: bytes) -> None:
    assert somebodies(around % b"8610012345678") == {"8610012345678"}
    assert somebodies(around % b"10012345678") == {"10012345678"}


@pytest.mark.parametrize(
    "random_id", [b"3f2b9c1e-77aa-4c1d-9d10-a10012345678", b"0" * 8 + b"c10012345678" + b"d" * 12]
)
def test_a_random_id_is_nobody(random_id: bytes) -> None:
    assert SOMEBODY.search(random_id)
    assert somebodies(b'{"id": "' + random_id + b'"}') == set()
