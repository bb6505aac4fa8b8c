"""Objects and lists: every fault at once, with a JSON Pointer and what is wanted."""

from dataclasses import dataclass
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chalicelib.schema.types import (
    Invalid,
    Listed,
    Member,
    Members,
    Nullable,
    Object,
    member,
    of_class,
    shape,
)
from chalicelib.schema.values import ANYBODY, TIMESTAMP, integer, shown_text

SMALL = integer(least=1, most=9)
LEG = shape("Leg", {"a/b": Member(SMALL, "")})


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Something of each."""

    size: int = member(SMALL, "How large.")
    since: int | None = member(TIMESTAMP, "From when on.", default=None)
    name: str | None = member(Nullable(shown_text("x")), "A name.", default="none")
    legs: Any = member(Listed(LEG, least=1, most=3), "Legs.", default=())


TABLE = of_class(Wanted, refused={"person": "must not stand here"})


def wrong(raw: Any, table: Object[Any] = TABLE) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        table.read(raw)
    return {each.pointer: each.detail for each in caught.value.errors}


def test_what_is_read() -> None:
    assert TABLE.read({"size": 3}) == Wanted(size=3)
    assert TABLE.read({"size": 3, "since": None, "name": None}) == Wanted(size=3, name=None)
    assert TABLE.read({"size": 3, "legs": [{"a/b": 1}]}).legs == [{"a/b": 1}]


def test_all_faults_at_once() -> None:
    raw = {"since": "x", "legs": [{"a/b": 0}, {"a/b": 1}, {"c": 2}], "person": 1, "more": 2}
    assert wrong(raw) == {
        "/size": "is missing: must be a whole number from 1 to 9",
        "/since": 'must be a time as "2026-11-26T12:00:00Z", or in epoch ms',
        "/legs/0/a~1b": "must be a whole number from 1 to 9",
        "/legs/2/a~1b": "is missing: must be a whole number from 1 to 9",
        "/legs/2/c": "is no member of this request, these are: a/b",
        "/person": "must not stand here",
        "/more": "is no member of this request, these are: size, since, name, legs",
    }


@pytest.mark.parametrize("raw", [None, [], "x", 1])
def test_not_an_object(raw: Any) -> None:
    assert wrong(raw) == {"": "must be a JSON object"}


def test_lists_have_limits() -> None:
    for raw in ([], [{"a/b": 1}] * 4, {}, None):
        if raw is not None:
            assert wrong({"size": 1, "legs": raw}) == {"/legs": "must be a list of 1 to 3"}
    assert Listed(SMALL).read([]) == []
    assert Listed(SMALL).schema() == {"type": "array", "items": SMALL.schema()}


def test_a_member_that_comes_twice() -> None:
    raw = Members({"size": 1})
    raw.doubled = ("size",)
    assert wrong(raw) == {"/size": "is there twice, send it once"}


def test_a_query_string() -> None:
    assert TABLE.read_query([("size", "3"), ("since", "5")]) == Wanted(size=3, since=5)
    with pytest.raises(Invalid) as caught:
        TABLE.read_query([("size", "3"), ("size", "4"), ("x", "")])
    assert [each.pointer for each in caught.value.errors] == ["/size", "/x"]


@pytest.mark.parametrize("name", ["447700900001", "x" * 65, "tel:+44", "é", "", "a b", "\ud800"])
def test_an_unknown_name_that_may_be_anything_is_not_repeated(name: str) -> None:
    pointers = wrong({"size": 1, name: 2}).keys()
    assert pointers == {"/" + ("x" * 64 if name[:1] == "x" else "***")}


def test_what_is_written_is_what_the_table_says() -> None:
    table = shape(
        "T",
        {
            "who": Member(Nullable(ANYBODY), ""),
            "code": Member(shown_text("c"), "", required=False),
            "secret": Member(Nullable(shown_text("s")), "", secret=True),
        },
    )
    written = table.write({"who": None, "secret": "s"})
    assert written == {"who": None, "secret": "s"}
    assert table.without_secrets(written) == {"who": None, "secret": None}
    for values in ({"who": None}, {"who": None, "secret": None, "other": 1}):
        with pytest.raises(KeyError):
            table.write(values)
    Draft202012Validator(table.schema()).validate(written)
    assert table.schema()["required"] == ["who", "secret"]


def test_schemas() -> None:
    accepted = TABLE.accepted()
    Draft202012Validator.check_schema(accepted)
    assert accepted["required"] == ["size"]
    assert accepted["additionalProperties"] is False
    validator = Draft202012Validator(accepted)
    for raw in ({"size": 3}, {"size": 3, "since": 5, "name": None, "legs": [{"a/b": 1}]}):
        validator.validate(raw)
        TABLE.read(raw)
    for raw in ({}, {"size": 10}, {"size": 1, "legs": []}, {"size": 1, "x": 1}):
        assert not validator.is_valid(raw)
        assert wrong(raw)
    Draft202012Validator(TABLE.schema()).validate(TABLE.example)
    TABLE.read(TABLE.example)
