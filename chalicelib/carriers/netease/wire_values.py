"""How NetEase writes times and numbers. Its times are in UTC+8, ours epoch ms."""

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

from chalicelib.carriers import callback_members, number_text
from chalicelib.core import numbers
from chalicelib.core.subscribers import Subscriber

COMPACT = "%Y%m%d%H%M%S"
SPACED = "%Y-%m-%d %H:%M:%S"

_UTC8 = timezone(timedelta(hours=8))
_COMPACT = re.compile(r"([0-9]{8})([0-9]{6})([^0-9].*)?", re.ASCII)


def as_time(value: Any) -> int:
    """Epoch ms of a time in one of the two forms or in another one of ISO 8601, which is in UTC+8
    if it names no zone, or of an epoch time. Raises ValueError."""
    compact = _COMPACT.fullmatch(callback_members.as_text(value).strip())
    iso = f"{compact[1]}T{compact[2]}{compact[3] or ''}" if compact else value
    return callback_members.epoch_ms(iso, _UTC8)


def written(at: int, form: str) -> str:
    """A time (epoch ms) in one of the two forms."""
    return f"{datetime.fromtimestamp(at // 1000, _UTC8):{form}}"


def as_person(value: Any) -> Subscriber | None:
    """A number with country code, as the document has it; one that is a Chinese mobile without it,
    or that is none with it, as it is written inside China. None for one that is not shown. Raises
    ValueError."""
    written = number_text.spelled(callback_members.as_text(value))
    if written is not None and numbers.possible(written) and not numbers.is_mobile(written):
        return Subscriber(written)
    return as_national_person(value)


def as_national_person(value: Any) -> Subscriber | None:
    """A number as it is written inside China, or with `+` or 00; None for one that is not shown.
    Raises ValueError."""
    digits = number_text.reported(callback_members.as_text(value))
    return Subscriber(digits) if digits is not None else None


def compact(value: Any) -> str:
    """JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
