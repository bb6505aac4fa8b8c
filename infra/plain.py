"""Chalice's own commands: app.py calls this when one of them imports it."""

import os
import sys
from typing import NoReturn

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.stage_settings import settings
from infra import bundle

BY_MAKE = "MASKING_GATEWAY_BY_MAKE"
"""In the environment of the commands that `python -m infra` runs."""
STAND_IN = (
    "AWS_ENDPOINT_URL=http://127.0.0.1:8002 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=local"
    " AWS_SECRET_ACCESS_KEY=local"
)


def prepare() -> None:
    """Sees to the bytecode of what is deployed, and ends the process with one line where the
    command alone can't do what it is for."""
    command = next((each for each in sys.argv[1:] if each in {"deploy", "package", "local"}), "")
    by_make = BY_MAKE in os.environ
    if command == "deploy" and not by_make:
        _end(
            "chalice deploy alone would make functions without table, queues and secrets, and a"
            f" second API: do `make deploy STAGE={settings().stage}`, which runs it"
        )
    if command == "package" and not by_make:
        print(
            "functions and API only: `make package` adds table, queues, secrets and alarms",
            file=sys.stderr,
        )
    if command in {"deploy", "package"}:
        bundle.install()
    if command == "local":
        _look_for_table(settings().table_name)


def _look_for_table(name: str) -> None:
    once = Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1})
    try:
        boto3.client("dynamodb", config=once).describe_table(TableName=name)
    except (BotoCoreError, ClientError) as error:
        _end(
            f"chalice local finds no table {name} ({error}): do `make run`, which starts all of"
            f" it; beside that: {STAND_IN} chalice local --stage local --port 8005"
        )


def _end(reason: str) -> NoReturn:
    print(reason, file=sys.stderr, flush=True)
    # `chalice local` imports in a thread, which sys.exit would end alone.
    os._exit(2)
