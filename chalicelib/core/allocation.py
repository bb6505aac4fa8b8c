"""Choosing X: in which order an app's numbers are tried for a pair."""

import hashlib
from collections.abc import Iterator
from math import gcd

from chalicelib.core.calls import CallAsk
from chalicelib.core.errors import Forbidden
from chalicelib.core.values import App, Ask


def candidates(app: App, ask: Ask) -> Iterator[str]:
    """Every X that may serve this pair, each once, in an order that the pair alone decides.

    The same pair starts at the same X again, whichever of the two is A; different pairs are
    spread evenly without a counter. Costs the same for ten numbers and ten thousand.
    """
    if ask.number is not None:
        yield ask.number
        return
    numbers = app.pool.numbers(ask.area)
    size = len(numbers)
    if size == 0:
        return
    people = (ask.a.digits, ask.b.digits) if ask.b is not None else (ask.a.digits,)
    seed = int.from_bytes(_digest(*people), "big")
    start, step = seed % size, 1 + (seed >> 64) % size
    while gcd(step, size) != 1:
        step += 1
    for i in range(size):
        number = numbers[(start + i * step) % size]
        if number not in people:
            yield number


def shown_number(app: App, ask: CallAsk) -> str:
    """The X that a call which we place shows: the same one for the same people.

    Raises Forbidden when the app has no number to show.
    """
    own = {party.digits for party in ask.parties}
    numbers = [number for number in app.pool.numbers(None) if number not in own]
    if not numbers:
        raise Forbidden("the app has no number to show")
    return numbers[int.from_bytes(_digest(*own), "big") % len(numbers)]


def _digest(*people: str) -> bytes:
    return hashlib.sha256("|".join(sorted(people)).encode()).digest()[:16]
