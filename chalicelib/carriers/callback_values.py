"""Values in callbacks of all carriers: JSON, texts, numbers, times, addresses. Whatever can't be
read raises ValueError."""

import json
import math
import re
import string
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, Self

from chalicelib.carriers import number_text
from chalicelib.core.durations import YEAR_2001_MS

MAX_ID = 255
MAX_URL = 4096
END_OF_TIME = 25 * 10**11
"""2049, in epoch ms. Times stand in the clear where calls are listed by them: what is later, or
between 10 ** 10 and 10 ** 12 (1970 to 2001), is rather somebody's number."""

MAX_DEPTH = 100
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_DECIMAL = re.compile(r"\s*\+?([0-9]{1,24})(\.[0-9]{1,24})?\s*", re.ASCII)
_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_BLANKS = string.whitespace + "\u00a0\u3000\u200b\ufeff"
_AROUND_URLS = ('""', "''", "<>", "\u201c\u201d")
_MAX_INTEGER_DIGITS = 40


class BadValue(ValueError):
    """A value that is none of its member's."""


class JsonObject(dict[str, Any]):
    """A JSON object, and the names of members that came with two values."""

    def __init__(self) -> None:
        super().__init__()
        self.conflicting: set[str] = set()

    @classmethod
    def of_pairs(cls, pairs: list[tuple[str, Any]]) -> Self:
        """Where a member comes as null or empty and again with a value, the value counts."""
        found = cls()
        for name, value in pairs:
            known = found.get(name)
            if not (is_absent(known) or is_absent(value) or _same(known, value)):
                found.conflicting.add(name)
            if name not in found or (is_absent(known) and value is not None):
                found[name] = value
        return found


def parse_json(text: str) -> Any:
    """JSON whose objects are JsonObject; a list or object inside MAX_DEPTH others is null. Raises
    ValueError."""
    return json.loads(
        _without_depths(text), object_pairs_hook=JsonObject.of_pairs, parse_int=_as_int
    )


def _without_depths(text: str) -> str:
    """No member that we read is nested that deep, and no parser has room for any depth."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return text
    kept: list[str] = []
    depth = done = 0
    for found in _NESTING.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += text[done : found.start()], "null"
        elif found[0] in ("]", "}"):
            depth -= 1
            if depth == MAX_DEPTH:
                done = found.end()
    # What never ends is no JSON, and stays that.
    return "".join(kept) + (text[done:] if depth <= MAX_DEPTH else "")


def canonical(values: Any) -> bytes:
    """The same for JSON that says the same."""
    return json.dumps(values, sort_keys=True).encode()


def _as_int(digits: str) -> int | str:
    """A member of thousands of digits is no reason to lose the others."""
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else digits


def is_absent(value: Any) -> bool:
    return value is None or value == ""


def _same(one: Any, other: Any) -> bool:
    """A number and a text that say the same are the same."""
    return str(one) == str(other)


def as_text(value: Any, *, most: int = MAX_ID) -> str:
    """Text of at most `most` characters, or a number as text. Half a surrogate pair becomes a
    question mark. Raises ValueError."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadValue("no text")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadValue("no text")
    text = str(value).encode(errors="replace").decode()
    if len(text) > most:
        raise BadValue("too long")
    return text


def text(most: int) -> Callable[[Any], str]:
    """A reader of text of at most `most` characters."""
    return lambda value: as_text(value, most=most)


def cut(most: int) -> Callable[[Any], str]:
    """A reader of text of which `most` characters will do."""
    return lambda value: as_text(value, most=10**9)[:most]


def whole(below: int) -> Callable[[Any], int]:
    """A reader of whole numbers from 0, also in text, and with parts behind a point, which do not
    count."""

    def read(value: Any) -> int:
        number, _ = _decimal(value)
        if number >= below:
            raise BadValue("too large")
        return number

    return read


def epoch_ms(value: Any, zone: tzinfo = UTC) -> int:
    """Epoch ms of a time before END_OF_TIME: ms, seconds (10 digits), microseconds (16) or
    nanoseconds (19), as a number or in text, with parts behind a point; or ISO 8601, in `zone` if
    it names none. Raises ValueError."""
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        return _in_time(_of_iso(value, zone))
    number, fraction = _decimal(value)
    if 10**9 <= number < 10**10:
        return _in_time(number * 1000 + round(fraction * 1000))
    if number >= 10**18:
        return _in_time(number // 10**6)
    return _in_time(number // 1000 if number >= 10**15 else number)


def _in_time(ms: int) -> int:
    if not 0 < ms < END_OF_TIME or 10**10 <= ms < YEAR_2001_MS:
        raise BadValue("no time of ours")
    return ms


def _of_iso(value: str, zone: tzinfo) -> int:
    try:
        at = datetime.fromisoformat(value.strip())
        at = at if at.tzinfo else at.replace(tzinfo=zone)
        return int(at.timestamp()) * 1000 + at.microsecond // 1000
    except OverflowError:
        raise BadValue("no time of ours") from None


def _decimal(value: Any) -> tuple[int, float]:
    """A number's whole part, and what stands behind the point. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadValue("no number")
    if isinstance(value, float):
        if not (math.isfinite(value) and 0 <= value < 10**20):
            raise BadValue("no number")
        return int(value), value % 1
    found = _DECIMAL.fullmatch(str(value))
    if found is None:
        raise BadValue("no number")
    return int(found[1]), float(f"0{found[2] or ''}")


def as_number(value: Any) -> str | None:
    """The digits of a telephone number that stands with its country code; None for one that is not
    shown. Raises ValueError."""
    return number_text.digits_of(as_text(value))


def as_url(value: Any) -> str | None:
    """An address of at most MAX_URL characters, without the blanks, line breaks, byte order marks,
    quotes and angle brackets that some write around it; None if nothing is left. Raises
    ValueError."""
    found = as_text(value, most=MAX_URL).strip(_BLANKS)
    while len(found) > 1 and found[0] + found[-1] in _AROUND_URLS:
        found = found[1:-1].strip(_BLANKS)
    return found or None


def as_list(value: Any) -> list[Any]:
    """A list, or JSON of one in text. Raises ValueError."""
    parsed = parse_json(value) if isinstance(value, str) else value
    if not isinstance(parsed, list):
        raise BadValue("no list")
    return parsed


def as_md5(value: Any) -> str:
    """An md5 in hex, lower case. Raises ValueError."""
    found = as_text(value).strip().lower()
    if not _MD5.fullmatch(found):
        raise BadValue("no md5")
    return found
