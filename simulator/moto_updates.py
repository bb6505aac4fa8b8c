"""Updates for moto's DynamoDB (5.2.5) that cost what they change.

moto walks through the tree of an update some twenty times to check it. Here the usual actions are
done as they stand; whatever else an expression has, or has wrong, is moto's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from moto.dynamodb.comparisons import create_condition_expression_parser
from moto.dynamodb.exceptions import (
    ConditionalCheckFailed,
    ItemSizeToUpdateTooLarge,
)
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

_MOTO_UPDATE = DynamoDBBackend.update_item
_CLAUSE = re.compile(r"\b(SET|REMOVE|ADD)\s")
_NAME = r"\s*(#?\w+)\s*"
_ACTIONS = {
    "SET": re.compile(rf"{_NAME}=\s*(:\w+)\s*"),
    "DEFAULT": re.compile(rf"{_NAME}=\s*if_not_exists\(\s*(#?\w+)\s*,\s*(:\w+)\s*\)\s*"),
    "REMOVE": re.compile(_NAME),
    "ADD": re.compile(rf"{_NAME}\s(:\w+)\s*"),
}
_COMMA = re.compile(r",(?![^(]*\))")

MOST_BYTES = 400 * 1024

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """What becomes of one attribute: SET, DEFAULT (set unless it is there), REMOVE or ADD."""

    kind: str
    name: str
    value: str = ""


def install() -> None:
    """Puts the function below in the place of moto's."""
    DynamoDBBackend.update_item = update_item


def update_item(
    self: DynamoDBBackend,
    table_name: str,
    key: dict[str, dict[str, Any]],
    update_expression: str,
    expression_attribute_names: dict[str, Any] | None = None,
    expression_attribute_values: dict[str, Any] | None = None,
    attribute_updates: dict[str, Any] | None = None,
    expected: dict[str, Any] | None = None,
    condition_expression: str | None = None,
    return_values_on_condition_check_failure: str | None = None,
) -> Item:
    """UpdateItem."""
    names, values = expression_attribute_names or {}, expression_attribute_values or {}
    table = self.get_table(table_name)
    actions = _named(parsed(update_expression or ""), names)
    item = self.get_item(table_name, key)
    if attribute_updates or expected or not _usual(table, item, actions, values):
        return _MOTO_UPDATE(
            self,
            table_name,
            key,
            update_expression,
            expression_attribute_names,
            expression_attribute_values,
            attribute_updates,
            expected,
            condition_expression,
            return_values_on_condition_check_failure,
        )
    holds = create_condition_expression_parser(condition_expression, names, values).parse()
    if not holds.expr(item):
        told = return_values_on_condition_check_failure == "ALL_OLD" and item is not None
        raise ConditionalCheckFailed(item=item.to_json()["Attributes"] if told else None)
    attributes = dict(item.attrs) if item else {each: DynamoType(key[each]) for each in key}
    for action in actions:
        _DO[action.kind](attributes, action.name, values.get(action.value))
    if sum(len(name.encode()) + each.size() for name, each in attributes.items()) > MOST_BYTES:
        raise ItemSizeToUpdateTooLarge
    item = item or table.put_item(dict(key))
    item.attrs = LimitedSizeDict(attributes)
    return item


@lru_cache(1000)
def parsed(expression: str) -> tuple[Action, ...]:
    """Its actions; none if there is anything unusual in it."""
    before, *parts = _CLAUSE.split(expression)
    actions: list[Action] = []
    for clause, text in zip(parts[::2], parts[1::2], strict=True):
        for each in _COMMA.split(text):
            action = _action(clause, each)
            if action is None:
                return ()
            actions.append(action)
    names = [action.name for action in actions]
    reserved = {name.upper() for name in names} & _reserved()
    usual = not before.strip() and not reserved and len(set(parts[::2])) == len(parts[::2])
    return tuple(actions) if usual else ()


def _action(clause: str, text: str) -> Action | None:
    if found := _ACTIONS[clause].fullmatch(text):
        return Action(clause, *found.groups())
    found = _ACTIONS["DEFAULT"].fullmatch(text) if clause == "SET" else None
    if found is None or found[1] != found[2]:
        return None
    return Action("DEFAULT", found[1], found[3])


@lru_cache(1)
def _reserved() -> frozenset[str]:
    return frozenset(ReservedKeywords.get_reserved_keywords())


def _named(actions: tuple[Action, ...], names: Mapping[str, str]) -> list[Action]:
    return [Action(each.kind, names.get(each.name, each.name), each.value) for each in actions]


def _usual(table: Table, item: Item | None, actions: list[Action], values: Values) -> bool:
    """Whether each attribute is named once, is no key of the table, and gets a value that it may
    have."""
    names = [action.name for action in actions]
    if not names or len(set(names)) < len(names) or any(name.startswith("#") for name in names):
        return False
    if table.stream_shard is not None or set(names) & set(table.table_key_attrs):
        return False
    indexed = {each["AttributeName"]: each["AttributeType"] for each in table.attr}
    for action in actions:
        if action.kind == "REMOVE":
            continue
        (kind, content), *more = values.get(action.value, {"": ""}).items()
        before = item.attrs.get(action.name) if item is not None else None
        if more or kind not in ("S", "N", "B", "BOOL") or not str(content):
            return False
        if action.name in indexed and indexed[action.name] != kind:
            return False
        if action.kind == "ADD" and {kind, before.type if before else kind} != {"N"}:
            return False
    return True


def _set(attributes: dict[str, DynamoType], name: str, value: Any) -> None:
    attributes[name] = DynamoType(value)


def _default(attributes: dict[str, DynamoType], name: str, value: Any) -> None:
    if name not in attributes:
        attributes[name] = DynamoType(value)


def _add(attributes: dict[str, DynamoType], name: str, value: Any) -> None:
    before = attributes.get(name)
    attributes[name] = before + DynamoType(value) if before else DynamoType(value)


_DO: dict[str, Callable[[dict[str, DynamoType], str, Any], object]] = {
    "SET": _set,
    "DEFAULT": _default,
    "REMOVE": lambda attributes, name, _: attributes.pop(name, None),
    "ADD": _add,
}
