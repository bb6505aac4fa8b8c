"""How numbers are written inside China, where vendors leave the country code out."""

import re

from chalicelib.core.values import Subscriber

CHINA = "86"

_MOBILE = re.compile(r"1[0-9]{10}", re.ASCII)


def national(person: Subscriber) -> str:
    """Without 86, a landline with a leading 0. A number that does not stand under +86 has no such
    form and stays as it is."""
    return national_digits(person.digits)


def national_digits(digits: str) -> str:
    """The same of any number."""
    if not digits.startswith(CHINA):
        return digits
    rest = digits.removeprefix(CHINA)
    return rest if _MOBILE.fullmatch(rest) else f"0{rest}"


def of_national(digits: str) -> Subscriber:
    """Reads `national`."""
    return Subscriber(international_digits(digits))


def international_digits(digits: str) -> str:
    """Reads `national_digits`: with country code, as E.164."""
    if _MOBILE.fullmatch(digits):
        return CHINA + digits
    return CHINA + digits[1:] if digits.startswith("0") else digits
