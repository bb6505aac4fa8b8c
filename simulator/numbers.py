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

EVENTS = _ten("861002000000", "700000000000008")
"""On the switch, of an app that is told in CloudEvents."""

NETEASE = _ten("861009000000", "700000000000003")
"""With the simulated NetEase."""

INTERLINE_NUMBERS = {
    "demo-interline": _ten("1006000000", "700000000000004"),
    "demo-igw": _ten("861005000000", "700000000000005"),
    "demo-interline-netease": _ten("1004000000", "700000000000006"),
    "demo-interline-igw": _ten("1003000000", "700000000000007"),
}
"""Of the apps that have to do with interline. An app of its API writes them as in China."""

ON_SWITCH = [
    number
    for app in (*NUMBERS.values(), EVENTS, INTERLINE_NUMBERS["demo-interline"])
    for number, _ in app
]
"""All on the switch, as their apps write them."""
