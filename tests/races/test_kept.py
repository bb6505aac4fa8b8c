"""Many instances over carriers that bind whatever they are asked to, answer now and then, and whose
callers die: nobody is crossed there, and in the end they have what we have and nothing else."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import pytest

from chalicelib.core import errors
from chalicelib.core.bindings.lease import LeaseWork
from chalicelib.core.bindings.lease_rules import LOOK_MS
from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import Book, Died, Keeper, fails, keeping
from tests.attacks.swapping import SwappingBook, SwappingKeeper, swapping
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber
from tests.races.crowd import Crowd, crowd_of
from tests.races.transfers import open_to_all
from tests.sizes import seeds, size

THREADS = 24
ROUNDS = size("ROUNDS", gate=8, large=40)
SEEDS = seeds()
COOLING_S = 300
CONFLICTS = 0.1
FAILURES = 0.25
NUMBERS = [number(i) for i in range(4)]
PEOPLE = [subscriber(i) for i in range(7)]
LATECOMERS = [subscriber(i) for i in range(7, 9)]


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
    """Live bindings at the carrier that share an X and one of two people, not both; and an XA that
    another's came upon."""
    replaced = book.replaced if isinstance(book, SwappingBook) else []
    return [*replaced, *_sharing(book, now=now)]


def _sharing(book: Book, *, now: int) -> list[tuple[Any, Any]]:
    return [
        (one, other)
        for one, other in combinations(book.live(now=now), 2)
        if one.number == other.number and len(one.people & other.people) == 1
    ]


@dataclass
class Clients:
    """Whoever asks in one round. Each request answers a facade's code, 0 for a process that died,
    -1 for a schedule."""

    app: Backend
    known: list[str]
    now: int

    def bind(self, a: str, b: str, request_id: str, minutes: int) -> Callable[[Gateway], int]:
        def ask(gateway: Gateway) -> int:
            with suppress(Died):
                reply = self.app.bind(
                    gateway, a, b, now=self.now, minutes=minutes, request_id=request_id
                )
                if reply["code"] == 200:
                    self.known.append(reply["bindId"])
                return int(reply["code"])
            return 0

        return ask

    def open_to_all(self, a: str, request_id: str, minutes: int) -> Callable[[Gateway], int]:
        def ask(gateway: Gateway) -> int:
            with suppress(Died):
                reply = open_to_all(
                    gateway, "demo", a, request_id=request_id, minutes=minutes, now=self.now
                )
                if reply["code"] == 200:
                    self.known.append(reply["bindId"])
                return int(reply["code"])
            return 0

        return ask

    def change(self, operation: str, binding: str) -> Callable[[Gateway], int]:
        more = {"delta": 5} if operation == "delay" else {}

        def ask(gateway: Gateway) -> int:
            with suppress(Died):
                reply = self.app.call(gateway, operation, now=self.now, bindId=binding, **more)
                return int(reply["code"])
            return 0

        return ask

    def attend(self, duty: LeaseWork) -> Callable[[Gateway], int]:
        def run_once(gateway: Gateway) -> int:
            with suppress(Died):
                gateway.shared(schedules.lease_jobs).run(duty, now=self.now, time_left=lambda: True)
            return -1

        return run_once


def requests(rng: random.Random, clients: Clients, *, opens: bool) -> list[Callable[..., int]]:
    """One request for each instance, of what the clients of a round may want."""
    asked = [clients.attend("pending"), clients.attend("pending"), clients.attend("lease")]
    while len(asked) < THREADS:
        if clients.known and rng.random() < 0.4:
            operation = rng.choice(["unbind", "delay"])
            asked.append(clients.change(operation, rng.choice(clients.known)))
            continue
        a, b = rng.sample(PEOPLE, 2)
        copies, minutes, name = rng.choice([1, 1, 2]), rng.choice([2, 5, 3000]), f"{rng.random()}"
        if opens and rng.random() < 1 / 3:
            asked += [clients.open_to_all(a, name, minutes)] * copies
        else:
            asked += [clients.bind(a, b, name, minutes)] * copies
    return asked[:THREADS]


