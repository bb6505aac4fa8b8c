"""NetEase's signatures: requests to its API (CheckSum) and its callbacks (MD5 and CheckSum)."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence


def check_sum(secret: str, nonce: str, cur_time: str) -> str:
    """Lower hex sha1(AppSecret + Nonce + CurTime), as a request carries it."""
    return _sha1(secret + nonce + cur_time)


def is_signed(sent: str, secrets: Sequence[str], *, nonce: str, cur_time: str) -> bool:
    """Whether one of `secrets` made this CheckSum; compared in constant time."""
    given = sent.encode()
    matches = [
        hmac.compare_digest(check_sum(secret, nonce, cur_time).encode(), given)
        for secret in secrets
    ]
    return any(matches)


def callback_headers(app_key: str, secret: str, body: bytes, *, now: int) -> Mapping[str, str]:
    """The headers of a callback: CurTime in epoch ms (`now`), MD5 = lower hex md5(body),
    CheckSum = lower hex sha1(AppSecret + MD5 + CurTime)."""
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return {
        "Content-Type": "application/json",
        "AppKey": app_key,
        "CurTime": str(now),
        "MD5": digest,
        "CheckSum": _sha1(f"{secret}{digest}{now}"),
    }


def is_callback_signed(
    body: bytes, secrets: Sequence[str], *, digest: str, check_sum: str, cur_time: str
) -> bool:
    """Whether this MD5 (`digest`) is that of `body`, and one of `secrets` made this CheckSum;
    both compared in constant time, and neither spared by the other."""
    own = hashlib.md5(body, usedforsecurity=False).hexdigest()
    matches = [
        hmac.compare_digest(_sha1(f"{secret}{own}{cur_time}").encode(), check_sum.encode())
        for secret in secrets
    ]
    return hmac.compare_digest(own.encode(), digest.encode()) & any(matches)


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
