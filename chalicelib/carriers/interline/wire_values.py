"""How interline writes times and numbers. Its times are epoch seconds, ours epoch ms."""

from typing import Any

from chalicelib.carriers import callback_members, number_text
from chalicelib.carriers.callback_members import BadValue
from chalicelib.core.durations import YEAR_2001_MS
from chalicelib.core.subscribers import Subscriber


def as_time(value: Any) -> int | None:
    """Epoch ms; None for zero, which is no time. Raises ValueError."""
    if str(value).strip(" 0.") == "":
        return None
    ms = callback_members.epoch_ms(value)
    if ms < YEAR_2001_MS:
        raise BadValue("no time of a call")
    return ms


def as_number(value: Any) -> str | None:
    """The digits of a number with country code, which is written as inside China, or with `+` or
    00; None for one that is not shown. Raises ValueError."""
    return number_text.reported(callback_members.as_text(value))


def as_person(value: Any) -> Subscriber | None:
    """As `as_number`."""
    digits = as_number(value)
    return Subscriber(digits) if digits else None


def as_person_in_form(value: Any) -> Subscriber | None:
    """The same in a form, where a blank in front of a digit is a `+` that was not escaped."""
    text = callback_members.as_text(value)
    return as_person(f"+{text[1:]}" if text[:1] == " " and text[1:2].isdecimal() else text)
