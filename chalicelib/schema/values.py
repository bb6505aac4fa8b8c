"""The conventions of our own API and events: numbers, times, durations, texts, choices."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from chalicelib.core import numbers
from chalicelib.core.durations import NEVER
from chalicelib.core.subscribers import Subscriber
from chalicelib.schema.types import Json, Scalar, Schema

_E = TypeVar("_E", bound=StrEnum)

_SEPARATORS = re.compile(r"[ \u00a0()-]")
_DIGITS = re.compile(r"\+?([0-9]{3,24})", re.ASCII)
_E164 = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)
_SEGMENT_700 = re.compile(r"86(700[0-9]{12})", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d):(\d\d)(?:\.(\d+))?([Zz]|[+ -]\d\d:\d\d)", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_INTEGER = 2**53


def digits_of(raw: Json) -> str:
    """The digits of a telephone number as people write it: with or without `+`, with blanks,
    hyphens and brackets. Raises ValueError."""
    found = _DIGITS.fullmatch(_SEPARATORS.sub("", raw)) if isinstance(raw, str) else None
    if found is None:
        raise ValueError
    return found[1]


def _read_person(raw: Json) -> Subscriber:
    digits = digits_of(raw)
    if not numbers.possible(digits):
        raise ValueError
    return Subscriber(digits)


def _read_anybody(raw: Json) -> Subscriber:
    digits = digits_of(raw)
    if not _E164.fullmatch(digits):
        raise ValueError
    return Subscriber(digits)


def _read_x(raw: Json) -> str:
    digits = digits_of(raw)
    segment_700 = _SEGMENT_700.fullmatch(digits)
    return segment_700[1] if segment_700 else digits


def show_person(person: Subscriber) -> str:
    """E.164 with `+`; what a carrier reported that can't be E.164 stays as it is."""
    return f"+{person.digits}" if _E164.fullmatch(person.digits) else person.digits


def show_x(number: str) -> str:
    """X as everybody dials it: E.164 with `+`, one of China's 700 segment behind +86."""
    dialled = numbers.with_country_code(number)
    return f"+{dialled}" if dialled.isascii() and dialled.isdigit() else dialled


def read_time(raw: Json) -> int:
    """Epoch ms of RFC 3339 or of epoch ms. Times before 1970 are the first moment, times after 9998
    never come. Raises ValueError."""
    if isinstance(raw, str):
        return _read_rfc_3339(raw)
    return min(max(0, read_integer(raw)), NEVER)


def _read_rfc_3339(text: str) -> int:
    found = _RFC_3339.fullmatch(text)
    if found is None:
        raise ValueError
    day, minutes, seconds, part, zone = found.groups()
    # A plus sign that was not encoded arrives in a query string as a blank.
    zone = zone.replace(" ", "+").upper()
    # A leap second is the first moment of the next minute, and Python has no year 0.
    second, day = min(int(seconds), 59), day if day[:4] != "0000" else f"0001{day[4:]}"
    if int(seconds) > 60:
        raise ValueError
    moment = datetime.fromisoformat(f"{day}T{minutes}:{second:02d}+00:00")
    offset = timedelta() if zone == "Z" else _offset(zone)
    ms = (moment - _EPOCH - offset) // timedelta(milliseconds=1)
    ms += int(((part or "") + "000")[:3]) + (1000 if int(seconds) == 60 else 0)
    return min(max(0, ms), NEVER)


def _offset(zone: str) -> timedelta:
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)


def show_time(at: int) -> str:
    """RFC 3339 in UTC with milliseconds. From whole numbers: a float would be off by one now and
    then."""
    moment = _EPOCH + timedelta(seconds=at // 1000)
    return f"{moment.isoformat()[:19]}.{at % 1000:03d}Z"


def read_integer(raw: Json) -> int:
    """A whole number, as JSON knows it: 1.0 is one. Raises ValueError."""
    whole = isinstance(raw, int) or (isinstance(raw, float) and raw.is_integer())
    if not whole or isinstance(raw, bool) or abs(raw) > _MOST_INTEGER:
        raise ValueError
    return int(raw)


def _integer_of(text: str) -> Json:
    return int(text) if _INTEGER.fullmatch(text) else text


PERSON = Scalar(
    'must be a telephone number with country code, for example "+8613512345678"',
    "+447700900001",
    {"type": "string", "pattern": r"^\+?[0-9]{1,24}$"},
    _read_person,
    show_person,
    # Blanks, hyphens and brackets do no harm either, but a generated client need not send them.
    read_as={"type": "string", "pattern": rf"^\+?{numbers.pattern()}$"},
)
"""A person's number that can be bound or called: possible in its country's numbering plan."""

ANYBODY = Scalar(
    'must be a telephone number with country code, for example "+8613512345678"',
    "+447700900001",
    PERSON.written,
    _read_anybody,
    show_person,
    read_as={"type": "string", "pattern": r"^\+?[1-9][0-9]{6,14}$"},
)
"""A number that somebody may have called from, whether it is possible or not."""

ANOTHER = replace(ANYBODY, example="+447700900002")
"""The same, of a second person."""

PROXY_NUMBER = Scalar(
    'must be a proxy number, for example "+442071838750"',
    "+442071838750",
    {"type": "string"},
    _read_x,
    show_x,
    read_as={"type": "string", "pattern": r"^\+?[0-9]{3,24}$"},
)
"""X, as the gateway knows it: digits with country code, of the 700 segment without."""

TIMESTAMP = Scalar(
    'must be a time as "2026-11-26T12:00:00Z", or in epoch ms',
    "2026-11-26T12:00:00.000Z",
    {"type": "string", "format": "date-time"},
    read_time,
    show_time,
    read_as={
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "integer", "minimum": -_MOST_INTEGER, "maximum": _MOST_INTEGER},
        ]
    },
    of_text=_integer_of,
)
"""A moment, in epoch ms inside the gateway."""


