"""How our own API and events write numbers and times, worked out without the gateway's code."""

from datetime import UTC, datetime


def plus(number: str | None) -> str | None:
    """E.164 with `+`; X of the 700 segment behind +86."""
    code = "86" if number and number.startswith("700") and len(number) == 15 else ""
    return number and f"+{code}{number}"


def rfc(at: int | None) -> str | None:
    """Epoch ms as RFC 3339 in UTC with milliseconds."""
    if at is None:
        return None
    moment = datetime.fromtimestamp(at // 1000, UTC).replace(microsecond=at % 1000 * 1000)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def epoch_ms(text: str) -> int:
    """Reads `rfc`."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)
