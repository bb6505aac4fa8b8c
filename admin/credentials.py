"""The credentials secret, and what an operator did wrong. One operator at a time: a change is
read-modify-write."""

import json
from collections.abc import Callable
from typing import Any

from chalicelib.settings import settings
from chalicelib.store import clients


class Mistake(Exception):
    """What the operator asked for can't be done; the text says why."""


def read() -> dict[str, Any]:
    """Everything in it."""
    secret = clients.secretsmanager().get_secret_value(SecretId=settings().credentials_secret)
    credentials: dict[str, Any] = json.loads(secret["SecretString"])
    return credentials


def change(how: Callable[[dict[str, Any]], None]) -> None:
    """Lets `how` change it and writes it back; whatever `how` raises leaves it as it was."""
    credentials = read()
    how(credentials)
    clients.secretsmanager().put_secret_value(
        SecretId=settings().credentials_secret, SecretString=json.dumps(credentials)
    )
