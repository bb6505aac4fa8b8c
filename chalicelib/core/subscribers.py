"""Real people's numbers, and X as it is dialled."""

import re
from dataclasses import dataclass
from typing import Self

from chalicelib.core.errors import BadParameter

_SUBSCRIBER = re.compile(r"[1-9][0-9]{6,14}", re.ASCII)


_NUMBER = re.compile(r"[0-9]{3,24}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A real person's number: E.164 digits with country code, no plus sign, 7 to 15 digits.

    Its text form is masked, so that it can't reach a log by accident; `digits` is the number.
    """

    digits: str

    @classmethod
    def parse(cls, text: str, *, name: str) -> Self:
        """Raises BadParameter with `name` unless `text` is an E.164 number in digits."""
        if not _SUBSCRIBER.fullmatch(text):
            raise BadParameter(name)
        return cls(text)

    def __repr__(self) -> str:
        return "Subscriber(***)"


def parse_number(text: str, *, name: str) -> str:
    """An X as dialled, digits only. X is not held to E.164: China's 700 segment has 15 digits
    before the country code. Raises BadParameter with `name`."""
    if not _NUMBER.fullmatch(text):
        raise BadParameter(name)
    return text
