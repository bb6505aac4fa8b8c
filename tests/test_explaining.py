"""What a call would be told agrees with what the switch was told."""

import contextlib
import random
from typing import Any

import pytest

from chalicelib.core import errors
from chalicelib.core.bindings.model import Binding, Direction
from chalicelib.core.durations import DAY_MS
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.bindings.explain import ExplainService, Explanation
from chalicelib.services.bindings.routing import Router
from chalicelib.wiring.api import Api
from tests.gateways import MINUTE, NOW, Stage, number, subscriber
from tests.sizes import seeds, size
from tests.test_changing import COOLING, B, C, D, Desk

QUESTIONS = size("QUESTIONS", gate=1_000, large=10_000)
PEOPLE = [subscriber(i) for i in range(8)]
NUMBERS = [number(i) for i in range(3)]


@pytest.fixture
def desk(here: Stage) -> Desk:
    return Desk(here)


def explaining(desk: Desk) -> ExplainService:
    bindings = desk.gateway.bindings
    return ExplainService(Router(bindings), bindings, desk.search)


def asked(desk: Desk, x: str, caller: str | None, *, at: int | None, now: int) -> Explanation:
    person = Subscriber(caller) if caller else None
    return explaining(desk).explain(desk.app, x, person, at=at, now=now)


class Day:
    """A day on three numbers: something happens every few minutes, and calls are asked about."""

    def __init__(self, desk: Desk, rng: random.Random) -> None:
        self.desk, self.rng, self.now = desk, rng, NOW
        self.live: list[Binding] = []
        self.decided: list[tuple[str, str | None, int, dict[str, Any]]] = []

    def step(self) -> None:
        self.now += self.rng.randrange(1, 20 * MINUTE)
        self.live = [each for each in self.live if each.expires > self.now]
        with contextlib.suppress(errors.NumberTaken, errors.NoNumber, errors.TooManyChanges):
            self._act()

    def _act(self) -> None:
        desk, rng, now = self.desk, self.rng, self.now
        what = rng.choice(["bind"] * 4 + (["b", "end", "more", "way"] if self.live else []))
        if what == "bind":
            a, b = rng.sample(PEOPLE, 2)
            one_sided = rng.random() < 0.2
            lifetime = rng.randrange(1, 90) * MINUTE
            x = rng.choice(NUMBERS)
            self.live.append(
                desk.bind(a, None if one_sided else b, number=x, lifetime_ms=lifetime, now=now)
            )
            return
        index = rng.randrange(len(self.live))
        binding = self.live[index]
        if what == "end":
            desk.gateway.shared(Api).binding_service.release(desk.app, binding.id, now=now)
            del self.live[index]
        elif what == "more":
            moved = {"ttl_ms": rng.randrange(1, 60) * MINUTE}
            self.live[index] = desk.change(binding, now=now, **moved)
        elif binding.b is not None and what == "b":
            b = rng.choice([each for each in PEOPLE if each != binding.a.digits])
            self.live[index] = desk.change(binding, b=Subscriber(b), now=now)
        elif binding.b is not None:
            self.live[index] = desk.change(binding, direction=rng.choice(list(Direction)), now=now)

    def call(self) -> None:
        """A call as the switch asks about it; explain says the same of now."""
        x = self.rng.choice(NUMBERS)
        caller = self.rng.choice([*PEOPLE, subscriber(99), None])
        answer = self.desk.switch.route(self.desk.gateway, caller or "", x, now=self.now)
        self.decided.append((x, caller, self.now, answer))
        explained = asked(self.desk, x, caller, at=None, now=self.now)
        agree(explained, answer, past=False)


def agree(explained: Explanation, answer: dict[str, Any], *, past: bool) -> None:
    """Decision and person, and the binding where the switch was told one; for now, why, too."""
    assert (explained.to.digits if explained.to else None) == answer.get("to")
    if "binding" in answer:
        assert explained.binding is not None
        assert explained.binding.id == answer["binding"]
    if not past:
        assert explained.reason == answer.get("reason")
    if explained.to is not None:
        assert explained.since is not None
        assert explained.until is not None


@pytest.mark.parametrize("seed", seeds())
def test_it_says_what_the_switch_was_told(desk: Desk, seed: int) -> None:
    day = Day(desk, random.Random(seed))
    for _ in range(QUESTIONS // 10):
        day.step()
        for _ in range(10):
            day.call()
    later = day.now + 60 * MINUTE
    connected = 0
    for x, caller, at, answer in day.decided:
        explained = asked(desk, x, caller, at=at, now=later)
        try:
            agree(explained, answer, past=True)
        except AssertionError as error:
            error.add_note(f"seed {seed}, {x} {caller} at {at}, the switch was told {answer}")
            raise
        connected += explained.to is not None
        if explained.since is not None and explained.until is not None:
            assert explained.since <= at < explained.until
    assert connected > len(day.decided) / 10


def test_it_holds_from_when_until_when(desk: Desk) -> None:
    bound = desk.bind()
    explained = asked(desk, bound.number, bound.a.digits, at=None, now=NOW)
    assert (explained.since, explained.until) == (NOW, bound.expires)
    changed = NOW + MINUTE
    desk.change(bound, b=Subscriber(PEOPLE[5]), now=changed)
    explained = asked(desk, bound.number, bound.a.digits, at=NOW, now=changed)
    assert explained.to == bound.b
    assert (explained.since, explained.until) == (NOW, changed)
    explained = asked(desk, bound.number, PEOPLE[1], at=None, now=changed)
    assert explained.reason == "cooling"
    assert (explained.since, explained.until) == (changed, changed + COOLING)


def test_cooling_counts_from_the_last_time_that_somebody_was_b(desk: Desk) -> None:
    bound = desk.bind()
    for minute, change in enumerate(
        [{"b": Subscriber(C)}, {"record": True}, {"b": bound.b}, {"b": Subscriber(D)}], 1
    ):
        desk.change(bound, now=NOW + minute * MINUTE, **change)
    for person, left in ((C, NOW + 3 * MINUTE), (B, NOW + 4 * MINUTE)):
        explained = asked(desk, bound.number, person, at=None, now=NOW + 4 * MINUTE)
        assert explained.reason == "cooling"
        assert (explained.since, explained.until) == (left, left + COOLING)


def test_of_later_it_says_what_is_known_by_now(desk: Desk) -> None:
    bound = desk.bind()
    caller = bound.a.digits
    last = asked(desk, bound.number, caller, at=bound.expires - 1, now=NOW)
    assert last.to == bound.b
    over = asked(desk, bound.number, caller, at=bound.expires, now=NOW)
    assert (over.to, over.reason) == (None, "expired")
    assert over.until == bound.expires + COOLING


def test_what_can_not_be_told(desk: Desk, here: Stage) -> None:
    here.app("other", [number(7)])
    with pytest.raises(errors.UnknownNumber):
        asked(desk, number(7), PEOPLE[0], at=None, now=NOW)
    with pytest.raises(errors.UnknownNumber):
        asked(desk, number(8), PEOPLE[0], at=None, now=NOW)
    with pytest.raises(errors.NotKept):
        asked(desk, NUMBERS[0], PEOPLE[0], at=NOW - 181 * DAY_MS, now=NOW)
    unknown = asked(desk, NUMBERS[0], PEOPLE[0], at=NOW - 1, now=NOW)
    assert (unknown.to, unknown.reason, unknown.binding) == (None, None, None)
