"""Binding ids: 26 digits, of which twelve find the binding again."""

from datetime import UTC, datetime, timedelta

_UTC8 = timedelta(hours=8)


def binding_id(handle: str, now: int) -> str:
    """26 digits: two, yyyyMMddHHmmss (UTC+8), ten. `handle` are the twelve around the time."""
    at = datetime.fromtimestamp(now / 1000, UTC) + _UTC8
    return f"{handle[:2]}{at:%Y%m%d%H%M%S}{handle[2:]}"


def handle_of(binding_id: str) -> str | None:
    """The handle inside an id; None if the text can't be an id."""
    if len(binding_id) != 26 or not (binding_id.isascii() and binding_id.isdigit()):
        return None
    return binding_id[:2] + binding_id[16:]
