"""DynamoDB's expressions as far as the store uses them, parsed once into functions."""

# ruff: noqa: ARG005 - all operands are called alike

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

Item = dict[str, Any]
Names = Mapping[str, str]

_Operand = Callable[[Item, Names, Item], Any]
"""Gives a typed value of DynamoDB (`{"S": "x"}`), None for an attribute that is not there."""
Condition = Callable[[Item, Names, Item], bool]
Change = Callable[[Item, Item, Names, Item], None]
"""Changes the second item, reading from the first, which is as it was before the update."""

_TOKEN = re.compile(r"\s*([#:]?\w+|<=|>=|<>|[=<>(),+\-])")
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
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
    left, sign, right = _operand(reader), reader.take(), _operand(reader)
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


def _operand(reader: _Reader) -> _Operand:
    token = reader.take()
    if token.startswith(":"):
        return lambda item, names, values: values[token]
    if token.startswith("#"):
        return lambda item, names, values: item.get(names[token])
    if not token[0].isalpha():
        raise UnknownExpression(f"{token!r} is no operand")
    return lambda item, names, values: item.get(token)


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
    kinds = {"SET": _set, "REMOVE": _remove, "ADD": _add}
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
        after[_name(target, names)] = value

    return change


def _remove(reader: _Reader) -> Change:
    target = reader.take()
    return lambda before, after, names, values: _drop(after, _name(target, names))


def _add(reader: _Reader) -> Change:
    target, operand = reader.take(), _operand(reader)

    def change(before: Item, after: Item, names: Names, values: Item) -> None:
        name, value = _name(target, names), operand(before, names, values)
        old = before.get(name)
        if "N" in value:
            after[name] = _number(int(old["N"] if old else 0) + int(value["N"]))
        elif "SS" in value:
            after[name] = {"SS": sorted({*(old["SS"] if old else ()), *value["SS"]})}
        else:
            raise UnknownExpression(f"{value} can't be added")

    return change


def _drop(item: Item, name: str) -> None:
    item.pop(name, None)


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
