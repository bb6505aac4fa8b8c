"""How callbacks of all carriers are read, by one rule.

A body is a form or JSON, whichever it looks like; a list with one object is that object. Null is
absent. A number in text is read as a number, and a number as text. Members that are not read are
ignored, however often they come. A member that comes twice with one value has that value; one that
comes with two, or that can't be read for another reason, is dropped and named in `dropped`, unless
it says which call the callback is about, or which X: then all of the callback is Unreadable.
"""

import math
import re
import string
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from chalicelib.carriers import number_text
from chalicelib.carriers.callback_json import ABSENT, JsonObject, parse_json
from chalicelib.core.bindings.model import handle_of
from chalicelib.core.calls.events import Event, Unreadable
from chalicelib.core.durations import YEAR_2001_MS

_T = TypeVar("_T")

MAX_RAW = 32 * 1024
"""Characters of a callback that are kept as they came: more might not fit into an item of the
table, and what is known is read from the whole."""
MAX_ID = 255
MAX_URL = 4096
END_OF_TIME = 25 * 10**11
"""2049, in epoch ms. Times stand in the clear where calls are listed by them: what is later, or
between 10 ** 10 and 10 ** 12 (1970 to 2001), is rather somebody's number."""

_DECIMAL = re.compile(r"\s*\+?([0-9]{1,24})(\.[0-9]{1,24})?\s*", re.ASCII)
_MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)
_BLANKS = string.whitespace + "\u00a0\u3000\u200b\ufeff"
_AROUND_URLS = ('""', "''", "<>", "\u201c\u201d")


class BadValue(ValueError):
    """A value that is none of its member's."""


class Members:
    """The members of one callback, read one by one. The names of those that could not be read are
    collected in `dropped`, behind `prefix`; members of members share it."""

    def __init__(
        self,
        values: Mapping[str, Any],
        dropped: list[str] | None = None,
        *,
        prefix: str = "",
        form: bool = False,
    ) -> None:
        """`form`: they came in a form, where an unescaped `+` is a blank."""
        self.values = values
        self.form = form
        self._conflicting = values.conflicting if isinstance(values, JsonObject) else set()
        self.collected: list[str] = [] if dropped is None else dropped
        self._prefix = prefix

    @property
    def dropped(self) -> tuple[str, ...]:
        """Each name once, in the order in which they were asked for."""
        return tuple(dict.fromkeys(self.collected))

    def has(self, name: str) -> bool:
        """Whether it is there, with whatever value but null."""
        return self.values.get(name) is not None

    def identifier(self, name: str) -> str:
        """Text of 1 to MAX_ID characters, or a whole number. Raises Unreadable."""
        try:
            found = as_text(self._value(name))
        except ValueError:
            found = ""
        # An id in another encoding can't be attributed.
        if not found.strip() or "\ufffd" in found:
            raise Unreadable(f"{self._prefix}{name}: text of 1 to {MAX_ID} characters")
        return found

    def optional(self, name: str, read: Callable[[Any], _T | None]) -> _T | None:
        """What `read` makes of it; None for null, for an empty text and for nothing. What `read`
        refuses with ValueError is dropped."""
        if self.values.get(name) in ABSENT:
            return None
        try:
            return read(self._value(name))
        except ValueError:
            self.collected.append(f"{self._prefix}{name}")
            return None

    def needed(self, name: str, read: Callable[[Any], _T | None]) -> _T:
        """As `optional`, of what the callback is worth nothing without. Raises Unreadable."""
        found = self.optional(name, read)
        if found is None:
            raise Unreadable(f"{self._prefix}{name}: missing, or not a value of this member")
        return found

    def unless_absent(self, name: str, read: Callable[[Any], _T | None]) -> _T | None:
        """As `optional`, of what may be absent and must not be taken for absent where it is there:
        without its X an event would follow another call. Raises Unreadable for a value that is
        neither null nor blank and that `read` refuses or makes nothing of."""
        given = self.values.get(name)
        if given is None or (isinstance(given, str) and not given.strip()):
            return None
        return self.needed(name, read)

    def items(self, name: str, read: Callable[["Members"], _T], *, most: int) -> tuple[_T, ...]:
        """What `read` makes of the objects in a list; those after `most` are dropped, and those
        that are none or that it refuses with ValueError."""
        found: list[_T] = []
        listed = self.optional(name, as_list) or []
        if len(listed) > most:
            self.collected.append(f"{self._prefix}{name}")
        for each in listed[:most]:
            values = each if isinstance(each, dict) else {}
            try:
                found.append(read(Members(values, self.collected, prefix=f"{self._prefix}{name}.")))
            except ValueError:
                self.collected.append(f"{self._prefix}{name}")
        return tuple(found)

    def _value(self, name: str) -> Any:
        if name in self._conflicting:
            raise BadValue("two values")
        return self.values.get(name)


def members_of(body: bytes) -> Members:
    """The members of a form or of JSON. Raises Unreadable, whose text holds nothing of the body."""
    # A text in another encoding is no reason to lose the call that it belongs to.
    text = body.decode("utf-8-sig", errors="replace").strip()
    if text.startswith(("{", "[")):
        return Members(object_in(text))
    return Members(_of_form(text), form=True)


