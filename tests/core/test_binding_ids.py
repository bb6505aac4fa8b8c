"""Binding ids: 26 digits, two + yyyyMMddHHmmss in UTC+8 + ten, as the document's samples show."""

from datetime import UTC, datetime

import pytest

from chalicelib.core.bindings.model import binding_id, handle_of


@pytest.mark.parametrize(
    ("utc", "printed"),
    [
        ("2018-08-08T03:12:18", "20180808111218"),
        ("2025-12-31T15:59:59", "20251231235959"),
        ("2025-12-31T16:00:00", "20260101000000"),
        ("2024-02-28T16:30:00", "20240229003000"),
    ],
)
def test_the_time_stands_in_utc_plus_8(utc: str, printed: str) -> None:
    now = int(datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp() * 1000) + 999
    assert binding_id("028538032951", now) == f"02{printed}8538032951"


def test_the_handle_is_found_again_in_the_id() -> None:
    assert handle_of(binding_id("012345678901", 1_768_464_000_123)) == "012345678901"


def test_the_documents_sample_has_this_shape() -> None:
    assert handle_of("02201808081112188538032951") == "028538032951"


@pytest.mark.parametrize(
    "text", ["", "0" * 25, "0" * 27, "x" * 26, "٠" * 26, "0220180808111218853803295 "]
)
def test_other_texts_are_no_id(text: str) -> None:
    assert handle_of(text) is None
