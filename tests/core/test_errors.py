"""The texts of errors: a cause for a person, never a value."""

import pytest

from chalicelib.core import errors


@pytest.mark.parametrize("cause", ["bound", "taken", "cooling"])
def test_a_taken_number_says_by_what(cause: str) -> None:
    error = errors.NumberTaken(cause)
    assert error.cause == cause
    assert str(error) not in {str(errors.NumberTaken(c)) for c in {"bound", "taken"} - {cause}}


@pytest.mark.parametrize("cause", ["area", "cooling", "taken"])
def test_a_lack_of_numbers_says_why(cause: str) -> None:
    error = errors.NoNumber(cause)
    assert error.cause == cause
    assert str(error) not in {str(errors.NoNumber(c)) for c in {"area", "cooling"} - {cause}}
