"""The numbering plan: what is possible, and that its two spellings never meet another number."""

import phonenumbers
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata, PhoneNumber, ValidationResult

from chalicelib.core import numbers
from chalicelib.core.errors import BadParameter
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import Pool

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)
NATIONAL = st.one_of(
    st.from_regex(r"1[0-9]{10}|0[1-9][0-9]{8,11}|1[0-9]{12}|700[0-9]{12}", fullmatch=True),
    st.from_regex(r"[48]00[0-9]{7}|9[56][0-9]{3,6}|1[012][0-9]{3,6}", fullmatch=True),
)
ANY = st.one_of(
    NATIONAL,
    st.from_regex(r"[0-9]{1,18}", fullmatch=True),
    st.from_regex(r"86[0-9]{3,15}", fullmatch=True),
)


def metadata(code: int) -> list[PhoneMetadata]:
    """What the library knows of each place that has this country code."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]
    if regions == ("001",):
        return [PhoneMetadata.metadata_for_nongeo_region(code)]
    return [PhoneMetadata.metadata_for_region(region) for region in regions]


@pytest.mark.parametrize("code", [code for code in CODES if str(code) != numbers.CHINA])
def test_lengths_are_those_of_libphonenumber(code: int) -> None:
    for total in range(1, 19):
        inside = "2" * (total - len(str(code)))
        judged = (
            phonenumbers.is_possible_number_with_reason(
                PhoneNumber(country_code=code, national_number=int(inside))
            )
            if inside
            else None
        )
        fits = judged == ValidationResult.IS_POSSIBLE and 7 <= total <= 15
        assert numbers.possible(f"{code}{inside}") is fits, (code, total)


@pytest.mark.parametrize("code", [code for code in CODES if code not in (1, 86)])
def test_a_0_behind_the_country_code_is_possible_where_numbers_begin_with_it(code: int) -> None:
    patterns = [each.general_desc.national_number_pattern for each in metadata(code)]
    begins = any(
        regex.fullmatch(pattern, f"0{digit}", partial=True)
        for pattern in patterns
        for digit in "123456789"
    )
    sizes = [n for n in range(7, 16) if numbers.possible(f"{code}{'2' * (n - len(str(code)))}")]
    assert sizes
    for size in sizes:
        rest = "0" + "2" * (size - len(str(code)) - 1)
        assert numbers.possible(f"{code}{rest}") is begins


def test_no_country_has_a_code_that_there_is_not() -> None:
    known = {str(code) for code in CODES}
    for code in range(100, 1000):
        text = str(code)
        if not any(text[:n] in known for n in (1, 2, 3)):
            assert not any(numbers.possible(text + "2" * n) for n in range(1, 13))


@pytest.mark.parametrize("area", range(100))
def test_north_america_has_no_area_that_begins_with_0_but_nobodys(area: int) -> None:
    assert numbers.possible(f"1{area:03d}5550100") is (area > 0)


@pytest.mark.parametrize(
    "text",
    [
        *("", "99999", "861351111222", "86135111122222", "0" * 11, "8610012345678\n"),
        *("+8610012345678", "86 10012345678", "8610012345678a"),
        *("８６１００１２３４５６７８", "٨٦١٠٠١٢٣٤٥٦٧٨"),
    ],
)
def test_what_is_not_possible_is_a_bad_parameter_that_says_what_is_wanted(text: str) -> None:
    for read in (numbers.subscriber, numbers.national_subscriber):
        with pytest.raises(BadParameter) as caught:
            read(text, name="a")
        assert caught.value.name == "a"
        assert "for example" in str(caught.value)
        assert not text or text not in str(caught.value)


@given(NATIONAL)
def test_a_national_number_is_written_as_it_was_read(text: str) -> None:
    digits = numbers.from_national(text)
    if digits is not None:
        assert numbers.national(digits) == text
        assert numbers.reported(text) == digits
        assert numbers.national_or_plus(digits) == text
        # An X of the 700 segment is nobody's telephone.
        assert numbers.possible(digits) is not text.startswith("700")


@given(ANY)
def test_one_telephone_has_one_spelling_inside_and_nothing_reads_as_another(text: str) -> None:
    if numbers.possible(text):
        assert numbers.reported(numbers.national_or_plus(text)) == text
        assert numbers.from_national(f"+{text}") is None
    # Whatever has 86 in front is no national number, so a door can take both.
    assert numbers.from_national(f"86{text}") is None
    # Nor has a possible number its country code twice, or a 0 behind it.
    assert not numbers.possible(f"8686{text}")
    assert not numbers.possible(f"860{text}")


@given(ANY)
def test_an_x_is_found_however_either_side_has_it(text: str) -> None:
    forms = numbers.spellings(text)
    assert text in forms
    for form in forms:
        assert set(numbers.spellings(form)) == set(forms)
        assert numbers.in_pool(text, Pool({form: None})) == form
    assert numbers.in_pool(text, Pool({"123": None})) is None or text == "123"


def test_a_person_abroad_is_no_x_in_china_whose_digits_are_alike() -> None:
    in_china = Pool({"8613105551234": None, "8695123456": None})
    for digits in ("13105551234", "95123456"):
        assert numbers.possible(digits)
        assert numbers.in_pool(digits, in_china)
        assert not numbers.is_x(Subscriber(digits), in_china)
    for x in ("8613105551234", "13105551234"):
        assert numbers.is_x(Subscriber("8613105551234"), Pool({x: None}))
