"""Keytime, section 2.1 of the interline document: who asks, when, and a digest of the two."""

import hashlib

SCHEME = "Keytime"


def authorization(developer: str, secret: str, *, now: int) -> str:
    """The header's value at `now` (epoch ms)."""
    return f"{SCHEME} {developer},{now},{signature(secret, str(now))}"


def signature(secret: str, timestamp: str) -> str:
    """Characters 24 to 40 of the lower hex sha256(secret + timestamp in epoch ms)."""
    return hashlib.sha256(f"{secret}{timestamp}".encode()).hexdigest()[24:40]
