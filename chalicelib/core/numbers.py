"""The numbering plan: which numbers can be a person's, and how each is written with its country
code and inside China.

Inside the gateway a person's number is E.164 digits: country code first, no `+`. It is possible if
its length and shape are those of its country; whether it is assigned is never asked. X is not
held to this plan (3 to 24 digits), but is converted by it.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping

from chalicelib.core.errors import BadParameter
from chalicelib.core.subscribers import Subscriber

CHINA = "86"
WITH_COUNTRY_CODE = "must be digits with country code, for example 8613512345678"
NATIONAL = (
    "must be a Chinese number without country code: a mobile, a landline with its 0 or a service"
    " number, for example 13512345678 or 01082325588"
)
NOT_AN_X = "must be a person's number, not a proxy number (X) of the app"


def subscriber(text: str, *, name: str) -> Subscriber:
    """Reads E.164 digits, 7 to 15 of them, without `+`, `00` or blanks.

    Raises BadParameter with `name` for a number that is not possible.
    """
    if not possible(text):
        raise BadParameter(name, WITH_COUNTRY_CODE)
    return Subscriber(text)


def national_subscriber(text: str, *, name: str) -> Subscriber:
    """Reads a number as it is written inside China (`from_national`). Of other countries only the
    ranges that are nobody's are read, with their country code.

    Raises BadParameter with `name` for a number that is not possible.
    """
    digits = from_national(text) or (text if _is_nobodys(text) else "")
    if not possible(digits):
        raise BadParameter(name, NATIONAL)
    return Subscriber(digits)


def possible(digits: str) -> bool:
    """Whether E.164 digits can be a person's number, by length and shape."""
    if not (7 <= len(digits) <= 15 and _is_digits(digits)):
        return False
    if digits.startswith(CHINA):
        inside = digits.removeprefix(CHINA)
        return _is_plain(inside) or _is_landline(inside)
    code = next((digits[:n] for n in (1, 2, 3) if digits[:n] in _LENGTHS), None)
    if code is None or len(digits) not in _LENGTHS[code]:
        return False
    return digits[len(code)] != "0" or code in _WITH_ZERO or _is_nobodys(digits)


def pattern() -> str:
    """A regular expression without anchors, in the syntax of ECMA 262, that matches what is
    `possible`."""
    by_length: dict[tuple[tuple[int, ...], bool], list[str]] = defaultdict(list)
    for code, lengths in _LENGTHS.items():
        inside = tuple(length - len(code) for length in lengths)
        by_length[inside, code in _WITH_ZERO].append(code)
    found = [
        f"{_any_of(codes)}{_any_of(_digits(each, zero=zero) for each in lengths)}"
        for (lengths, zero), codes in by_length.items()
    ]
    # The area codes from 001 to 099 that are nobody's.
    found.append(r"10(?:0[1-9]|[1-9]\d)\d{7}")
    return _any_of([*found, f"{CHINA}{_any_of(_inside_china())}"])


def _inside_china() -> Iterator[str]:
    for begins, lengths in _PLAIN:
        for begin in begins:
            yield from (f"{begin}\\d{{{length - len(begin)}}}" for length in lengths)
    yield r"(?:10|2\d)\d{7,8}"
    areas = (str(area) for area in range(300, 1000))
    by_two: dict[str, str] = defaultdict(str)
    for area in (each for each in areas if not each.startswith(_NO_AREA)):
        by_two[area[:2]] += area[2]
    by_last: dict[str, list[str]] = defaultdict(list)
    for two, last in by_two.items():
        by_last[last].append(two)
    for last, twos in by_last.items():
        yield f"{_any_of(twos)}[{last}]\\d{{7,8}}"


def _digits(count: int, *, zero: bool) -> str:
    return f"\\d{{{count}}}" if zero else f"[1-9]\\d{{{count - 1}}}"


def _any_of(patterns: Iterable[str]) -> str:
    return f"(?:{'|'.join(patterns)})"


def is_mobile(text: str) -> bool:
    """Whether digits look like a Chinese mobile number without its country code."""
    return len(text) == 11 and _is_digits(text) and text.startswith(_MOBILE)


def from_national(text: str) -> str | None:
    """A number as it is written inside China, with its country code in front: a landline comes with
    its 0, everything else without. Also an X of the 700 segment. None if it is not possible."""
    if not _is_digits(text):
        return None
    if text.startswith("0"):
        return CHINA + text[1:] if _is_landline(text[1:]) else None
    return CHINA + text if _is_plain(text) or _is_of_segment_700(text) else None


def national(digits: str) -> str | None:
    """Undoes `from_national`. None for a number that has no such form: of another country, or not
    possible in China."""
    inside = digits.removeprefix(CHINA)
    if inside == digits or not _is_digits(inside):
        return None
    if _is_plain(inside) or _is_of_segment_700(inside):
        return inside
    return f"0{inside}" if _is_landline(inside) else None


