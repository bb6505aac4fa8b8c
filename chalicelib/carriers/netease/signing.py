"""NetEase's signatures: requests to its API (CheckSum) and its callbacks (MD5 and CheckSum)."""

import hashlib
from collections.abc import Mapping, Sequence

from chalicelib.carriers.signing import signed_with


def check_sum(secret: str, nonce: str, cur_time: str) -> str:
    """Lower hex sha1(AppSecret + Nonce + CurTime), as a request carries it."""
    return _sha1(secret + nonce + cur_time)


def callback_headers(app_key: str, secret: str, body: bytes, *, now: int) -> Mapping[str, str]:
    """The headers of a callback: CurTime in epoch ms (`now`), MD5 = lower hex md5(body),
    CheckSum = lower hex sha1(AppSecret + MD5 + CurTime)."""
    digest = _md5(body)
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
    neither is spared by the other."""
    own = _md5(body)
    same_body = signed_with(digest.encode(), (own,)) is not None
    secret = signed_with(check_sum.encode(), secrets, lambda each: _sha1(f"{each}{own}{cur_time}"))
    return same_body and secret is not None


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _sha1(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
