"""Where the commands of `admin` work: the stage, the AWS account and the region."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.stage_settings import settings
from chalicelib.store import clients
from cli.place import Place, stand_in

_CONFIG = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
"""The account is only for the operator to read: nobody waits long for it."""


def here() -> Place:
    """Where the environment and `--stage` lead. Asks STS once."""
    meta = clients.dynamodb().meta
    return Place(settings().stage, account(), meta.region_name, stand_in(meta.endpoint_url))


def account() -> str | None:
    """The number of the AWS account; None if STS does not say."""
    region = clients.dynamodb().meta.region_name
    try:
        sts = boto3.client("sts", region_name=region, config=_CONFIG)
        return str(sts.get_caller_identity()["Account"])
    except (BotoCoreError, ClientError):
        return None


def no_such_stage() -> str | None:
    """What to do where there is no such stage; None if its table is there, so that it is something
    else that is missing."""
    client, stage = clients.dynamodb(), settings().stage
    try:
        client.describe_table(TableName=settings().table_name)
    except client.exceptions.ResourceNotFoundException:
        where = f"account {account() or 'unknown'}, region {client.meta.region_name}"
        return f"no stage {stage} in {where}: deploy it first, make deploy STAGE={stage}"
    except (BotoCoreError, ClientError):
        pass
    return None
