"""Accounts of ours with interline, in a stage."""

from typing import Any

from admin import provision
from tests.owners import set_secret
from tests.stage import Stage


def account_of(stage: Stage, name: str, **more: Any) -> str:
    """An account whose callbacks have the token `token-<name>`; its name."""
    given: dict[str, Any] = {"key": "10000000", "secret": "key", "app_id": "the-app-id"}
    given |= {"urls": ["http://127.0.0.1:9"]}
    provision.create_carrier(name, kind="interline", **given | more)
    set_secret(f"carrier/{name}", callback_token=f"token-{name}")
    stage.forget()
    return name
