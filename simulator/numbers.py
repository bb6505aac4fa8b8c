"""The X numbers of the local stack, which are nobody's, with their area codes.

The Chinese prefix 100 is not assigned, and of 15 digits are the numbers of China's 700 segment, of
which these are not given out either.
"""

BEIJING = "10"
SHANGHAI = "21"

Numbers = list[tuple[str, str | None]]


def _ten(prefix: str, longest: str) -> Numbers:
    return [
        *((f"{prefix}{n}", BEIJING) for n in range(1, 6)),
        *((f"{prefix}{n}", SHANGHAI) for n in range(6, 10)),
        (longest, None),
    ]


NUMBERS = {
    "demo": _ten("861007000000", "700000000000001"),
    "other": _ten("861008000000", "700000000000002"),
}
"""By app; on the switch."""

NETEASE = _ten("861009000000", "700000000000003")
"""With the simulated NetEase."""
