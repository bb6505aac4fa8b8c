"""Choosing X: in which order an app's numbers are tried for a pair."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from math import gcd
from typing import TYPE_CHECKING

from chalicelib.core.bindings.model import Ask
from chalicelib.core.errors import Forbidden
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.tenants import App

if TYPE_CHECKING:
    # Not loaded by a cold bind.
    from chalicelib.core.calls.placed_calls import CallAsk


def candidates(app: App, ask: Ask, tag: KeyedDigest) -> Iterator[str]:
    """Every X that may serve this pair, each once, in an order that depends on the pair alone.

    The same pair starts at the same X again, whichever of the two is A; different pairs are spread
    evenly without a counter. Without the key of `tag` nobody can compute X from the two numbers, or
    the two numbers from X, and no app can find out by binds of its own which X another app was
    given. Costs one keyed digest, for ten numbers as for ten thousand.
    """
    if ask.number is not None:
        if ask.number not in app.pool.draining:
            yield ask.number
        return
    numbers = app.pool.numbers(ask.area)
    if ask.country is not None:
        numbers = _of_country(numbers, ask.country)
    size = len(numbers)
    if size == 0:
        return
    people = {person.digits for person in (ask.a, ask.b) if person is not None}
    seed = _seed(app, people, tag)
    start, step = seed % size, 1 + (seed >> 64) % size
    while gcd(step, size) != 1:
        step += 1
    for i in range(size):
        number = numbers[(start + i * step) % size]
        if number not in people:
            yield number


def shown_number(app: App, ask: "CallAsk", tag: KeyedDigest) -> str:
    """The X that a call placed by us shows: the same one for the same people, and as hard to
    compute from them as in `candidates`.

    Raises Forbidden when the app has no number to show.
    """
    own = {party.digits for party in ask.parties}
    numbers = [number for number in app.pool.numbers(None) if number not in own]
    if not numbers:
        raise Forbidden("the app has no number to show")
    return numbers[_seed(app, own, tag) % len(numbers)]


def _of_country(numbers: Sequence[str], country: str) -> tuple[str, ...]:
    # Loaded by the first request that names a country.
    from chalicelib.core.countries import country_of  # noqa: PLC0415

    return tuple(number for number in numbers if country_of(number) == country)


def _seed(app: App, people: Iterable[str], tag: KeyedDigest) -> int:
    """128 bits."""
    # The bytes of a tag, which is text, are not spread evenly; those of its digest are.
    digest = hashlib.sha256(tag("choice", app.name, *sorted(people)).encode()).digest()
    return int.from_bytes(digest[:16], "big")
