"""A customer's account: how he signs, what he may do, and where he is told of his calls."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

VALID_MS = 180_000
KEYTIME = re.compile(r"Keytime\s+([^,\s]+)\s*,\s*([0-9]{1,20})\s*,\s*(\S+)", re.IGNORECASE)

TRIAL, ACTIVE, SUSPENDED, CLOSED = range(4)


@dataclass(slots=True)
class Account:
    """`callback_url` is where `/cdr` and `/start` are put behind; `json` sends JSON, not forms.

    `overlap`: a pair that an X serves already may be bound on it once more. Amounts are yuan, times
    epoch ms.
    """

    devid: str
    auth_key: str
    appid: str
    callback_url: str
    json: bool = False
    overlap: bool = True
    state: int = ACTIVE
    role: str = "developer"
    balance: float = 1000.0
    overdraft: float = 0.0
    created: int = 0
    updated: int = 0


def keytime(auth_key: str, timestamp: str) -> str:
    """Characters 24 to 40 of sha256 over key and timestamp, in lower-case hex."""
    return hashlib.sha256(f"{auth_key}{timestamp}".encode()).hexdigest()[24:40]


def fault_of(headers: Mapping[str, str], account: Account, *, now_ms: int) -> int:
    """The code that a request is refused with; 0 if it is signed. Any case of header names."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    match = KEYTIME.fullmatch(given.get("authorization", ""))
    if match is None:
        return 1101
    devid, timestamp, signature = match.groups()
    if devid != account.devid:
        return 1100
    in_time = abs(int(timestamp) - now_ms) <= VALID_MS
    wanted = keytime(account.auth_key, timestamp)
    signed = hmac.compare_digest(wanted.encode(), signature.encode())
    return 0 if in_time and signed else 1101
