"""Parameters of a request, from its query string and its form body, and what is wrong with them."""

from urllib.parse import parse_qsl

MAX_MINUTES = 525_600


class Refused(Exception):
    """The answer has this `code`, and the text in `msg`, or where it says so in `desc`."""

    def __init__(self, code: int, text: str, *, member: str = "msg") -> None:
        super().__init__(text)
        self.answer = {member: text, "code": code}


class Malformed(Exception):
    """A request that can't be read: HTTP 400."""


class Parameters(dict[str, str]):
    """Names and values; what is not asked for is ignored."""

    def wanted(self, name: str) -> str:
        """A mandatory text. Raises Refused."""
        value = self.get(name, "")
        if not value:
            raise bad(name)
        return value

    def whole(self, name: str, *, lowest: int, highest: int, default: int | None = None) -> int:
        """A whole number within its limits; mandatory without a default. Raises Refused."""
        value = self.get(name, "")
        if not value and default is not None:
            return default
        if not (value.isascii() and value.isdigit() and lowest <= int(value[:20]) <= highest):
            raise bad(name)
        return int(value)

    def minutes(self, name: str) -> int:
        """1 minute to a year. Raises Refused."""
        return self.whole(name, lowest=1, highest=MAX_MINUTES)


def read(query: str, body: bytes) -> Parameters:
    """Both places; the body wins. Raises Malformed."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
        pairs += parse_qsl(body.decode(), keep_blank_values=True, errors="strict")
    except ValueError:
        raise Malformed("the parameters are not a form in UTF-8") from None
    return Parameters(pairs)


def bad(name: str, *, member: str = "msg") -> Refused:
    """The documented refusal of a parameter."""
    return Refused(414, f"bad param '{name}'", member=member)
