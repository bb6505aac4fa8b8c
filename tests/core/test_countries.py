"""Which country a number is of: as libphonenumber has it."""

import phonenumbers
import pytest

from chalicelib.core.countries import _OF_CODES, country_of

SHARED = {"GG", "IM", "JE", "VA", "SJ", "CC", "CX", "EH", "YT", "TA", "AX", "BL", "MF", "BQ"}
"""Their numbers can't be told, by the code, from those of a larger country."""


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS - SHARED))
def test_a_number_of_each_country(country: str) -> None:
    example = phonenumbers.example_number(country)
    assert country_of(f"{example.country_code}{example.national_number}") == country


def test_each_code_is_there_once() -> None:
    codes = [each[2:] for each in _OF_CODES.split()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("442071838750", "GB"),
        ("441481960194", "GB"),
        ("8610000000001", "CN"),
        ("700000000000001", "CN"),
        ("14165550123", "CA"),
        ("13105550123", "US"),
        ("77012345678", "KZ"),
        ("000", None),
        ("999", None),
    ],
)
def test_an_x(number: str, country: str | None) -> None:
    assert country_of(number) == country
