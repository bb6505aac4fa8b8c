"""The members of a callback, one by one; whatever can't be read raises Unreadable. A form and JSON
that say the same are the same. Times of theirs are epoch seconds, ours epoch ms."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from chalicelib.carriers.json_text import parse_json
from chalicelib.core import numbers
from chalicelib.core.values import Subscriber

Fields = Mapping[str, str]

MAX_FIELDS = 100
MAX_TEXT = 150

_DIGITS = re.compile(r"\+?([0-9]{1,24})", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)


class Unreadable(ValueError):
    """A callback, or a member of one, that we can't read."""


def fields_of(body: bytes) -> Fields:
    """The members of a form or of JSON, whichever it looks like: a type in a header may be wrong,
    or missing. Null counts as none. Raises Unreadable."""
    pairs = _of_json(body) if body.lstrip().startswith(b"{") else _of_form(body)
    fields = dict(pairs)
    if not fields or len(fields) != len(pairs):
        raise Unreadable("a member that comes twice, or none")
    return fields


def _of_json(body: bytes) -> list[tuple[str, str]]:
    try:
        parsed = parse_json(body)
        return [(name, _as_text(value)) for name, value in parsed.items() if value is not None]
    except (ValueError, RecursionError):
        raise Unreadable("not JSON") from None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _of_form(body: bytes) -> list[tuple[str, str]]:
    try:
        # A text in another encoding is no reason to lose the call that it belongs to.
        text = body.decode(errors="replace").strip("\r\n")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Unreadable("too many members") from None


def canonical(fields: Fields) -> str:
    """The same text for the same members in any order and form."""
    return json.dumps(sorted(fields.items()))


def text(fields: Fields, name: str, *, most: int = MAX_TEXT) -> str:
    """Text of at most `most` characters; empty if there is none."""
    value = fields.get(name, "")
    if len(value) > most:
        raise Unreadable(name)
    return value


def identifier(fields: Fields, name: str) -> str:
    """Text that is not empty."""
    value = text(fields, name)
    if not value:
        raise Unreadable(name)
    return value


def seconds(fields: Fields, name: str) -> int | None:
    """A whole number below 10 ** 10; None if there is none."""
    value = fields.get(name, "")
    if value and not _SECONDS.fullmatch(value):
        raise Unreadable(name)
    return int(value) if value else None


def time(fields: Fields, name: str) -> int | None:
    """Epoch ms; None if there is none, or zero."""
    value = seconds(fields, name)
    return value * 1000 if value else None


def digits(fields: Fields, name: str) -> str | None:
    """A number as it stands there. One that is not shown is empty, or in words: only digits are
    one."""
    found = _DIGITS.fullmatch(fields.get(name, ""))
    return found[1] if found else None


def telephone(fields: Fields, name: str) -> Subscriber | None:
    """A national number, or another country's with its `+` or `00`; known as in `digits`."""
    found = _DIGITS.fullmatch(fields.get(name, ""))
    return Subscriber(numbers.reported(found[0])) if found else None
