"""Other people's JSON, made safe to store and to pass on."""

import json
from typing import Any


def parse_json(body: bytes) -> Any:
    """Half a surrogate pair, as a message cut in two leaves it, becomes a question mark.

    Raises ValueError, whose text holds nothing of the body.
    """
    try:
        parsed = json.loads(body.decode())
        if b"\\u" in body:
            whole = json.dumps(parsed, ensure_ascii=False).encode(errors="replace")
            parsed = json.loads(whole)
    except (ValueError, RecursionError):
        # ValueError: neither UTF-8 nor JSON, or an integer of thousands of digits.
        raise ValueError("not JSON in UTF-8") from None
    return parsed
