"""Times as NetEase writes them, in China's time zone, and the ids it makes of them."""

import random
from datetime import UTC, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))


def compact(at_ms: int) -> str:
    """`yyyyMMddHHmmss`."""
    return _china(at_ms).strftime("%Y%m%d%H%M%S")


def readable(at_ms: int) -> str:
    """`yyyy-MM-dd HH:mm:ss`."""
    return _china(at_ms).strftime("%Y-%m-%d %H:%M:%S")


def new_id(prefix: str, now_ms: int, *, digits: int) -> str:
    """Prefix, time, and so many digits of chance, as in `02` + `20180808111218` + ten."""
    return f"{prefix}{compact(now_ms)}{random.randrange(10**digits):0{digits}}"


def _china(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(CHINA)
