"""The X numbers of the local stack, which are nobody's, with their area codes.

The Chinese prefix 100 is not assigned, and of 15 digits are the numbers of China's 700 segment, of
which these are not given out either.
"""

BEIJING = "10"
SHANGHAI = "21"

Numbers = list[tuple[str, str | None]]


def ten(prefix: str, longest: str) -> Numbers:
    """Ten X: nine that begin alike, five of them Beijing's and four Shanghai's, and a long one."""
    return [
        *((f"{prefix}{n}", BEIJING) for n in range(1, 6)),
        *((f"{prefix}{n}", SHANGHAI) for n in range(6, 10)),
        (longest, None),
    ]


NUMBERS = {
    "demo": ten("861007000000", "700000000000001"),
    "other": ten("861008000000", "700000000000002"),
}
"""By app; on the switch."""

EVENTS = ten("861002000000", "700000000000008")
"""On the switch, of an app that is told in CloudEvents."""

LONDON = "20"
BRITISH: Numbers = [(f"4420794600{n:02}", LONDON) for n in range(10, 20)]
"""On the switch, of an app of our own API; from the range that Ofcom keeps for films."""

DEVELOPERS = ten("1006000000", "700000000000004")
"""On the switch, of an app of interline's API, which writes them as in China."""

ON_SWITCH = [
    number for app in (*NUMBERS.values(), EVENTS, BRITISH, DEVELOPERS) for number, _ in app
]
"""All on the switch, as their apps write them."""
