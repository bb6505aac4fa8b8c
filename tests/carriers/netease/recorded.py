"""Reads the messages that the vendor's document prints (see payloads/README.md)."""

import json
from pathlib import Path
from typing import Any

PAYLOADS = Path(__file__).parent / "payloads"
OPERATIONS = ("bind", "unbind", "delay", "query")
CALLBACKS = ("32", "33", "34")


def recorded(name: str) -> dict[str, Any]:
    """One message, e.g. `bind-request`."""
    message: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return message
