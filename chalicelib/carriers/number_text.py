"""Telephone numbers as switches and vendors write them: URIs, parameters, separators, prefixes."""

import re
import unicodedata
from urllib.parse import unquote

from chalicelib.core import numbers
from chalicelib.core.credentials import DialPlan

MAX_DIGITS = 24

_SCHEME = re.compile(r"\s*(tel|sips?):", re.IGNORECASE)
_IN_BRACKETS = re.compile(r"<([^<>]*)>")
_CONTEXT = re.compile(r";phone-context=\+([0-9]+)", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s().\u2010-\u2015\u202a-\u202e\u2066-\u2069/-]+")
_NUMBER = re.compile(rf"\+?[0-9]{{1,{MAX_DIGITS}}}", re.ASCII)
_TRUNK_IN_BRACKETS = re.compile(r"^(\s*\+.*)\(0\)")
_HAS_DIGITS = re.compile(r"\d")


class NotANumber(ValueError):
    """Something that has digits and is no telephone number."""


INTERNATIONAL = DialPlan()
"""Numbers stand with their country code, perhaps behind `+` or 00."""


def digits_of(text: str, plan: DialPlan = INTERNATIONAL) -> str | None:
    """The digits of a number, with country code as far as `plan` tells; None for a text that shows
    no number (empty, or in words). Raises NotANumber."""
    number = spelled(text, plan.international_prefix)
    if number is None or number.startswith("+"):
        return number and number[1:]
    return _with_country(number, plan)


def spelled(text: str, international_prefix: str = "00") -> str | None:
    """The digits of a number as they stand there, behind `+` if that, the prefix or a
    `phone-context` (RFC 3966) says that the country code is among them; None for a text that shows
    no number. Raises NotANumber."""
    # Full-width digits are digits.
    user, context = _user_part(unicodedata.normalize("NFKC", text))
    number = _SEPARATORS.sub("", _TRUNK_IN_BRACKETS.sub(r"\1", user))
    if not _HAS_DIGITS.search(number):
        return None
    if not _NUMBER.fullmatch(number):
        raise NotANumber("a number has 1 to 24 digits, for example +8610010000001")
    prefix = international_prefix
    if number.startswith("+"):
        return number
    if prefix and number.startswith(prefix) and len(number) > len(prefix):
        return "+" + number.removeprefix(prefix)
    return f"+{context}{number}" if context else number


def reported(text: str) -> str | None:
    """The digits of a number that a carrier in China reports, with country code (numbers.reported);
    None for a text that shows no number: also for zeros, or a country code, with nothing behind.
    Raises NotANumber."""
    number = spelled(text)
    if number is None or number.lstrip("+0") in ("", numbers.CHINA):
        return None
    return numbers.reported(number)


def _user_part(text: str) -> tuple[str, str]:
    """The part of a URI, or of a text that is none, that can be a number; and the country code that
    `phone-context` (RFC 3966) names, or nothing."""
    bracketed = _IN_BRACKETS.search(text)
    uri = bracketed[1] if bracketed else text
    scheme = _SCHEME.match(uri)
    rest = uri[scheme.end() :] if scheme else uri
    user, at, _ = rest.partition("@")
    if scheme and scheme[1].lower() != "tel" and not at:
        return "", ""  # A SIP URI that is nothing but a host.
    context = _CONTEXT.search(user)
    return unquote(user.split(";", 1)[0].split(":", 1)[0]), context[1] if context else ""


def _with_country(number: str, plan: DialPlan) -> str:
    country, trunk = plan.country_code, plan.trunk_prefix
    if not country:
        return number
    if trunk and number.startswith(trunk) and trunk != country:
        return country + number.removeprefix(trunk)
    is_international = number.startswith(country) and len(number) >= 10
    return number if is_international else country + number