def reported(text: str) -> str:
    """E.164 digits of a number that a carrier in China reports: with `+` or `00` in front of the
    country code, or as inside China, where some put a 0 before a mobile from another province. What
    is not possible stays as it is."""
    for abroad in ("+", "00"):
        if text.startswith(abroad):
            return text.removeprefix(abroad)
    return from_national(text) or from_national(text.removeprefix("0")) or text


def national_or_plus(digits: str) -> str:
    """A person's number for an app that reads national numbers. One that has no such form has a
    `+` in front, or it might read as somebody else's: +1 310 555 1234 has the digits of a mobile
    number in China."""
    return national(digits) or f"+{digits}"


def with_country_code(number: str) -> str:
    """An X of a pool as everybody dials it: its digits with country code, one of the 700 segment
    behind 86."""
    return number if possible(number) else from_national(number) or number


def is_x(person: Subscriber, numbers: Container[object]) -> bool:
    """Whether a person's number is one of these X, which may stand there with country code or as
    inside China."""
    return person.digits in numbers or (national(person.digits) or "") in numbers


def spellings(number: str) -> tuple[str, ...]:
    """An X in each of its forms, once, the usual one first: E.164 digits, or as inside China for
    one of the 700 segment. What an operator or a client wrote may be either."""
    with_code = from_national(number) or number
    forms = (with_code, number, national(with_code) or number)
    return tuple(dict.fromkeys(forms if len(with_code) <= 15 else reversed(forms)))


def canonical(number: str) -> str:
    """The one form by which it is known whose an X is, whichever form it comes in. Eleven digits
    that may be a mobile in China or a number in North America are taken for the mobile: at worst
    somebody is turned away."""
    return spellings(number)[0]


def without_prefixes(number: str) -> str:
    """An X without what is dialled before it or is written into it by mistake: `00`, the 0 of an
    area code behind a country code, the 0 before a mobile of another province. A Chinese landline
    that has neither its 0 nor 86 gets its 86, unless another country has such a number. What is
    right, or is nothing of all that, stays as it is."""
    if number.startswith("00"):
        return without_prefixes(number.lstrip("0")) or number
    if possible(number) or from_national(number):
        return number
    code = next((number[:n] for n in (1, 2, 3) if number[:n] in (*_LENGTHS, CHINA)), "")
    inside = number.removeprefix(code).lstrip("0")
    if (
        code
        and code + inside != number
        and (possible(code + inside) or (code == CHINA and _is_of_segment_700(inside)))
    ):
        return code + inside
    if number.startswith("0"):
        return from_national(number.removeprefix("0")) or number
    return CHINA + number if _is_landline(number) else number


def in_pool(number: str, pool: Container[str]) -> str | None:
    """The X of a pool that this number is, as the pool has it; None if it is none of them."""
    return next((each for each in spellings(number) if each in pool), None)


_MOBILE = ("13", "14", "15", "16", "17", "18", "19")
_PLAIN: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = (
    (_MOBILE, (11,)),
    # Not assigned, so nobody's: for tests and demonstrations.
    (("100",), (11,)),
    # Of things (IoT): 1064x came first, then 140 to 144; others of 14x have 11 digits too.
    (("106", "14"), (13,)),
    (("400", "800"), (10,)),
    (("95", "96"), (5, 6, 7, 8)),
    (("950",), (10, 11)),
    # Short numbers of operators and public services: 10086, 12306, 116114, 10101234.
    (("10", "11", "12"), (5,)),
    (("116", "118"), (6,)),
    (("1010",), (8,)),
)
"""What is dialled alike from everywhere in China: how it begins, and how many digits it has.

After MIIT's numbering plan of telecommunication networks (2017) and libphonenumber's metadata for
China (9.0.42); 5 to 8 digits behind 95 and 96 are what was seen, not what a document says. Not
of a person and left out: three digits (110, 114), 106 for messages.
"""
_PLAIN_OF_LENGTH: Mapping[int, tuple[str, ...]] = {
    length: tuple(each for begin, of in _PLAIN if length in of for each in begin)
    for length in {each for _, lengths in _PLAIN for each in lengths}
}
_NO_AREA = ("400", "700", "800", "86", "950")
"""What no area code begins with. No area code begins with 86, so a country code that came twice
is found."""


def _is_plain(inside: str) -> bool:
    return inside.startswith(_PLAIN_OF_LENGTH.get(len(inside), ()))


def _is_landline(inside: str) -> bool:
    """An area code without its 0 (10, 2x, or three digits from 3xx) and seven or eight digits."""
    area_digits = 2 if inside.startswith(("10", "2")) else 3
    if area_digits == 3 and (inside[:1] not in "3456789" or inside.startswith(_NO_AREA)):
        return False
    return len(inside) - area_digits in (7, 8)


