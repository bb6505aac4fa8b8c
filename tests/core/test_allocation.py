"""In which order an app's numbers are tried: each once, the same for a pair, evenly spread."""

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from operator import eq
from typing import Any

import pytest

from chalicelib.clock import SYSTEM
from chalicelib.core.bindings.choosing import candidates, shown_number
from chalicelib.core.bindings.model import Ask
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App
from chalicelib.store.field_encryption import FieldEncryption
from tests.core.samples import app_with, tag


def ask(a: str, b: str, **more: Any) -> Ask:
    values = {"number": None, "area": None, "lifetime_ms": 1, "record": False, "user_data": ""}
    return Ask(a=Subscriber(a), b=Subscriber(b), **(values | more))


def numbers(count: int) -> dict[str, str | None]:
    return {f"8610000{i:06d}": None for i in range(count)}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 12, 30, 97, 210, 1024])
def test_every_number_comes_exactly_once(size: int) -> None:
    app = app_with(numbers(size))
    for i in range(20):
        order = list(candidates(app, ask("447700900001", f"4477009001{i:02d}"), tag))
        assert sorted(order) == sorted(app.pool.areas)


def test_the_pair_alone_decides_and_its_order_does_not() -> None:
    app = app_with(numbers(50))
    order = list(candidates(app, ask("447700900001", "447700900002"), tag))
    assert list(candidates(app, ask("447700900002", "447700900001"), tag)) == order
    assert list(candidates(app, ask("447700900001", "447700900003"), tag)) != order


def test_first_choices_are_spread_evenly() -> None:
    # chi-square over 20 numbers, 19 degrees of freedom: 43.8 is passed once in a thousand seeds.
    app, draws, chance = app_with(numbers(20)), 4000, random.Random(7)
    firsts = Counter(
        next(candidates(app, ask(str(chance.randrange(10**9, 10**10)), "447700900001"), tag))
        for _ in range(draws)
    )
    expected = draws / 20
    assert len(firsts) == 20
    assert sum((seen - expected) ** 2 / expected for seen in firsts.values()) < 43.8


def test_pairs_that_collide_first_part_ways_afterwards() -> None:
    # A step of one for all would send everybody who meets at a number on to the same next one.
    app = app_with(numbers(101))
    seconds = Counter()
    for i in range(3000):
        first, second = islice(candidates(app, ask("447700900001", str(10**9 + i)), tag), 2)
        seconds[(int(second) - int(first)) % 101] += 1
    assert len(seconds) > 90


def test_costs_the_same_for_ten_numbers_and_ten_thousand() -> None:
    class Numbers(tuple[str, ...]):
        reads = 0

        def __getitem__(self, index: Any) -> Any:
            type(self).reads += 1
            return super().__getitem__(index)

        def __iter__(self) -> Any:
            raise AssertionError("walks the whole pool")

    for size in (10, 10_000):
        app = app_with(numbers(size))
        Numbers.reads = 0
        object.__setattr__(app.pool, "by_area", {None: Numbers(app.pool.numbers(None))})
        assert len(list(islice(candidates(app, ask("447700900001", "447700900002"), tag), 4))) == 4
        assert Numbers.reads == 4


def test_an_area_narrows_and_a_number_wins_over_it() -> None:
    app = app_with({"861001": "10", "861002": "10", "862101": "21", "700000000000001": None})
    of_ten = candidates(app, ask("447700900001", "447700900002", area="10"), tag)
    assert sorted(of_ten) == ["861001", "861002"]
    none = candidates(app, ask("447700900001", "447700900002", area="99"), tag)
    assert list(none) == []
    asked = candidates(app, ask("447700900001", "447700900002", area="10", number="862101"), tag)
    assert list(asked) == ["862101"]


def test_a_person_is_never_offered_their_own_number() -> None:
    app = app_with({"447700900001": None, "861002": None, "447700900002": None})
    assert list(candidates(app, ask("447700900001", "447700900002"), tag)) == ["861002"]


def keyed(secret: str) -> KeyedDigest:
    return FieldEncryption({"current": "1", "1": secret * 64}, SYSTEM.random_bytes).label


def firsts(app: App, key: KeyedDigest, pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [next(candidates(app, ask(*pair), key)) for pair in pairs]


def shown(app: App, key: KeyedDigest, pairs: Sequence[tuple[str, str]]) -> list[str]:
    return [shown_number(app, call(*pair), key) for pair in pairs]


def call(a: str, b: str) -> CallAsk:
    people = (Subscriber(a), (Subscriber(b),))
    return CallAsk("user", *people, conference=False, max_s=60, record=False)


def unkeyed(app: App, pair: tuple[str, str]) -> str:
    """What anybody can work out who knows the two numbers and the pool."""
    seed = hashlib.sha256("|".join(sorted(pair)).encode()).digest()[:16]
    pool = app.pool.numbers(None)
    return pool[int.from_bytes(seed, "big") % len(pool)]


@pytest.mark.parametrize("choose", [firsts, shown])
def test_without_the_key_a_guess_at_the_choice_is_as_good_as_chance(choose: Any) -> None:
    app, size = app_with(numbers(20)), 2000
    pairs = [("447700900001", str(10**10 + i)) for i in range(size)]
    chosen = choose(app, keyed("k"), pairs)
    guesses = {
        "as it was before": [unkeyed(app, pair) for pair in pairs],
        "with another key": choose(app, keyed("l"), pairs),
        "by the same pairs in an app of one's own": choose(
            replace(app, name="other"), keyed("k"), pairs
        ),
    }
    for how, guessed in guesses.items():
        hits = sum(map(eq, chosen, guessed))
        # 100 of 2000 are expected, with a deviation of 9.7.
        assert 55 < hits < 145, how


@pytest.mark.parametrize("choose", [firsts, shown])
def test_the_choice_is_the_same_again_and_whoever_comes_first(choose: Any) -> None:
    app, pairs = app_with(numbers(50)), [("447700900001", str(10**10 + i)) for i in range(50)]
    chosen = choose(app, keyed("k"), pairs)
    assert choose(app, keyed("k"), pairs) == chosen
    assert choose(app, keyed("k"), [pair[::-1] for pair in pairs]) == chosen


def test_a_choice_costs_one_keyed_digest_and_none_for_a_number_that_was_asked_for() -> None:
    asked: list[tuple[str, ...]] = []

    def counting(*parts: str) -> str:
        asked.append(parts)
        return tag(*parts)

    app = app_with(numbers(30))
    assert len(list(candidates(app, ask("447700900001", "447700900002"), counting))) == 30
    assert len(asked) == 1
    list(candidates(app, ask("447700900001", "447700900002", number="8610000000001"), counting))
    assert len(asked) == 1
