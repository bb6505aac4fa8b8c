"""NetEase's signatures: of requests that come, and of callbacks that go."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

VALID_S = 300
MAX_NONCE = 1024
"""The document says 128. The vendor's own PHP sample sends 128 more at each of its calls."""


@dataclass(slots=True)
class Account:
    """A customer's account. `login_secret` encrypts one-click numbers, if not `secret`."""

    key: str
    secret: str
    callback_url: str
    login_secret: str | None = None


def sha1(text: str) -> str:
    """In lower-case hex."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def md5(content: bytes) -> str:
    """In lower-case hex."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def fault_of(headers: Mapping[str, str], account: Account, *, now_ms: int) -> str | None:
    """What the `desc` of the refusal is; None if the request is signed. Any case of header names.

    CheckSum is the SHA-1 of AppSecret, Nonce and CurTime (seconds), and does not cover the body.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    key, nonce = given.get("appkey"), given.get("nonce")
    time_s, checksum = given.get("curtime", ""), given.get("checksum")
    digits = time_s.isascii() and time_s.isdigit()
    if not (key and nonce and checksum and digits and len(nonce) <= MAX_NONCE):
        return "bad http header"
    if key != account.key:
        return "appkey"
    if abs(int(time_s[:20]) * 1000 - now_ms) > VALID_S * 1000:
        return "CurTime is expired"
    wanted = sha1(account.secret + nonce + time_s)
    return None if hmac.compare_digest(wanted.encode(), checksum.encode()) else "checksum"


def callback_headers(account: Account, body: bytes, *, now_ms: int) -> dict[str, str]:
    """CheckSum is the SHA-1 of AppSecret, MD5 and CurTime, which is in milliseconds here."""
    digest, time_ms = md5(body), str(now_ms)
    return {
        "Content-Type": "application/json",
        "AppKey": account.key,
        "CurTime": time_ms,
        "MD5": digest,
        "CheckSum": sha1(account.secret + digest + time_ms),
    }
