"""Accounts of ours with interline, in a stage, and the worker that delivers what they tell."""

from collections.abc import Sequence
from typing import Any

from admin import provision
from tests.stage import Stage


def account_of(stage: Stage, name: str, **more: Any) -> str:
    """An account whose callbacks have the token `token-<name>`; its name."""
    given: dict[str, Any] = {"key": "10000000", "secret": "key", "app_id": "the-app-id"}
    given |= {"urls": ["http://127.0.0.1:9"]}
    provision.create_carrier(name, kind="interline", **given | more)
    secret = stage.secret(stage.credentials)
    secret["carriers"][name]["callback_token"] = f"token-{name}"
    stage.put_secret(stage.credentials, secret)
    stage.forget()
    return name


def deliver(messages: Sequence[str]) -> None:
    """As Lambda calls the worker: with ten SQS records at most, all of which it has to take."""
    from app import deliver as worker

    for first in range(0, len(messages), 10):
        batch = messages[first : first + 10]
        records = [{"messageId": str(n), "body": each} for n, each in enumerate(batch)]
        assert worker({"Records": records}, None) == {"batchItemFailures": []}
