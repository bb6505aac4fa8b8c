"""Where commands work: the stage, the AWS account and the region."""

from dataclasses import dataclass
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.settings import settings
from chalicelib.store import clients

_CONFIG = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1})
"""The account is only for the operator to read: nobody waits long for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stage in an AWS account (None: STS did not say) and a region; `endpoint` is where AWS is
    asked, if that is a stand-in."""

    stage: str
    account: str | None
    region: str
    endpoint: str | None

    def __str__(self) -> str:
        stand_in = f", at {self.endpoint}" if self.endpoint else ""
        account = self.account or "unknown"
        return f"stage {self.stage}, account {account}, region {self.region}{stand_in}"


def here() -> Place:
    """Where the environment and `--stage` lead. Asks STS once."""
    meta = clients.dynamodb().meta
    host = urlsplit(meta.endpoint_url).hostname or ""
    stand_in = None if host.endswith((".amazonaws.com", ".aws")) else meta.endpoint_url
    return Place(settings().stage, account(), meta.region_name, stand_in)


def account() -> str | None:
    """The number of the AWS account; None if STS does not say."""
    region = clients.dynamodb().meta.region_name
    try:
        sts = boto3.client("sts", region_name=region, config=_CONFIG)
        return str(sts.get_caller_identity()["Account"])
    except (BotoCoreError, ClientError):
        return None
