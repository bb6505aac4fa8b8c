"""In which order an app's numbers are tried: each once, the same for a pair, evenly spread."""

import random
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from chalicelib.core.allocation import candidates
from chalicelib.core.values import Ask, Subscriber
from tests.core.samples import app_with


def ask(a: str, b: str, **more: Any) -> Ask:
    values = {"number": None, "area": None, "lifetime_ms": 1, "record": False, "user_data": ""}
    return Ask(a=Subscriber(a), b=Subscriber(b), **(values | more))


def numbers(count: int) -> dict[str, str | None]:
    return {f"8610000{i:06d}": None for i in range(count)}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 12, 30, 97, 210, 1024])
def test_every_number_comes_exactly_once(size: int) -> None:
    app = app_with(numbers(size))
    for i in range(20):
        order = list(candidates(app, ask("447700900001", f"4477009001{i:02d}")))
        assert sorted(order) == sorted(app.pool.areas)


def test_the_pair_alone_decides_and_its_order_does_not() -> None:
    app = app_with(numbers(50))
    order = list(candidates(app, ask("447700900001", "447700900002")))
    assert list(candidates(app, ask("447700900002", "447700900001"))) == order
    assert list(candidates(app, ask("447700900001", "447700900003"))) != order


def test_first_choices_are_spread_evenly() -> None:
    # chi-square over 20 numbers, 19 degrees of freedom: 43.8 is passed once in a thousand seeds.
    app, draws, chance = app_with(numbers(20)), 4000, random.Random(7)
    firsts = Counter(
        next(candidates(app, ask(str(chance.randrange(10**9, 10**10)), "447700900001")))
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
        first, second = islice(candidates(app, ask("447700900001", str(10**9 + i))), 2)
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
        assert len(list(islice(candidates(app, ask("447700900001", "447700900002")), 4))) == 4
        assert Numbers.reads == 4


def test_an_area_narrows_and_a_number_wins_over_it() -> None:
    app = app_with({"861001": "10", "861002": "10", "862101": "21", "700000000000001": None})
    of_ten = candidates(app, ask("447700900001", "447700900002", area="10"))
    assert sorted(of_ten) == ["861001", "861002"]
    none = candidates(app, ask("447700900001", "447700900002", area="99"))
    assert list(none) == []
    asked = candidates(app, ask("447700900001", "447700900002", area="10", number="862101"))
    assert list(asked) == ["862101"]


def test_a_person_is_never_offered_their_own_number() -> None:
    app = app_with({"447700900001": None, "861002": None, "447700900002": None})
    assert list(candidates(app, ask("447700900001", "447700900002"))) == ["861002"]
