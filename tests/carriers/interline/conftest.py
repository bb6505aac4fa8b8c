"""A developer, and a switch that tells what his bindings do."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.carriers.interline.developer import Developer, developer
from tests.stage import Stage

Route = Callable[..., dict[str, Any]]


@pytest.fixture
def demo(stage: Stage) -> Developer:
    """The app `demo` on our own numbers."""
    return developer(stage)


@pytest.fixture
def route(stage: Stage) -> Route:
    """Asks where a call to an X goes, as the switch does; people with their country code."""
    password = stage.switch("pbx")
    signed = "Basic " + base64.b64encode(f"pbx:{password}".encode()).decode()
    stage.forget()

    def ask(caller: str | None, dialled: str) -> dict[str, Any]:
        fields = {"call_id": "c", "kind": "call", "from": caller, "to": dialled}
        headers = {"Content-Type": "application/json", "Authorization": signed}
        answer = stage.send("/switch/route", headers=headers, body=json.dumps(fields))
        assert answer.status == 200, answer.text
        told: dict[str, Any] = answer.json
        return told

    return ask
