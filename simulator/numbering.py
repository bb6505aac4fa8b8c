"""How one telephone's number is written: with country code, or as it is dialled inside China."""

import re
from collections.abc import Iterable

CHINA = "86"
MOBILE = re.compile(r"1[0-9]{10}")
LANDLINE = re.compile(r"0[1-9][0-9]{7,11}")
# Numbers of services, of things, and of the 700 segment: dialled alike from everywhere.
SPECIAL = re.compile(
    r"[48]00[0-9]{7}|9[56][0-9]{3,6}|950[0-9]{7,8}|1[012][0-9]{3}|106[0-9]{10}|14[0-9]{11}|700[0-9]{12}"
)


def international(number: str) -> str:
    """With 86 if it is a mobile number of 11 digits, a landline's with the 0 of its area code, or
    a special one; anything else as it is."""
    if MOBILE.fullmatch(number) or SPECIAL.fullmatch(number):
        return CHINA + number
    return CHINA + number[1:] if LANDLINE.fullmatch(number) else number


def national(number: str) -> str:
    """Without 86, a landline's with a 0; anything else as it is."""
    if not number.startswith(CHINA):
        return number
    rest = number.removeprefix(CHINA)
    return rest if MOBILE.fullmatch(rest) or SPECIAL.fullmatch(rest) else f"0{rest}"


class Held:
    """Numbers, each found however it is written."""

    def __init__(self, numbers: Iterable[str]) -> None:
        self._numbers = {national(number): number for number in numbers}

    def find(self, number: str) -> str | None:
        """As it stands among them; None if it does not."""
        return self._numbers.get(national(number))
