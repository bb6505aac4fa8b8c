"""Many instances over a carrier that binds whatever it is asked to, answers now and then, and whose
callers die: nobody is crossed there, and in the end it has what we have and nothing else."""

import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import combinations
from typing import Any

import pytest

from chalicelib.bootstrap import Gateway
from chalicelib.core import errors
from chalicelib.core.leases import GRACE_MS
from chalicelib.core.ports import Duty
from tests.attacks.keepers import Book, Died, keeping
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber
from tests.races.crowd import Crowd, crowd_of

THREADS = 24
ROUNDS = int(os.environ.get("ROUNDS") or (40 if os.environ.get("CI") == "true" else 8))
SEEDS = [int(seed) for seed in os.environ.get("SEEDS", "1").split()]
COOLING_S = 120
CONFLICTS = 0.1
FAILURES = 0.25
NUMBERS = [number(i) for i in range(4)]
PEOPLE = [subscriber(i) for i in range(7)]


class Unreliable:
    """What happens at one instance's carrier, before and after each call takes effect."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def __call__(self, _: str) -> None:
        if self._rng.random() < FAILURES / 2:
            raise self._rng.choice([errors.Unavailable("silence"), Died()])

    def before(self, call: str) -> None:
        if self._rng.random() < FAILURES / 2:
            raise errors.NotReached("down")
        self(call)


def crossings(book: Book, *, now: int) -> list[tuple[Any, Any]]:
    """Live bindings at the carrier that share an X and one of two people, not both."""
    return [
        (one, other)
        for one, other in combinations(book.live(now=now), 2)
        if one.number == other.number and len(one.people & other.people) == 1
    ]


def requests(
    rng: random.Random, app: Backend, known: list[str], now: int
) -> list[Callable[..., int]]:
    """One request for each instance, of what the clients of a round may want."""

    def bind(a: str, b: str, request_id: str, minutes: int) -> Callable[[Gateway], int]:
        def ask(gateway: Gateway) -> int:
            with suppress(Died):
                reply = app.bind(gateway, a, b, now=now, minutes=minutes, request_id=request_id)
                if reply["code"] == 200:
                    known.append(reply["bindId"])
                return int(reply["code"])
            return 0

        return ask

    def change(operation: str, binding: str) -> Callable[[Gateway], int]:
        more = {"delta": 5} if operation == "delay" else {}

        def ask(gateway: Gateway) -> int:
            with suppress(Died):
                return int(app.call(gateway, operation, now=now, bindId=binding, **more)["code"])
            return 0

        return ask

    def attend(duty: Duty) -> Callable[[Gateway], int]:
        def run_once(gateway: Gateway) -> int:
            with suppress(Died):
                gateway.upkeep.run(duty, now=now, time_left=lambda: True)
            return -1

        return run_once

    asked: list[Callable[..., int]] = [attend("intent"), attend("intent"), attend("lease")]
    while len(asked) < THREADS:
        if known and rng.random() < 0.4:
            asked.append(change(rng.choice(["unbind", "delay"]), rng.choice(known)))
        else:
            a, b = rng.sample(PEOPLE, 2)
            copies = rng.choice([1, 1, 2])
            minutes = rng.choice([2, 5, 3000])
            asked += [bind(a, b, f"{rng.random()}", minutes)] * copies
    return asked[:THREADS]


def run(everybody: Crowd, app: Backend, book: Book, *, seed: int) -> tuple[int, Counter[int]]:
    """So many rounds; the time at their end, and which codes were answered how often."""
    rng, now = random.Random(seed), NOW
    known: list[str] = []
    codes: Counter[int] = Counter()
    for round_ in range(ROUNDS):
        codes.update(everybody.at_once(requests(rng, app, known, now)))
        assert not crossings(book, now=now), f"seed {seed}, round {round_}"
        now += rng.choice([1_000, GRACE_MS, 3 * MINUTE])
        assert not crossings(book, now=now), f"seed {seed}, round {round_}"
    return now, codes


@pytest.mark.parametrize("seed", SEEDS)
def test_gateway_and_carrier_agree_in_the_end(here: Stage, seed: int) -> None:
    app = here.app("demo", NUMBERS, cooling_s=COOLING_S)
    book = Book()
    instances = [here.instance() for _ in range(THREADS)]
    for i, each in enumerate(instances):
        keeper = keeping(each, book)
        keeper.careless = True
        keeper.after = Unreliable(seed * 1000 + i)
        keeper.before = Unreliable(seed * 1000 + 500 + i).before
    with (
        crowd_of(instances) as everybody,
        here.conflicts(CONFLICTS, random.Random(seed)) as conflicts,
    ):
        now, codes = run(everybody, app, book, seed=seed)
    # Without these it was no attack.
    assert conflicts
    assert {0, 200, 404, 514, 603} <= codes.keys() <= {-1, 0, 200, 404, 416, 431, 514, 603}, codes

    healthy = here.instance()
    keeping(healthy, book)
    for _ in range(8):
        now += 6 * MINUTE
        for duty in ("intent", "lease"):
            seen = healthy.upkeep.run(duty, now=now, time_left=lambda: True)
    assert (seen.put_off, seen.taken) == (0, 0)
    healthy.cleaner.clean(now=now, time_left=lambda: True)
    ours = [
        info["bindId"]
        for x in NUMBERS
        for info in app.call(healthy, "query", now=now, opType=0, phoneX=x)["bindInfos"]
    ]
    assert sorted(entry.ours for entry in book.live(now=now)) == sorted(ours), f"seed {seed}"
    assert here.quota_used("demo") == here.live("demo", now=now) == len(ours), f"seed {seed}"
    assert ours
