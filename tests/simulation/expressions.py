"""DynamoDB's expressions as far as the store uses them, parsed once into functions."""

# ruff: noqa: ARG005 - all operands are called alike

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

Item = dict[str, Any]
Names = Mapping[str, str]

_Operand = Callable[[Item, Names, Item], Any]
"""Gives a typed value of DynamoDB (`{"S": "x"}`), None for an attribute that is not there."""
Condition = Callable[[Item, Names, Item], bool]
Change = Callable[[Item, Item, Names, Item], None]
"""Changes the second item, reading from the first, which is as it was before the update."""

_TOKEN = re.compile(r"\s*([#:]?\w+(?:\.#?\w+)*|<=|>=|<>|[=<>(),+\-])")
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class UnknownExpression(Exception):
    """The simulation does not know this part of DynamoDB's language: add it."""


@cache
def condition(text: str) -> Condition:
    """What a condition, filter or key condition says of an item; {} stands for no item."""
    reader = _Reader(text)
    found = _either(reader)
    reader.ends()
    return found


@cache
def update(text: str) -> Callable[[Item, Names, Item], Item]:
    """What an update makes of an item, which is not changed itself."""
    reader = _Reader(text)
    changes: list[Change] = []
    while not reader.at_end:
        changes += _section(reader)

    def apply(item: Item, names: Names, values: Item) -> Item:
        after = dict(item)
        for change in changes:
            change(item, after, names, values)
        return after

    return apply


