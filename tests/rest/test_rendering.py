"""Cells that a spreadsheet would run."""

import csv
import io
from typing import Any

import pytest

from chalicelib.core.calls.events import EventKind
from chalicelib.core.calls.merging import record_of
from chalicelib.core.calls.model import Call, Delivery, EventKey, Progress, Stored
from chalicelib.rest.rendering import Renderer
from chalicelib.services.calls.records import Entry
from tests.core.samples import event

KEY = EventKey("-" + "c" * 21, "e" * 22)


def row(**more: Any) -> dict[str, str]:
    stored = Stored(KEY, event(EventKind.CALL_ENDED, 1_000, **more), Progress(Delivery.DELIVERED))
    record = record_of(Call(KEY.call, "demo", 1, (stored,)))
    assert record is not None
    renderer = Renderer(lambda *_: "=ref", lambda each: each)
    text = renderer.csv("demo", [Entry(record, ())], now=2_000).decode()
    (cells,) = csv.DictReader(io.StringIO(text, newline=""))
    return cells


@pytest.mark.parametrize(
    "evil", ["=1+1", "+1+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "-1 " + "x" * 22, "-x|cmd!A0"]
)
def test_a_formula_is_text(evil: str) -> None:
    assert row(number=evil)["number"] == f"'{evil}"


@pytest.mark.parametrize("plain", ["8610000000001 ", "a=1", "'", " =1", 'a"b', "a,b\r\nc", ""])
def test_anything_else_is_as_it_is(plain: str) -> None:
    assert row(number=plain)["number"] == plain


def test_a_number_is_a_number() -> None:
    assert row(number="8610000000001")["number"] == "+8610000000001"
    assert row(number="700000000000001")["number"] == "+86700000000000001"


def test_a_digest_is_what_it_is_also_with_a_hyphen() -> None:
    assert row()["id"] == KEY.call
