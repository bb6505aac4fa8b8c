"""Dataclasses as attributes of an item or as text to be sealed, and back again.

A field becomes an attribute of its own name and type: text and enums S, int N, bool BOOL, bytes B,
a tuple L, a frozenset SS or NS, another dataclass M. A field that is as its default says is left
out, and what is left out is read as the default, or as None: a later version may add fields with
defaults, and reads what an earlier one wrote. A field that a condition names has no default.

A Subscriber is written into sealed text only; an item that would hold one is refused.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from chalicelib.core.subscribers import Subscriber
from chalicelib.store.table import Item

_T = TypeVar("_T")
_Reader = Callable[[Any], Any]


def write(value: object, *, without: Collection[str] = ()) -> Item:
    """The attributes of a dataclass, but for the fields that the caller writes in its own way."""
    return attributes({name: each for name, each in _written(value) if name not in without})


def attributes(values: Mapping[str, Any]) -> Item:
    """Values as typed attributes, or as the values of an expression."""
    return {name: attribute(each) for name, each in values.items()}


def read(cls: type[_T], item: Mapping[str, Any], **known: Any) -> _T:
    """The dataclass that an item was written from; `known` are fields that are not read from it.
    Raises TypeError for an item that lacks one."""
    readers, _ = _plan(cls)
    members = {
        name: plain(each) for name, each in item.items() if name in readers and name not in known
    }
    return _built(cls, members, known)


def attribute(value: Any) -> Item:
    """One typed attribute."""
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(int(value))}
        case str():
            return {"S": str(value)}
        case bytes():
            return {"B": value}
        case tuple():
            return {"L": [attribute(each) for each in value]}
        case frozenset() if all(isinstance(each, int) for each in value):
            return {"NS": [str(each) for each in sorted(value)]}
        case frozenset():
            return {"SS": sorted(value)}
        case Subscriber():
            raise TypeError("a subscriber's number is stored sealed")
    return {"M": write(value)}


def plain(typed: Item) -> Any:
    """What an attribute holds, without its types."""
    ((kind, value),) = typed.items()
    match kind:
        case "N":
            return int(value)
        case "NS":
            return [int(each) for each in value]
        case "L":
            return [plain(each) for each in value]
        case "M":
            return {name: plain(each) for name, each in value.items()}
    return value


def to_text(value: object, *, without: Collection[str] = (), last: str | None = None) -> str:
    """A dataclass as compact JSON, to be sealed. The field `last`, a text that may be long, stands
    behind a line's end as it is: escaped it would take more room."""
    left_out = {*without, last}
    members = {name: _json(each) for name, each in _written(value) if name not in left_out}
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return text if last is None else f"{text}\n{getattr(value, last)}"


def from_text(cls: type[_T], text: str, *, last: str | None = None) -> _T:
    """Reads `to_text`."""
    members, _, rest = text.partition("\n")
    return _built(cls, json.loads(members), {} if last is None else {last: rest})


def _written(value: object) -> Iterable[tuple[str, Any]]:
    """The fields that are not as their defaults say, by name."""
    return [
        (name, each)
        for name, default in _defaults(type(value))
        if (each := getattr(value, name)) is not None and each != default
    ]


def _json(value: Any) -> Any:
    if isinstance(value, Subscriber):
        return value.digits
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    if is_dataclass(value):
        return {name: _json(each) for name, each in _written(value)}
    return value


def _built(cls: type[_T], members: Mapping[str, Any], known: Mapping[str, Any]) -> _T:
    readers, absent = _plan(cls)
    read = {name: readers[name](each) for name, each in members.items() if name in readers}
    return cls(**{**absent, **read, **known})


_DEFAULTS: dict[type, tuple[tuple[str, Any], ...]] = {}
_PLANS: dict[type, tuple[Mapping[str, _Reader], Mapping[str, None]]] = {}


def _defaults(cls: type) -> tuple[tuple[str, Any], ...]:
    """The fields of a dataclass, each with its default."""
    if cls not in _DEFAULTS:
        _DEFAULTS[cls] = tuple((each.name, each.default) for each in fields(cls))
    return _DEFAULTS[cls]


def _plan(cls: type) -> tuple[Mapping[str, _Reader], Mapping[str, None]]:
    """How each field of a dataclass is read, and which of those without a default may be None."""
    if cls not in _PLANS:
        hints = get_type_hints(cls)
        optional = {
            name: None
            for name, default in _defaults(cls)
            if default is MISSING and NoneType in get_args(hints[name])
        }
        _PLANS[cls] = {name: _reader(hints[name]) for name, _ in _defaults(cls)}, optional
    return _PLANS[cls]


def _reader(hint: Any) -> _Reader:
    """What makes a value of this type of a plain one."""
    arguments, origin = get_args(hint), get_origin(hint)
    if NoneType in arguments:
        (hint,) = (each for each in arguments if each is not NoneType)
        return _reader(hint)
    if origin in (tuple, frozenset):
        each = _reader(arguments[0])
        return lambda values: origin(map(each, values))
    if not isinstance(hint, type):
        return _as_is
    if hint is Subscriber or issubclass(hint, Enum):
        return hint
    if is_dataclass(hint):
        return lambda members: _built(hint, members, {})
    return _as_is


def _as_is(value: Any) -> Any:
    return value
