"""A recording of 300 MB goes through little memory; what is broken off or wrong leaves nothing."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.store.site import Site, site_item
from tests.egress.large import MB, content
from tests.sizes import size

ROOT = Path(__file__).resolve().parents[2]
TABLE, BUCKET = "large", "large-files"
LARGE = size("RECORDING_MB", gate=100, large=300)
MOST_MB = 64
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@contextmanager
def started(*arguments: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that ends when its standard input does."""
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **more,
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(20)


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """AWS in a process of its own, with the bucket, and the item that says so."""
    with tempfile.TemporaryFile("w") as log, socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        arguments = ("simulator.aws", "--fd", str(fd))
        with started(*arguments, pass_fds=[fd], stderr=log):
            made = {
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{listening.getsockname()[1]}",
                "AWS_ACCESS_KEY_ID": "nobody",
                "AWS_SECRET_ACCESS_KEY": "nothing",
                "AWS_DEFAULT_REGION": "us-east-1",
            }
            s3, dynamodb = client(made, "s3"), client(made, "dynamodb")
            s3.create_bucket(Bucket=BUCKET)
            dynamodb.create_table(
                TableName=TABLE,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[
                    {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
                ],
                KeySchema=[
                    {"AttributeName": "pk", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
            )
            site = Site(url="https://gateway.example", bucket=BUCKET)
            dynamodb.put_item(TableName=TABLE, Item=site_item(site))
            yield made


def client(environment: dict[str, str], service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )


def stored(environment: dict[str, str], *jobs: str) -> list[dict[str, Any]]:
    """What a fresh process says of storing these."""
    module = "tests.egress.large"
    with ExitStack() as stack:
        carrier = stack.enter_context(started(module, "serve"))
        assert carrier.stdout
        place = f"127.0.0.1:{int(carrier.stdout.readline())}"
        child = stack.enter_context(
            started(module, "store", TABLE, place, *jobs, env=os.environ | environment)
        )
        assert child.stdout
        return [json.loads(line) for line in child.stdout]


def md5(mb: int) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for part in content(mb):
        digest.update(part)
    return digest.hexdigest()


def test_a_large_recording_goes_through_little_memory(environment: dict[str, str]) -> None:
    expected = md5(LARGE)
    small, large = stored(environment, f"/1={md5(1)}", f"/{LARGE}={expected}")
    assert (small["outcome"], large["outcome"]) == (MB, LARGE * MB)
    assert large["peak_mb"] - small["peak_mb"] < MOST_MB
    digest = hashlib.md5(usedforsecurity=False)
    for part in client(environment, "s3").get_object(Bucket=BUCKET, Key="1")["Body"].iter_chunks():
        digest.update(part)
    assert digest.hexdigest() == expected


def test_what_is_broken_off_or_wrong_leaves_nothing(environment: dict[str, str]) -> None:
    s3 = client(environment, "s3")
    for key in ("0", "1", "2"):
        s3.delete_object(Bucket=BUCKET, Key=key)
    told = stored(environment, "/20/cut", f"/20={md5(19)}", f"/2={md5(1)}")
    assert [each["outcome"] for each in told] == ["broken off: too short", *["wrong md5"] * 2]
    assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)
