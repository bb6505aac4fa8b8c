"""API keys: further credentials of a tenant for our own API."""

import re
from dataclasses import dataclass

MOST_KEYS = 20
"""How many API keys an app may have."""
REPEATED_MS = 24 * 3_600_000
"""How long the request that made a key shows its secret again."""

_ID = re.compile(r"key_[A-Za-z0-9_-]{22}", re.ASCII)


def is_key_id(text: str) -> bool:
    """Whether it has the form of an API key's id; no AppKey has it."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key: HTTP Basic's user is its `id`. `created` is epoch ms; with `read_only` it may only
    look."""

    id: str
    app: str
    name: str
    read_only: bool
    created: int
