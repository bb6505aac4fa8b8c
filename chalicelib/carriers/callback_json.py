"""JSON in callbacks: whatever can be read of it is read."""

import json
import re
from typing import Any, Self

ABSENT = (None, "")
"""The values that stand for none."""
MAX_DEPTH = 100
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)
_MAX_INTEGER_DIGITS = 40


class JsonObject(dict[str, Any]):
    """A JSON object, and the names of members that came with two values."""

    def __init__(self) -> None:
        super().__init__()
        self.conflicting: set[str] = set()

    @classmethod
    def of_pairs(cls, pairs: list[tuple[str, Any]]) -> Self:
        """Where a member comes as null or empty and again with a value, the value counts."""
        found = cls()
        for name, value in pairs:
            known = found.get(name)
            if not (known in ABSENT or value in ABSENT or _same(known, value)):
                found.conflicting.add(name)
            if name not in found or (known in ABSENT and value is not None):
                found[name] = value
        return found


def parse_json(text: str) -> Any:
    """JSON whose objects are JsonObject; a list or object inside MAX_DEPTH others is null. Raises
    ValueError."""
    return json.loads(
        _without_depths(text), object_pairs_hook=JsonObject.of_pairs, parse_int=_as_int
    )


def _without_depths(text: str) -> str:
    """No member that we read is nested that deep, and no parser has room for any depth."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return text
    kept: list[str] = []
    depth = done = 0
    for found in _NESTING.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += text[done : found.start()], "null"
        elif found[0] in ("]", "}"):
            depth -= 1
            if depth == MAX_DEPTH:
                done = found.end()
    # What never ends is no JSON, and stays that.
    return "".join(kept) + (text[done:] if depth <= MAX_DEPTH else "")


def canonical(values: Any) -> bytes:
    """The same for JSON that says the same."""
    return json.dumps(values, sort_keys=True).encode()


def _as_int(digits: str) -> int | str:
    """A member of thousands of digits is no reason to lose the others."""
    return int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else digits


def _same(one: Any, other: Any) -> bool:
    """A number and a text that say the same are the same."""
    return str(one) == str(other)
