"""The AWS clients: one session, time-outs that fit a person who waits, made when first needed.

Making a client is not thread-safe in boto3, using it is.
"""

from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from chalicelib.clock import once

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

_CONFIG = Config(
    # Our own code builds every request and AWS checks it again: looking through each of them first
    # is a third of a transaction's CPU (`make bench`).
    parameter_validation=False,
    # Without a name of its own botocore puts a new one together for every call, from some twenty
    # parts: a quarter of a read's CPU. It is also what CloudTrail shows.
    user_agent="masking-gateway",
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "total_max_attempts": 3},
    tcp_keepalive=True,
    max_pool_connections=64,
)

_S3_CONFIG = _CONFIG.merge(
    Config(
        # A part of a file takes longer than an item, and nobody waits.
        read_timeout=30,
        # Presigned links: of the newest kind, and (only "virtual" does that) to the bucket's own
        # region, as one to another region is redirected and its signature worth nothing there.
        signature_version="s3v4",
        # A part with a checksum belongs to an upload that was begun with one.
        request_checksum_calculation="when_required",
        s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
        # Few calls at a time, each with a part of a file in memory.
        max_pool_connections=10,
    )
)


@once
def _session() -> boto3.Session:
    return boto3.Session()


@once
def dynamodb() -> "DynamoDBClient":
    """The client of the table."""
    return _session().client("dynamodb", config=_CONFIG)


@once
def secretsmanager() -> "SecretsManagerClient":
    """The client of the secrets."""
    return _session().client("secretsmanager", config=_CONFIG)


@once
def sqs() -> "SQSClient":
    """The client of the delivery queue."""
    return _session().client("sqs", config=_CONFIG)


@once
def s3() -> "S3Client":
    """The client of the bucket."""
    return _session().client("s3", config=_S3_CONFIG)
