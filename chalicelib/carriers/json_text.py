"""Other people's JSON, made safe to store and to pass on."""

import json
from collections.abc import Callable
from typing import Any

Pairs = list[tuple[str, Any]]


def parse_json(body: bytes) -> Any:
    """Half a surrogate pair, as a message cut in two leaves it, becomes a question mark.

    Raises ValueError, whose text holds nothing of the body.
    """
    return _parsed(body, dict)


def parse_answer(body: bytes, *, code: str) -> Any:
    """The same of a carrier's answer. Raises ValueError also where the member `code`, which says
    what the carrier did, comes twice with two values."""

    def checked(pairs: Pairs) -> dict[str, Any]:
        if len({json.dumps(value) for name, value in pairs if name == code}) > 1:
            raise TwoCodes(f"{code} comes twice")
        return dict(pairs)

    return _parsed(body, checked)


class TwoCodes(ValueError):
    """An answer that says two things."""


def _parsed(body: bytes, made: Callable[[Pairs], dict[str, Any]]) -> Any:
    try:
        parsed = json.loads(body.decode(), object_pairs_hook=made)
        if b"\\u" in body:
            whole = json.dumps(parsed, ensure_ascii=False).encode(errors="replace")
            parsed = json.loads(whole)
    except TwoCodes:
        raise
    except (ValueError, RecursionError):
        # ValueError: neither UTF-8 nor JSON, or an integer of thousands of digits.
        raise ValueError("not JSON in UTF-8") from None
    return parsed
