"""What our own API reads and writes: numbers, times, texts, choices."""

import random
import re
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from chalicelib.core import numbers
from chalicelib.core.durations import NEVER
from chalicelib.core.subscribers import Subscriber
from chalicelib.schema import values
from chalicelib.schema.types import Invalid, Type

A = Subscriber("447700900001")


def refused(kind: Type[Any], raw: Any) -> str:
    with pytest.raises(Invalid) as caught:
        kind.read(raw)
    ((pointer, detail),) = caught.value.errors
    assert pointer == ""
    return detail


def test_the_documented_pattern_is_the_numbering_plan() -> None:
    matches = re.compile(values.PERSON.accepted()["pattern"], re.ASCII).fullmatch
    rng = random.Random(1)
    codes = [
        *numbers._LENGTHS,
        numbers.CHINA,
        "861",
        "8613",
        "86400",
        "8686",
        "8695",
        "8622",
        "100",
    ]
    seen = set()
    for code in codes:
        for _ in range(300):
            digits = code + "".join(rng.choices("0123456789", k=rng.randrange(3, 14)))
            assert bool(matches(digits)) is bool(matches(f"+{digits}")) is numbers.possible(digits)
            seen.add(numbers.possible(digits))
    assert seen == {True, False}
    assert matches("447700900001")


@pytest.mark.parametrize("kind", [values.PERSON, values.ANYBODY])
@pytest.mark.parametrize(
    "text", ["+447700900001", "447700900001", "+44 (7700) 900-001", " +44 7700 900001"]
)
def test_a_person(kind: Type[Any], text: str) -> None:
    assert kind.read(text) == A
    assert kind.write(A) == "+447700900001"


@pytest.mark.parametrize(
    "raw",
    ["", "+", "07700900001", "++447700900001", "4477009000xx", "44", 447700900001, None, "٤" * 9],
)
def test_nobody(raw: Any) -> None:
    for kind in (values.PERSON, values.ANYBODY):
        assert "with country code" in refused(kind, raw)


def test_who_may_have_called_need_not_be_possible() -> None:
    refused(values.PERSON, "+861234567")
    assert values.ANYBODY.read("+861234567") == Subscriber("861234567")
    # What a carrier reports that is no E.164 stays as it is.
    assert values.ANYBODY.write(Subscriber("1001")) == "1001"


@pytest.mark.parametrize(
    ("text", "number", "written"),
    [
        ("+442071838750", "442071838750", "+442071838750"),
        ("8610000000001", "8610000000001", "+8610000000001"),
        ("+86 700000000000001", "700000000000001", "+86700000000000001"),
        ("700000000000001", "700000000000001", "+86700000000000001"),
        ("+13105551234", "13105551234", "+13105551234"),
    ],
)
def test_a_proxy_number(text: str, number: str, written: str) -> None:
    assert values.PROXY_NUMBER.read(text) == number
    assert values.PROXY_NUMBER.write(number) == written
    assert values.PROXY_NUMBER.read(written) == number


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-15T08:01:15.007Z", 1_768_464_075_007),
        ("2026-01-15t08:01:15.0079999z", 1_768_464_075_007),
        ("2026-01-15 16:01:15.007+08:00", 1_768_464_075_007),
        # A plus sign that was not encoded.
        ("2026-01-15T16:01:15.007 08:00", 1_768_464_075_007),
        ("2026-01-15T03:31:15.007-04:30", 1_768_464_075_007),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        (1_768_464_075_007, 1_768_464_075_007),
        (1_768_464_075_007.0, 1_768_464_075_007),
        ("1901-01-01T00:00:00Z", 0),
        ("0000-01-01T00:00:00Z", 0),
        (-5, 0),
        ("9999-12-31T23:59:59-23:59", NEVER),
        (2**53, NEVER),
    ],
)
def test_a_moment(raw: Any, at: int) -> None:
    assert values.TIMESTAMP.read(raw) == at


@pytest.mark.parametrize(
    "raw",
    [
        *("", "2026-01-15", "2026-01-15T08:01:15", "2026-02-30T00:00:00Z", "2026-01-15T24:00:00Z"),
        *("2026-01-15T08:01:61Z", "2026-01-15T08:01:15+24:00", "1768464075007", "now"),
        *(True, None, [], {}, 1.5, float("inf"), 2**53 + 2),
    ],
)
def test_no_moment(raw: Any) -> None:
    assert "epoch ms" in refused(values.TIMESTAMP, raw)


@given(st.integers(0, NEVER))
def test_a_moment_is_read_as_it_was_written(at: int) -> None:
    written = values.TIMESTAMP.write(at)
    assert values.TIMESTAMP.read(written) == at
    assert len(written) == 24


def test_in_a_query_string_epoch_ms_are_digits() -> None:
    assert values.TIMESTAMP.read_text("1768464075007") == 1_768_464_075_007
    assert values.TIMESTAMP.read_text("-1") == 0


def test_a_day() -> None:
    assert values.DATE.read("2026-01-14") == 1_768_348_800_000
    assert values.DATE.write(1_768_348_800_000) == "2026-01-14"
    for raw in ("2026-1-14", "2026-02-30", "20260114", 20260114, None):
        assert 'as "2026' in refused(values.DATE, raw)


def test_text_is_measured_in_characters_as_json_schema_does() -> None:
    four = values.text("x", most=4, least=1)
    assert four.read("订单é🦊") == "订单é🦊"
    for raw in ("", "ééééé", "\ud800", 5, None):
        assert refused(four, raw) == "must be a text of 1 to 4 characters"


def test_numbers_and_choices() -> None:
    class Colour(StrEnum):
        RED = "red"
        BLUE = "blue"

    ten = values.duration_s(least=1, most=10, example=5)
    assert (ten.read(10), ten.read(2.0), ten.read_text("3")) == (10, 2, 3)
    for raw in (0, 11, True, "3", 1.5, None, 10**400):
        assert refused(ten, raw) == "must be a number of seconds from 1 to 10"
    colour = values.choice(Colour)
    assert colour.read("red") is Colour.RED
    assert colour.write(Colour.BLUE) == "blue"
    assert refused(colour, "RED") == "must be red or blue"
    with pytest.raises(KeyError):
        colour.write("green")
    assert values.BOOLEAN.read(False) is False
    assert values.BOOLEAN.read_text("true") is True
    for raw in (0, "true", None):
        refused(values.BOOLEAN, raw)


@pytest.mark.parametrize(
    "kind",
    [
        *(values.PERSON, values.ANYBODY, values.PROXY_NUMBER, values.TIMESTAMP, values.DATE),
        *(values.BOOLEAN, values.count(3), values.integer(least=1, most=5)),
    ],
)
def test_examples_are_right(kind: Type[Any]) -> None:
    for schema in (kind.schema(), kind.accepted()):
        Draft202012Validator.check_schema(schema)
        Draft202012Validator(schema).validate(kind.example)
    assert kind.write(kind.read(kind.example)) == kind.example


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("442071838750", "+442071838750"),
        ("8610070000001", "+8610070000001"),
        ("13105551234", "+13105551234"),
        ("01082325588", "+861082325588"),
        ("4001234567", "+864001234567"),
        ("700000000000001", "+86700000000000001"),
    ],
)
def test_an_x_is_shown_as_everybody_dials_it(number: str, shown: str) -> None:
    assert values.PROXY_NUMBER.write(number) == shown
