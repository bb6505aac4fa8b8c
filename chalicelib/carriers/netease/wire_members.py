"""The members of a callback's JSON, one by one, in both directions; whatever can't be read raises
Unreadable. Times of theirs are in UTC+8, ours epoch ms."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.carriers.json_text import parse_json
from chalicelib.core import numbers
from chalicelib.core.values import Subscriber

Fields = Mapping[str, Any]

MAX_TEXT = 150
END_OF_TIME = 10**13
COMPACT = "%Y%m%d%H%M%S"
SPACED = "%Y-%m-%d %H:%M:%S"
DIGITS = re.compile(r"[0-9]{1,24}", re.ASCII)

_UTC8 = timedelta(hours=8)
_FORMS = {
    COMPACT: re.compile(r"[0-9]{14}", re.ASCII),
    SPACED: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII),
}


class Unreadable(ValueError):
    """A callback of a type that we know, with members that we can't read."""


def identifier(fields: Fields, name: str) -> str:
    """Text that is not empty."""
    value = text(fields, name)
    if not value:
        raise Unreadable(name)
    return value


def text(fields: Fields, name: str, *, default: str | None = None, most: int = MAX_TEXT) -> str:
    """Text of at most `most` characters; without a default it has to be there."""
    value = fields.get(name, default)
    if not isinstance(value, str) or len(value) > most:
        raise Unreadable(name)
    return value


def integer(fields: Fields, name: str, *, below: int) -> int:
    """A whole number from 0."""
    value = fields.get(name)
    if type(value) is not int or not 0 <= value < below:
        raise Unreadable(name)
    return value


def time(fields: Fields, name: str, form: str = COMPACT) -> int:
    """Epoch ms of a time in one of the two forms."""
    value = text(fields, name)
    try:
        if not _FORMS[form].fullmatch(value):
            raise Unreadable(name)
        at = datetime.strptime(value, form).replace(tzinfo=UTC) - _UTC8
    except (ValueError, OverflowError):
        raise Unreadable(name) from None
    ms = int(at.timestamp()) * 1000
    if not 0 < ms < END_OF_TIME:
        raise Unreadable(name)
    return ms


def written(at: int, form: str) -> str:
    """A time (epoch ms) in one of the two forms."""
    return f"{datetime.fromtimestamp(at // 1000, UTC) + _UTC8:{form}}"


def inner(fields: Fields, name: str, kind: type) -> Any:
    """JSON that stands as text in JSON."""
    value = fields.get(name)
    try:
        parsed = parse_json(value.encode()) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if not isinstance(parsed, kind):
        raise Unreadable(name)
    return parsed


def telephone(value: Any) -> Subscriber:
    """A national number."""
    if not isinstance(value, str) or not DIGITS.fullmatch(value):
        raise Unreadable("telephone")
    return Subscriber(numbers.reported(value))


def compact(value: Any) -> str:
    """JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
