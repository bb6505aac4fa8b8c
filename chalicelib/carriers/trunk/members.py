"""The members of a switch's JSON, read one by one; whatever can't be read raises Malformed."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

from chalicelib.carriers import json_text
from chalicelib.core.values import Subscriber

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)

Fields = Mapping[str, Any]

MAX_TEXT = 128
MAX_DIGITS = 24
MAX_ITEMS = 64


class Malformed(ValueError):
    """A message of the switch that can't be read; the text names the field, never its value."""


def parse_json(body: bytes) -> Any:
    """Raises Malformed."""
    try:
        return json_text.parse_json(body)
    except ValueError as error:
        raise Malformed(f"the body is {error}") from None


def object_of(raw: Any) -> Fields:
    """A JSON object."""
    if not isinstance(raw, dict):
        raise Malformed("not a JSON object")
    return raw


def text(fields: Fields, name: str) -> str:
    """Text of 1 to MAX_TEXT characters."""
    value = fields.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT:
        raise Malformed(f"{name}: text of 1 to {MAX_TEXT} characters")
    return value


def time(fields: Fields, name: str = "at") -> int:
    """Epoch ms that have to be there."""
    try:
        return epoch_ms(fields.get(name))
    except Malformed:
        raise Malformed(f"{name}: epoch milliseconds") from None


def epoch_ms(value: Any) -> int:
    """A time after 1970 and before 2286."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 10**13:
        raise Malformed("epoch milliseconds")
    return value


def seconds(value: Any) -> int:
    """How long something took."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 10**9:
        raise Malformed("seconds")
    return value


def items(fields: Fields, name: str) -> list[Any]:
    """A list of at most MAX_ITEMS; empty if there is none."""
    value = fields.get(name, [])
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise Malformed(f"{name}: a list of at most {MAX_ITEMS}")
    return value


def digits(value: Any) -> str:
    """A number of at most MAX_DIGITS digits; a leading plus is taken off."""
    number = value.removeprefix("+") if isinstance(value, str) else ""
    if not (0 < len(number) <= MAX_DIGITS and number.isascii() and number.isdigit()):
        raise Malformed("a number has digits only")
    return number


def optional(fields: Fields, name: str, read: Callable[[Any], _T]) -> _T | None:
    """What `read` makes of it; None for null and for nothing."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        return read(value)
    except (ValueError, TypeError):
        raise Malformed(f"{name}: not a value of this field") from None


def string(value: Any) -> str:
    """Text of at most 2048 characters."""
    if not isinstance(value, str) or len(value) > 2048:
        raise Malformed("text")
    return value


def message(value: Any) -> str:
    """What a message said: as long as the event may be."""
    if not isinstance(value, str):
        raise Malformed("text")
    return value


def person(value: Any) -> Subscriber:
    """A telephone, as `digits`."""
    return Subscriber(digits(value))


def cause(value: Any) -> int:
    """A Q.850 cause."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 127:
        raise Malformed("a Q.850 cause")
    return value


def word(members: type[_E], otherwise: _E) -> Callable[[Any], _E]:
    """One of the protocol's words. A word that we don't know is no reason to lose an event: it
    counts as `otherwise`, and `raw` keeps it."""

    def read(value: Any) -> _E:
        given = string(value)
        return members(given) if given in set(members) else otherwise

    return read
