"""The parameters of a request to a facade: a form body and a query string, read as one."""

import json
import re
from collections.abc import Collection, Iterable
from urllib.parse import parse_qsl

from chalicelib.carriers.json_text import parse_json
from chalicelib.core.errors import BadParameter
from chalicelib.core.messages import Request

MAX_BODY = 64 * 1024
MAX_FIELDS = 100
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
FORM_WANTED = (
    "the body is JSON; send the parameters as a form, name=value&name=value, with the header"
    " Content-Type: application/x-www-form-urlencoded"
)


class Malformed(ValueError):
    """A request that can't be read at all. The text says why and what is wanted, and repeats no
    value."""


def is_json(body: bytes) -> bool:
    """Whether a body that should be a form is a JSON object or array; an empty one asks nothing."""
    if body.lstrip()[:1] not in {b"{", b"["}:
        return False
    try:
        return bool(parse_json(body))
    except ValueError:
        return False


class Parameters:
    """The parameters of one call, from the form body and the query string; unknown ones ignored.

    An empty value counts as none. What stands in both with one value is that value; any other name
    that comes twice is refused when it is asked for.
    """

    def __init__(self, request: Request) -> None:
        """Raises Malformed for what is not a form in UTF-8."""
        if len(request.body) > MAX_BODY:
            raise Malformed(f"body of more than {MAX_BODY} bytes")
        if is_json(request.body):
            raise Malformed(FORM_WANTED)
        try:
            form = parse_qsl(
                # Some clients end the body with a line break, some the list with an ampersand.
                request.body.decode().rstrip("\r\n"),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=MAX_FIELDS,
            )
        except UnicodeDecodeError:
            raise Malformed("body is not UTF-8") from None
        except ValueError:
            raise Malformed(f"more than {MAX_FIELDS} parameters") from None
        # API Gateway decodes the query string and puts U+FFFD for what is not UTF-8.
        if any("\ufffd" in name + value for name, value in request.query):
            raise Malformed("query string is not UTF-8")
        self._values = _grouped(request.query)
        for name, values in _grouped(form).items():
            if self._values.get(name) != values:
                self._values.setdefault(name, []).extend(values)

    def get(self, name: str, *, most: int | None = None) -> str | None:
        """The value, or None. Raises BadParameter when there are two, or it has more than `most`
        characters."""
        values = self._values.get(name, [])
        if len(values) > 1:
            raise BadParameter(name, "it comes twice")
        value = values[0] if values else ""
        if most is not None and len(value) > most:
            raise BadParameter(name)
        return value or None

    def need(self, name: str, *, most: int | None = None) -> str:
        """The same of what has to be there. Raises BadParameter also when there is none."""
        value = self.get(name, most=most)
        if value is None:
            raise BadParameter(name, "it is missing")
        return value

    def whole(self, name: str, *, least: int, most: int, default: str | None = None) -> int:
        """A whole number of at most nine digits, from `least` to `most`. Raises BadParameter."""
        value = self.need(name) if default is None else self.get(name) or default
        if not _WHOLE.fullmatch(value) or not least <= int(value) <= most:
            raise BadParameter(name)
        return int(value)

    def flag(self, name: str) -> bool:
        """0, which is also what stands for nothing, or 1. Raises BadParameter."""
        return self.one_of(name, ("0", "1"), default="0") == "1"

    def names(self) -> Collection[str]:
        """The names of all that were sent, as they came."""
        return self._values.keys()

    def one_of(self, name: str, values: Collection[str], default: str | None = None) -> str:
        """A parameter that knows only these values. Raises BadParameter."""
        value = self.need(name) if default is None else self.get(name) or default
        if value not in values:
            raise BadParameter(name)
        return value

    def canonical(self) -> str:
        """The same text for the same parameters in any order and place."""
        return json.dumps(sorted(self._values.items()))


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found