class _Reader:
    """The tokens of an expression, one after the other."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._tokens)

    def peek(self) -> str:
        return self._tokens[self._at] if not self.at_end else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise UnknownExpression(f"{wanted or 'more'} wanted, {token!r} found: {self._text}")
        self._at += 1
        return token

    def took(self, *wanted: str) -> bool:
        if self.peek() in wanted:
            self._at += 1
            return True
        return False

    def ends(self) -> None:
        if not self.at_end:
            raise UnknownExpression(f"{self.peek()!r} was not understood: {self._text}")


def _tokens(text: str) -> Iterator[str]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise UnknownExpression(f"{text[at:]!r} was not understood: {text}")
        yield found[1]
        at = found.end()


def _either(reader: _Reader) -> Condition:
    left = _both(reader)
    if not reader.took("OR"):
        return left
    right = _either(reader)
    return lambda item, names, values: left(item, names, values) or right(item, names, values)


def _both(reader: _Reader) -> Condition:
    left = _single(reader)
    if not reader.took("AND"):
        return left
    right = _both(reader)
    return lambda item, names, values: left(item, names, values) and right(item, names, values)


def _single(reader: _Reader) -> Condition:
    if reader.took("NOT"):
        inner = _single(reader)
        return lambda item, names, values: not inner(item, names, values)
    if reader.took("("):
        inner = _either(reader)
        reader.take(")")
        return inner
    if reader.peek() in ("attribute_exists", "attribute_not_exists"):
        wanted = reader.take() == "attribute_exists"
        operand = _arguments(reader, 1)[0]
        return lambda item, names, values: (operand(item, names, values) is not None) == wanted
    if reader.took("begins_with"):
        whole, start = _arguments(reader, 2)
        return lambda item, names, values: _begins(
            whole(item, names, values), start(item, names, values)
        )
    return _comparison(reader)


def _comparison(reader: _Reader) -> Condition:
    left, sign = _operand(reader), reader.take()
    if sign == "IN":
        choices = _list(reader)
        return lambda item, names, values: any(
            _same(left(item, names, values), each(item, names, values)) for each in choices
        )
    right = _operand(reader)
    if sign == "BETWEEN":
        reader.take("AND")
        high = _operand(reader)
        return lambda item, names, values: (
            _compared(left(item, names, values), right(item, names, values), operator.ge)
            and _compared(left(item, names, values), high(item, names, values), operator.le)
        )
    if sign in ("=", "<>"):
        wanted = sign == "="
        return lambda item, names, values: (
            _same(left(item, names, values), right(item, names, values)) == wanted
        )
    if sign not in _COMPARED:
        raise UnknownExpression(f"{sign!r} is no comparison")
    compare = _COMPARED[sign]
    return lambda item, names, values: _compared(
        left(item, names, values), right(item, names, values), compare
    )


def _arguments(reader: _Reader, count: int) -> list[_Operand]:
    reader.take("(")
    found = [_operand(reader)]
    while len(found) < count:
        reader.take(",")
        found.append(_operand(reader))
    reader.take(")")
    return found


def _list(reader: _Reader) -> list[_Operand]:
    reader.take("(")
    found = [_operand(reader)]
    while reader.took(","):
        found.append(_operand(reader))
    reader.take(")")
    return found


def _operand(reader: _Reader) -> _Operand:
    token = reader.take()
    if token.startswith(":"):
        return lambda item, names, values: values[token]
    if not token[0].isalpha() and token[0] != "#":
        raise UnknownExpression(f"{token!r} is no operand")
    if "." in token:
        return lambda item, names, values: _found(item, _path(token, names))
    if token.startswith("#"):
        return lambda item, names, values: item.get(names[token])
    return lambda item, names, values: item.get(token)


def _path(token: str, names: Names) -> list[str]:
    return [_name(each, names) for each in token.split(".")]


def _found(item: Item, path: Sequence[str]) -> Any:
    """What stands at a path through maps; None for nothing."""
    value: Any = {"M": item}
    for name in path:
        value = value.get("M", {}).get(name) if value is not None else None
    return value


def _put(item: Item, path: Sequence[str], value: Any) -> None:
    """Puts a value (None: nothing) in its place; whatever it stands in becomes another one."""
    first, *deeper = path
    if deeper:
        inside = dict(item[first]["M"])
        _put(inside, deeper, value)
        item[first] = {"M": inside}
    elif value is None:
        item.pop(first, None)
    else:
        item[first] = value


def _sum(reader: _Reader) -> _Operand:
    if reader.took("if_not_exists"):
        path, otherwise = _arguments(reader, 2)

        def chosen(item: Item, names: Names, values: Item) -> Any:
            found = path(item, names, values)
            return found if found is not None else otherwise(item, names, values)

        left: _Operand = chosen
    else:
        left = _operand(reader)
    if reader.peek() not in ("+", "-"):
        return left
    sign, right = 1 if reader.take() == "+" else -1, _sum(reader)
    return lambda item, names, values: _number(
        int(left(item, names, values)["N"]) + sign * int(right(item, names, values)["N"])
    )


def _section(reader: _Reader) -> list[Change]:
    kinds = {"SET": _set, "REMOVE": _remove, "ADD": _add, "DELETE": _delete}
    kind = reader.take()
    if kind not in kinds:
        raise UnknownExpression(f"{kind!r} is no section of an update")
    changes = [kinds[kind](reader)]
    while reader.took(","):
        changes.append(kinds[kind](reader))
    return changes


def _set(reader: _Reader) -> Change:
    target = reader.take()
    reader.take("=")
    operand = _sum(reader)

    def change(before: Item, after: Item, names: Names, values: Item) -> None:
        value = operand(before, names, values)
        if value is None:
            raise UnknownExpression(f"{target} is set to an attribute that is not there")
        _put(after, _path(target, names), value)

    return change


def _remove(reader: _Reader) -> Change:
    target = reader.take()
    return lambda before, after, names, values: _put(after, _path(target, names), None)


def _add(reader: _Reader) -> Change:
    target, operand = reader.take(), _operand(reader)

    def change(before: Item, after: Item, names: Names, values: Item) -> None:
        name, value = _name(target, names), operand(before, names, values)
        old = before.get(name)
        if "N" in value:
            after[name] = _number(int(old["N"] if old else 0) + int(value["N"]))
        elif kind := _set_kind(value):
            after[name] = {kind: sorted({*(old[kind] if old else ()), *value[kind]})}
        else:
            raise UnknownExpression(f"{value} can't be added")

    return change


def _delete(reader: _Reader) -> Change:
    target, operand = reader.take(), _operand(reader)

    def change(before: Item, after: Item, names: Names, values: Item) -> None:
        name, value = _name(target, names), operand(before, names, values)
        kind, old = _set_kind(value), before.get(name)
        if not kind:
            raise UnknownExpression(f"{value} can't be deleted")
        left = {*(old[kind] if old else ())} - {*value[kind]}
        if left:
            after[name] = {kind: sorted(left)}
        else:
            # There are no empty sets.
            after.pop(name, None)

    return change


def _set_kind(value: Item) -> str:
    return next((kind for kind in ("SS", "NS") if kind in value), "")


def _name(token: str, names: Names) -> str:
    return names[token] if token.startswith("#") else token


def _number(value: int) -> Item:
    return {"N": str(value)}


def _same(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return False
    if "N" in left and "N" in right:
        return int(left["N"]) == int(right["N"])
    return bool(left == right)


def _compared(left: Any, right: Any, compare: Callable[[Any, Any], bool]) -> bool:
    if left is None or right is None:
        return False
    if "N" in left and "N" in right:
        return compare(int(left["N"]), int(right["N"]))
    ((kind, one),), ((other_kind, other),) = left.items(), right.items()
    return kind == other_kind and compare(one, other)


def _begins(whole: Any, start: Any) -> bool:
    return whole is not None and "S" in whole and whole["S"].startswith(start["S"])