def object_in(text: str) -> JsonObject:
    """The JSON object that is a text, or that is alone in a list. Raises Unreadable."""
    try:
        parsed = parse_json(text)
    except ValueError:
        raise Unreadable("the body is no JSON") from None
    if isinstance(parsed, list) and len(parsed) == 1:
        parsed = parsed[0]
    if not isinstance(parsed, JsonObject):
        raise Unreadable("the body is not one object")
    return parsed


def _of_form(text: str) -> JsonObject:
    found = JsonObject.of_pairs(parse_qsl(text, keep_blank_values=True))
    if not any(found.values()):
        raise Unreadable("the body is neither a form nor JSON")
    return found


def call_and_binding(
    fields: Members, *, call: str, ours: str, theirs: str
) -> dict[str, str | None]:
    """The id of the call and the binding's: `ours` is the member that holds the id that we gave
    the carrier, `theirs` the one with the carrier's own. Raises Unreadable."""
    handle = fields.optional(ours, text(MAX_RAW)) or ""
    return {
        "call_id": fields.identifier(call),
        "binding": handle if handle_of(handle) else None,
        "carrier_binding": fields.optional(theirs, as_text),
    }


def event_of(details: Mapping[str, Any], body: bytes, *, carrier: str, received: int) -> Event:
    """The event that a callback reports. `details` are its members; `received` (epoch ms) stands
    for a time that they don't have."""
    at = details.get("at")
    common = {
        "id": "",
        "carrier": carrier,
        "received": received,
        "raw": body.decode(errors="replace")[:MAX_RAW],
    }
    return Event(
        **{**common, **details, "at": received if at is None else at, "timed": at is not None}
    )


def as_text(value: Any, *, most: int = MAX_ID) -> str:
    """Text of at most `most` characters, or a number as text. Half a surrogate pair becomes a
    question mark. Raises ValueError."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadValue("no text")
    if isinstance(value, float) and not math.isfinite(value):
        raise BadValue("no text")
    text = str(value).encode(errors="replace").decode()
    if len(text) > most:
        raise BadValue("too long")
    return text


def text(most: int) -> Callable[[Any], str]:
    """A reader of text of at most `most` characters."""
    return lambda value: as_text(value, most=most)


def cut(most: int) -> Callable[[Any], str]:
    """A reader of text of which `most` characters will do."""
    return lambda value: as_text(value, most=10**9)[:most]


def whole(below: int) -> Callable[[Any], int]:
    """A reader of whole numbers from 0, also in text, and with parts behind a point, which do not
    count."""

    def read(value: Any) -> int:
        number, _ = _decimal(value)
        if number >= below:
            raise BadValue("too large")
        return number

    return read


def epoch_ms(value: Any, zone: tzinfo = UTC) -> int:
    """Epoch ms of a time before END_OF_TIME: ms, seconds (10 digits), microseconds (16) or
    nanoseconds (19), as a number or in text, with parts behind a point; or ISO 8601, in `zone` if
    it names none. Raises ValueError."""
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        return _in_time(_of_iso(value, zone))
    number, fraction = _decimal(value)
    if 10**9 <= number < 10**10:
        return _in_time(number * 1000 + round(fraction * 1000))
    if number >= 10**18:
        return _in_time(number // 10**6)
    return _in_time(number // 1000 if number >= 10**15 else number)


def _in_time(ms: int) -> int:
    if not 0 < ms < END_OF_TIME or 10**10 <= ms < YEAR_2001_MS:
        raise BadValue("no time of ours")
    return ms


def _of_iso(value: str, zone: tzinfo) -> int:
    try:
        at = datetime.fromisoformat(value.strip())
        at = at if at.tzinfo else at.replace(tzinfo=zone)
        return int(at.timestamp()) * 1000 + at.microsecond // 1000
    except OverflowError:
        raise BadValue("no time of ours") from None


def _decimal(value: Any) -> tuple[int, float]:
    """A number's whole part, and what stands behind the point. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadValue("no number")
    if isinstance(value, float):
        if not (math.isfinite(value) and 0 <= value < 10**20):
            raise BadValue("no number")
        return int(value), value % 1
    found = _DECIMAL.fullmatch(str(value))
    if found is None:
        raise BadValue("no number")
    return int(found[1]), float(f"0{found[2] or ''}")


def as_number(value: Any) -> str | None:
    """The digits of a telephone number that stands with its country code; None for one that is not
    shown. Raises ValueError."""
    return number_text.digits_of(as_text(value))


def as_url(value: Any) -> str | None:
    """An address of at most MAX_URL characters, without the blanks, line breaks, byte order marks,
    quotes and angle brackets that some write around it; None if nothing is left. Raises
    ValueError."""
    found = as_text(value, most=MAX_URL).strip(_BLANKS)
    while len(found) > 1 and found[0] + found[-1] in _AROUND_URLS:
        found = found[1:-1].strip(_BLANKS)
    return found or None


def as_list(value: Any) -> list[Any]:
    """A list, or JSON of one in text. Raises ValueError."""
    parsed = parse_json(value) if isinstance(value, str) else value
    if not isinstance(parsed, list):
        raise BadValue("no list")
    return parsed


def as_md5(value: Any) -> str:
    """An md5 in hex, lower case. Raises ValueError."""
    found = as_text(value).strip().lower()
    if not _MD5.fullmatch(found):
        raise BadValue("no md5")
    return found
