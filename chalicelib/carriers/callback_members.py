"""How callbacks of all carriers are read, by one rule.

A body is a form or JSON, whichever it looks like; a list with one object is that object. Null is
absent. A number in text is read as a number, and a number as text. Members that are not read are
ignored, however often they come. A member that comes twice with one value has that value; one that
comes with two, or that can't be read for another reason, is dropped and named in `dropped`, unless
it says which call the callback is about, or which X: then all of the callback is Unreadable.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from chalicelib.carriers.callback_values import (
    MAX_ID,
    BadValue,
    JsonObject,
    as_list,
    as_text,
    is_absent,
    parse_json,
    text,
)
from chalicelib.core.bindings.model import handle_of
from chalicelib.core.calls.events import Event, Unreadable

_T = TypeVar("_T")

MAX_RAW = 32 * 1024
"""Characters of a callback that are kept as they came: more might not fit into an item of the
table, and what is known is read from the whole."""


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
        if is_absent(self.values.get(name)):
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
