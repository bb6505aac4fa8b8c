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


def test_there_is_no_number_of_a_person(running: Running, left: bytes) -> None:
    ours = {number for app in running.apps.values() for number in app["numbers"]}
    assert b"axb.bind" in left
    assert ours & {found.decode() for found in SOMEBODY.findall(left)}, "the search finds X"
    people = {found.decode() for found in SOMEBODY.findall(left)} - ours
    assert not people
    assert [name for digits in (A, B, C) for name in found_in(left, digits)] == []


def test_the_search_finds_what_is_planted(left: bytes) -> None:
    assert found_in(left + b' "to": "' + C.encode() + b'"', C)
