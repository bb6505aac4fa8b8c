"""How NetEase writes times and numbers. Its times are in UTC+8, ours epoch ms."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.carriers import callback_reader, number_text
from chalicelib.carriers.callback_reader import END_OF_TIME, MAX_ID, BadValue
from chalicelib.core import numbers
from chalicelib.core.values import Subscriber

COMPACT = "%Y%m%d%H%M%S"
SPACED = "%Y-%m-%d %H:%M:%S"

_UTC8 = timedelta(hours=8)
_FORMS = {
    COMPACT: re.compile(r"[0-9]{14}", re.ASCII),
    SPACED: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII),
}


def as_time(value: Any) -> int:
    """Epoch ms of a time in one of the two forms, or of an epoch time. Raises ValueError."""
    text = callback_reader.as_text(value, most=MAX_ID).strip()
    form = next((form for form, shape in _FORMS.items() if shape.fullmatch(text)), None)
    if form is None:
        return callback_reader.epoch_ms(value)
    try:
        at = datetime.strptime(text, form).replace(tzinfo=UTC) - _UTC8
    except OverflowError:
        raise BadValue("no time of ours") from None
    ms = int(at.timestamp()) * 1000
    if not 0 < ms < END_OF_TIME:
        raise BadValue("no time of ours")
    return ms


def written(at: int, form: str) -> str:
    """A time (epoch ms) in one of the two forms."""
    return f"{datetime.fromtimestamp(at // 1000, UTC) + _UTC8:{form}}"


def as_person(value: Any) -> Subscriber | None:
    """A number with country code; None for one that is not shown. Raises ValueError."""
    digits = callback_reader.as_number(value)
    return Subscriber(digits) if digits else None


def as_national_person(value: Any) -> Subscriber | None:
    """A number as it is written inside China, or with `+` or 00; None for one that is not shown.
    Raises ValueError."""
    spelled = number_text.spelled(callback_reader.as_text(value, most=MAX_ID))
    return Subscriber(numbers.reported(spelled)) if spelled is not None else None


def compact(value: Any) -> str:
    """JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
