"""JSON objects as dataclasses, and values of requests as JSON."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from types import UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What `read` raises for an object that is not one of its kind."""

Time = datetime | str | int
Day = date | str
"""A moment in a request: a datetime with its time zone, text as RFC 3339 has it, or epoch ms."""


def read(kind: type[T], raw: Mapping[str, Any]) -> T:
    """The object as an instance of a dataclass. Members that the dataclass does not know are left
    out: the gateway may add some. Raises UNREADABLE."""
    values = {}
    for name, (hint, required) in _fields(cast(Any, kind)).items():
        if required or name in raw:
            values[name] = _value(hint, raw[name])
    return kind(**values)


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    return {
        each.name: (
            hints[each.name],
            each.default is MISSING and each.default_factory is MISSING,
        )
        for each in fields(kind)
    }


def _value(hint: Any, raw: Any) -> Any:
    if raw is None:
        return None
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        (hint,) = (each for each in get_args(hint) if each is not type(None))
        return _value(hint, raw)
    if origin is tuple:
        return tuple(_value(get_args(hint)[0], each) for each in raw)
    if hint is date:
        return date.fromisoformat(raw)
    if hint is datetime:
        return datetime.fromisoformat(raw)
    return read(hint, raw) if is_dataclass(hint) and isinstance(hint, type) else raw


def members(**given: Any) -> dict[str, Any]:
    """A request's members: without those that are None, and times as text."""
    return {name: written(value) for name, value in given.items() if value is not None}


def written(value: Any) -> Any:
    """A value as JSON. Raises ValueError for a datetime without a time zone."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError("a datetime needs a time zone, for example datetime.now(UTC)")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
