"""moto (5.2.5), started and emptied at the price of what a test needs of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

import boto3
from aws_lambda_powertools.shared import user_agent
from botocore.config import Config
from moto.core.models import MockAWS, botocore_stubber, responses_mock
from moto.core.responses_custom_registry import CustomRegistry
from moto.secretsmanager.models import secretsmanager_backends
from moto.sqs.models import sqs_backends

from tests import dynamodb_here

# Each of Powertools' providers has its client name it in whatever that sends. A test has a provider
# of its own and all share a client: a thousand tests later a request would carry a thousand names.
user_agent.register_feature_to_client = lambda **_: None

ACCOUNT, REGION = "123456789012", "eu-west-1"


class _Registry(CustomRegistry):
    """moto's thousand addresses, made once; whatever is on this machine is none of them."""

    def find(self, request: Any) -> Any:
        return (None, []) if "//127.0.0.1" in request.url else super().find(request)


class _Quick(MockAWS):
    """As moto's own, which makes those addresses anew at each start."""

    _addresses: ClassVar[_Registry] = _Registry()

    def _enable_patching(self, reset: bool = True) -> None:
        if not self._addresses.registered:
            super()._enable_patching(reset=reset)
            self._addresses._registered.update(responses_mock._registry._registered)
        else:
            botocore_stubber.enabled = True
            if reset:
                self.reset()
            responses_mock.start()
        responses_mock._registry = self._addresses


class Kept:
    """The client of a service, kept for the whole process: making one takes longer than a test."""

    def __init__(self, service: str) -> None:
        client = boto3.client(
            service,
            region_name=REGION,
            aws_access_key_id="nobody",
            aws_secret_access_key="nothing",
            # Each request's user agent takes botocore longer than what is asked for takes moto.
            config=Config(retries={"total_max_attempts": 1}, user_agent="tests"),
        )
        self._client = dynamodb_here.attach(client) if service == "dynamodb" else client

    def __call__(self) -> Any:
        return self._client

    def cache_clear(self) -> None:
        """Whoever forgets the bundle's clients finds this one again."""


kept = cache(Kept)
"""Stands for chalicelib.store.clients' function of that name."""


@contextmanager
def mocked(config: Mapping[str, Any] | None = None) -> Iterator[None]:
    """An AWS account with nothing in it, as long as the block lasts."""
    with _Quick(config):
        yield


def create(*, queues: Sequence[str], secrets: Mapping[str, Any], region: str = REGION) -> None:
    """Makes queues and secrets without a request for each."""
    for name in queues:
        sqs_backends[ACCOUNT][region].create_queue(name, None)
    for name, content in secrets.items():
        secretsmanager_backends[ACCOUNT][region].create_secret(
            name=name,
            secret_string=json.dumps(content),
            secret_binary=None,
            description=None,
            tags=None,
            kms_key_id=None,
            client_request_token=None,
            replica_regions=[],
            force_overwrite=False,
        )