def _is_of_segment_700(inside: str) -> bool:
    """15 digits are dialled, more than E.164 has room for behind 86. It serves as X alone."""
    return len(inside) == 15 and inside.startswith("700")


def _is_nobodys(digits: str) -> bool:
    """+1 with an area code from 001 to 099, which can't be, and Ofcom's numbers for drama
    (+44 7700 900000 to 900999)."""
    if not _is_digits(digits):
        return False
    in_drama = len(digits) == 12 and digits.startswith("447700900")
    return in_drama or (len(digits) == 11 and digits[:2] == "10" and digits[1:4] != "000")


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


_TOTAL_LENGTHS: Mapping[tuple[int, ...], str] = {
    (7, 8): "290",
    (7, 8, 9, 10): "690",
    (7, 8, 9, 10, 11, 12): "27 64",
    (7, 8, 9, 10, 11, 12, 13): "31",
    (7, 8, 9, 10, 11, 12, 13, 14): "352",
    (7, 8, 9, 10, 11, 12, 13, 14, 15): "43 49 598",
    (7, 8, 9, 10, 11, 12, 14): "61",
    (7, 8, 9, 12): "98",
    (7, 8, 10, 11, 12, 13, 14, 15): "82",
    (7, 10): "47 683",
    (8,): "500 682",
    (8, 9): "247",
    (8, 9, 10): "688",
    (8, 9, 10, 11): "386",
    (8, 9, 10, 11, 12): "48 95",
    (8, 9, 10, 11, 12, 13, 14): "39",
    (8, 9, 10, 11, 12, 13, 14, 15): "358 971",
    (8, 9, 10, 11, 12, 14): "46 852",
    (8, 9, 10, 12): "53",
    (8, 9, 10, 13): "685",
    (8, 10): "676 677 678",
    (8, 10, 11, 12, 13, 14, 15): "63",
    (8, 11): "40 686",
    (9,): "298 299 672 687",
    (9, 10): "597",
    (9, 10, 11, 12): "84 252 355",
    (9, 10, 11, 12, 13): "880",
    (9, 10, 11, 12, 13, 14): "375 595",
    (9, 10, 11, 12, 13, 14, 15): "62 381",
    (9, 10, 11, 12, 15): "359",
    (9, 10, 12): "421",
    (9, 11, 12): "44 376 689",
    (9, 12): "508 681",
    (9, 12, 14, 15): "90",
    (10,): "45 238 239 246 248 269 291 297 592 673 674 680 691 692",
    (10, 11): "32 36 51 241 599 670 675 853 961 965 975",
    (10, 11, 12): "20 60 231 385 967 968",
    (10, 11, 12, 13): "55 243 254 353",
    (10, 11, 12, 13, 14): "92 886",
    (10, 11, 12, 13, 14, 15): "81 91 882 972",
    (10, 11, 12, 14): "974",
    (10, 11, 12, 15): "66",
    (10, 11, 13): "230 267 372",
    (10, 11, 13, 14): "507",
    (10, 11, 14): "503",
    (10, 12): "220 245 265 354 423",
    (10, 12, 13): "57 65 263",
    (10, 13): "960",
    (10, 14): "501 679",
    (11,): (
        "1 33 34 93 94 216 222 223 226 227 228 232 235 236 253 257 266 350 356 357 370 "
        "371 373 374 389 505 509 800 808 973 993"
    ),
    (11, 12): "213 224 233 237 250 258 264 268 377 382 387 591 962 963",
    (11, 12, 13): "56 855 856 964 970 976",
    (11, 12, 13, 14): "593",
    (11, 12, 13, 14, 15): "383 883",
    (11, 13): "229 378 506 850",
    (11, 13, 14): "977",
    (11, 14): "41 502 504",
    (11, 15): "7",
    (12,): (
        "52 58 211 212 218 221 240 242 244 249 251 255 256 260 261 262 351 590 594 596 "
        "979 992 994 995 998"
    ),
    (12, 13): "54 380 881 966 996",
    (12, 13, 14): "30",
    (12, 13, 14, 15): "420",
    (12, 15): "870",
    (13,): "225",
    (13, 14, 15): "234",
    (14,): "888",
    (15,): "878",
}
"""Total digits (7 to 15, country code included) -> the country codes that have such numbers; China
has its own rules above. From libphonenumber's metadata 9.0.42 (2026), which follows ITU-T E.164;
lengths that are dialled locally alone are left out. A test compares it with the library."""
_WITH_ZERO = (
    *("39", "47", "225", "226", "227", "229", "241", "242", "247", "250", "267", "268", "378"),
    *("501", "676", "679", "687", "853", "881", "888", "992"),
)
"""Where a number may begin with 0 behind its country code; elsewhere that 0 is dialled inside the
country alone, and would be a second spelling of the same telephone. Source as above."""
_LENGTHS = {code: lengths for lengths, codes in _TOTAL_LENGTHS.items() for code in codes.split()}