def _read_date(raw: Json) -> int:
    if not isinstance(raw, str) or not _DATE.fullmatch(raw):
        raise ValueError
    day = datetime.fromisoformat("0001" + raw[4:] if raw[:4] == "0000" else raw)
    return (day.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def _show_date(begins: int) -> str:
    return show_time(begins)[:10]


DATE = Scalar(
    'must be a day (UTC) as "2026-11-21"',
    "2026-11-21",
    {"type": "string", "format": "date"},
    _read_date,
    _show_date,
)
"""A day in UTC: inside the gateway the epoch ms at which it begins."""


def _read_boolean(raw: Json) -> bool:
    if raw is True or raw is False:
        return bool(raw)
    raise ValueError


BOOLEAN: Scalar[bool] = Scalar(
    "must be true or false",
    True,
    {"type": "boolean"},
    _read_boolean,
    of_text=lambda text: {"true": True, "false": False}.get(text, text),
)


def integer(*, least: int, most: int, example: int | None = None, what: str = "") -> Scalar[int]:
    """A whole number within these limits."""

    def read(raw: Json) -> int:
        value = read_integer(raw)
        if not least <= value <= most:
            raise ValueError
        return value

    wanted = f"must be {what or 'a whole number'} from {least} to {most}"
    schema: Schema = {"type": "integer", "minimum": least, "maximum": most}
    return Scalar(wanted, least if example is None else example, schema, read, of_text=_integer_of)


def duration_s(*, least: int, most: int, example: int) -> Scalar[int]:
    """A duration in seconds; the member's name ends in `_s`."""
    return integer(least=least, most=most, example=example, what="a number of seconds")


CALL_LENGTH = duration_s(least=1, most=86_400, example=600)
"""How long a call lasts at most, in seconds."""


def count(example: int = 0) -> Scalar[int]:
    """A number that we counted."""
    return Scalar(
        "must be a whole number", example, {"type": "integer", "minimum": 0}, read_integer
    )


def text(
    example: str, *, most: int, least: int = 0, pattern: str | None = None, wanted: str = ""
) -> Scalar[str]:
    """A text of `least` to `most` characters, counted as JSON Schema counts them, that matches
    `pattern` (ASCII, the whole of it) if there is one."""
    matches = re.compile(pattern, re.ASCII).fullmatch if pattern else None
    if not wanted:
        wanted = f"must be a text of {least} to {most:,} characters"

    def read(raw: Json) -> str:
        if not isinstance(raw, str) or not least <= len(raw) <= most:
            raise ValueError
        # Half of a surrogate pair is no character: UnicodeEncodeError is a ValueError.
        raw.encode()
        if matches is not None and not matches(raw):
            raise ValueError
        return raw

    schema: Schema = {"type": "string"}
    if pattern:
        schema["pattern"] = f"^{pattern}$"
    else:
        schema |= ({"minLength": least} if least else {}) | {"maxLength": most}
    return Scalar(wanted, example, schema, read)


USER_DATA = text("order-4711", most=1_024)
"""A client's own text, which comes back as it was sent."""


AREA = text(
    "20",
    most=8,
    pattern=r"[1-9][0-9]{0,7}",
    wanted="must be an area code, digits without a leading zero",
)


def shown_text(example: str) -> Scalar[Any]:
    """A text that we write and nobody sends us."""
    return Scalar("must be a text", example, {"type": "string"}, str, str)


def choice(
    words: type[_E] | Iterable[str], example: str | None = None, *, title: str = ""
) -> Scalar[Any]:
    """One of some words; of an enum its member is read. What is used in several places has a
    `title`: clients that are generated have one type of it."""
    known = {str(word): word for word in words}

    def read(raw: Json) -> Any:
        if not isinstance(raw, str) or raw not in known:
            raise ValueError
        return known[raw]

    def write(value: Any) -> str:
        return str(known[str(value)])

    listed = list(known)
    wanted = (
        f"must be {' or '.join(listed)}"
        if len(listed) < 3
        else f"must be one of {', '.join(listed)}"
    )
    schema: Schema = {"type": "string", "enum": listed}
    return Scalar(wanted, example or listed[0], schema, read, write, title=title)