def run(everybody: Crowd, app: Backend, book: Book, *, seed: int) -> tuple[int, Counter[int]]:
    """So many rounds; the time at their end, and which codes were answered how often."""
    rng, now = random.Random(seed), NOW
    known: list[str] = []
    seen: Counter[int] = Counter()
    for round_ in range(ROUNDS):
        asked = requests(rng, Clients(app, known, now), opens=isinstance(book, SwappingBook))
        seen.update(everybody.at_once(asked))
        assert not crossings(book, now=now), f"seed {seed}, round {round_}"
        now += rng.choice([1_000, LOOK_MS, 3 * MINUTE])
        assert not crossings(book, now=now), f"seed {seed}, round {round_}"
    return now, seen


def query() -> Book:
    """A carrier that can be asked what it has."""
    return Book()


def beside() -> SwappingBook:
    """One that can only be asked for another lease."""
    return SwappingBook(careless=True)


def alone() -> SwappingBook:
    """One that takes no second lease beside the first."""
    return SwappingBook(careless=True, beside=False)


def served(gateway: Gateway, book: Book) -> Keeper | SwappingKeeper:
    """Lets this gateway have its bindings kept in the book; what stands between the two."""
    if not isinstance(book, SwappingBook):
        keeper = keeping(gateway, book)
        keeper.careless = True
        return keeper
    swapped = swapping(gateway, book)
    swapped.lease_ms = 6 * MINUTE
    return swapped


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("carrier", [query, beside, alone])
def test_gateway_and_carrier_agree_in_the_end(
    here: Stage, carrier: Callable[[], Book], seed: int
) -> None:
    app = here.app("demo", NUMBERS, cooling_s=COOLING_S)
    book = carrier()
    instances = [here.instance() for _ in range(THREADS)]
    for i, each in enumerate(instances):
        keeper = served(each, book)
        keeper.after = Unreliable(seed * 1000 + i)
        keeper.before = Unreliable(seed * 1000 + 500 + i).before
    with (
        crowd_of(instances) as everybody,
        here.conflicts(CONFLICTS, random.Random(seed)) as conflicts,
    ):
        now, seen = run(everybody, app, book, seed=seed)
    # Without these it was no attack.
    assert conflicts
    assert {0, 200, 404, 514, 603} <= seen.keys() <= {-1, 0, 200, 404, 416, 431, 514, 603}, seen

    healthy = here.instance()
    served(healthy, book)
    for _ in range(12):
        now += MINUTE
        for duty in ("pending", "lease"):
            run_ = healthy.shared(schedules.lease_jobs).run(duty, now=now, time_left=lambda: True)
        assert not crossings(book, now=now), f"seed {seed}"
    assert (run_.put_off, run_.taken) == (0, 0)
    healthy.cleaner.clean(now=now + LATER_MS, time_left=lambda: True)
    # Clients may have unbound everything by now; two others still find a number.
    later = app.bind(healthy, *LATECOMERS, now=now, minutes=5, request_id="later")
    assert later["code"] == 200, f"seed {seed}"
    ours = [
        info["bindId"]
        for x in NUMBERS
        for info in app.call(healthy, "query", now=now, opType=0, phoneX=x)["bindInfos"]
    ]
    assert sorted(entry.ours for entry in book.live(now=now)) == sorted(ours), f"seed {seed}"
    assert here.quota_used("demo") == here.live("demo", now=now) == len(ours), f"seed {seed}"
    assert later["bindId"] in ours
    assert not isinstance(book, SwappingBook) or not book.mismatches


@pytest.mark.parametrize("carrier", [query, beside, alone])
@pytest.mark.parametrize("lost", [False, True])
def test_one_request_that_all_send_is_one_binding_there(
    here: Stage, carrier: Callable[[], Book], lost: bool
) -> None:
    app = here.app("demo", NUMBERS, cooling_s=COOLING_S)
    book = carrier()
    instances = [here.instance() for _ in range(THREADS)]
    for each in instances:
        served(each, book)
    a, b = PEOPLE[:2]

    def bind(gateway: Gateway) -> dict[str, Any]:
        return app.bind(gateway, a, b, now=NOW, minutes=5, request_id="one")

    if lost:
        dead = here.instance()
        served(dead, book).after = fails("bind", Died())
        with suppress(Died):
            bind(dead)
    with crowd_of(instances) as everybody:
        replies = everybody.at_once([bind] * THREADS)
    bound = bind(instances[0])
    assert bound["code"] == 200
    assert all(reply == bound for reply in replies if reply["code"] == 200)
    assert {reply["code"] for reply in replies} <= {200, 416, 431}
    assert [entry.ours for entry in book.live(now=NOW)] == [bound["bindId"]]
    assert here.quota_used("demo") == here.live("demo", now=NOW) == 1
