"""How many requests a second an app may send."""

from dataclasses import dataclass

from chalicelib.core.errors import RateExceeded
from chalicelib.core.tenants import App


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: int


class RateLimiter:
    """A token bucket per app, one second deep, in this process's memory.

    Costs no call. Each of several processes grants the rate by itself: the bound on all of them
    together is API Gateway's (docs/decisions/010-rate-per-process.md).
    """

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def take(self, app: App, *, now: int) -> int:
        """Takes one request's token (`now` in epoch ms); returns how many are left. Raises
        RateExceeded."""
        bucket = self._buckets.setdefault(app.name, _Bucket(tokens=app.rate, at=now))
        gained = max(0, now - bucket.at) * app.rate / 1000
        bucket.tokens = min(app.rate, bucket.tokens + gained)
        bucket.at = max(bucket.at, now)
        if bucket.tokens < 1:
            raise RateExceeded("too many requests a second")
        bucket.tokens -= 1
        return int(bucket.tokens)
