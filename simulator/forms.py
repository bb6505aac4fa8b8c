"""Parameters of a request to a vendor, from its query string and its form body."""

from typing import Self
from urllib.parse import parse_qsl


class Refused(Exception):
    """The vendor's answer to a request that it does not carry out."""

    answer: dict[str, str | int]


class Malformed(Exception):
    """A request that can't be read."""


class Parameters(dict[str, str]):
    """Names and values; what is not asked for is ignored. A vendor says what a bad one is."""

    @classmethod
    def read(cls, query: str, body: bytes) -> Self:
        """Both places; the body wins. Raises Malformed."""
        try:
            pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
            pairs += parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
        except ValueError:
            raise Malformed("the parameters are not a form in UTF-8") from None
        return cls(pairs)

    def bad(self, name: str) -> Refused:
        """The vendor's refusal of a parameter."""
        raise NotImplementedError

    def wanted(self, name: str) -> str:
        """A mandatory text. Raises Refused."""
        value = self.get(name, "")
        if not value:
            raise self.bad(name)
        return value

    def whole(self, name: str, *, lowest: int, highest: int, default: int | None = None) -> int:
        """A whole number within its limits; mandatory without a default. Raises Refused."""
        value = self.get(name, "")
        if not value and default is not None:
            return default
        if not (value.isascii() and value.isdigit() and lowest <= int(value[:20]) <= highest):
            raise self.bad(name)
        return int(value)
