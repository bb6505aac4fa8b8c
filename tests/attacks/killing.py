"""Processes that are killed: the stage that they share with the test, and what they are asked."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.core.messages import Request
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.wiring import egress
from simulator.local_addresses import LocalAddresses
from simulator.processes import Children
from tests import gateways
from tests.gateways import Stage
from tests.simulator.outside import PROJECT, listening

PATIENCE_S = 60


@contextmanager
def own_stage(dynamodb_endpoint: str, logs: Path) -> Iterator[Stage]:
    """A stage that other processes reach too: secrets and queue on a server of their own."""
    children = Children(logs, project=PROJECT)
    opened = listening()
    url = f"http://127.0.0.1:{opened.getsockname()[1]}"
    fd = opened.fileno()
    environment = {
        "STAGE": f"k{os.getpid() % 10_000}",
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_endpoint,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    with (
        patch.dict(os.environ, environment),
        patch.object(egress, "guard", LocalAddresses()),
        # DynamoDB Local takes its time to make a table on a busy machine.
        patch.object(clients, "_CONFIG", clients._CONFIG.merge(gateways._PATIENT)),
    ):
        serve = ["simulator.aws", "--fd", str(fd)]
        own = dict(os.environ)
        children.start("aws", "the AWS stand-in", serve, fds=[fd], environment=own)
        opened.close()
        try:
            gateways.forget_caches()
            _create_resources()
            yield Stage()
            clients.dynamodb().delete_table(TableName=settings().table_name)
        finally:
            gateways.forget_caches()
            children.stop()


def _create_resources() -> None:
    gateways.create_table()
    own = settings()
    for queue in (own.delivery_queue_name, own.slow_queue_name, own.transfer_queue_name):
        clients.sqs().create_queue(QueueName=queue)
    keys = {"current": "1", "1": "k" * 64}
    clients.secretsmanager().create_secret(Name=own.data_keys_secret, SecretString=json.dumps(keys))


class Victim:
    """The process that is killed."""

    def __init__(self, point: str, path: str, request: Request, *, now: int) -> None:
        asked: dict[str, Any] = {
            "point": point,
            "path": path,
            "method": request.method,
            "headers": dict(request.headers),
            "body": request.body.decode(),
            "now": now,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.victim"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asked))
        self._process.stdin.close()

    def wait_for(self, line: str) -> None:
        """Until it says that it is there."""
        assert self._process.stdout
        for said in self._process.stdout:
            if said.strip() == line:
                return
        pytest.fail(f"it ended before it was {line}")

    def kill(self) -> None:
        """SIGKILL: it does nothing more."""
        self._process.send_signal(signal.SIGKILL)
        assert self._process.wait(PATIENCE_S) == -signal.SIGKILL
