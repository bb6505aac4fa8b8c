"""interline fails at random, whatever it is asked: in the end gateway and carrier agree."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.contract.backends import InterlineBackend
from tests.contract.here import Here

pytestmark = pytest.mark.parametrize("world", ["here"], indirect=True, scope="module")

KINDS = ["refuse", "502", "html", "half_json", "code_1500"]
FAULTS = KINDS + [f"{kind}_after" for kind in KINDS]
STEPS = 45
WAITS = [(0, 1), (0, 1), (1, 1), (2, 1), (30, 10), (360, 60)]
"""Minutes that pass between two requests, and how often the schedules run meanwhile."""
BROKEN = 0.4
MINUTE_MS = 60_000
DAY_S = 24 * 60 * 60
LONGEST_MINUTES = 2 * 24 * 60


@dataclass
class Known:
    """A binding as its app remembers it: an id if it knows that there is one, and when it asked
    for it first and last (epoch ms). A transfer has no second person."""

    a: str
    b: str | None
    x: str
    request_id: str
    seconds: int
    first: int
    last: int
    id: str | None = None
    released: bool = False

    def is_live(self, now: int) -> bool | None:
        """Whether it has to be there; None if it may."""
        if self.released or now > self.last + 1000 * self.seconds + MINUTE_MS:
            return False
        return True if self.id and now < self.first + 1000 * self.seconds else None


@pytest.fixture
def carrier() -> str:
    return "interline"


@pytest.fixture(autouse=True)
def afterwards_all_is_well(world: Here) -> Iterator[None]:
    yield
    world.interline.recover()
    world.interline.set(overlap=True)


class Storm:
    """An app that binds and releases, and repeats what it heard nothing of."""

    def __init__(
        self, world: Here, app: InterlineBackend, somebody: Callable[[], str], seed: int
    ) -> None:
        self.world, self.app, self._somebody = world, app, somebody
        self._rng = random.Random(seed)
        self._transfers = [*app.numbers]
        self.known: list[Known] = []

    def step(self) -> None:
        """One request, which fails more often than not; then some time passes."""
        if self._rng.random() < BROKEN:
            self.world.interline.fail("*", self._rng.choice(FAULTS))
        self._rng.choice([self._begin, self._begin, self._repeat, self._release])()
        minutes, every = self._rng.choice(WAITS)
        self.world.work(minutes=minutes, every=every)

    def _begin(self) -> None:
        rng = self._rng
        transfer = bool(self._transfers) and rng.random() < 0.2
        x = self._transfers.pop() if transfer else rng.choice(self.app.numbers)
        seconds = rng.choice([60, 1800, DAY_S, 2 * DAY_S])
        people = self._somebody(), None if transfer else self._somebody()
        now = self.world.clock.now
        self.known.append(Known(*people, x, uuid4().hex, seconds, first=now, last=now))
        self._ask(self.known[-1])

    def _repeat(self) -> None:
        unheard = [each for each in self.known if each.id is None and not each.released]
        if unheard:
            self._ask(self._rng.choice(unheard))

    def _release(self) -> None:
        live = [each for each in self.known if each.id and not each.released]
        if live:
            self.end(self._rng.choice(live))

    def _ask(self, wanted: Known) -> None:
        wanted.last = self.world.clock.now
        if wanted.b is None:
            ttl, reqid = str(wanted.seconds), wanted.request_id
            reply = self.app.transfer(wanted.x, wanted.a, ttl=ttl, reqid=reqid)
        else:
            reply = self.app.bind(
                wanted.a,
                wanted.b,
                number=wanted.x,
                seconds=wanted.seconds,
                request_id=wanted.request_id,
            )
        if reply.means == "mismatch":
            # It was bound, its app never heard of it, and it is over.
            assert self.world.clock.now >= wanted.first + 1000 * wanted.seconds
            wanted.released = True
            return
        assert reply.means in ("done", "not known")
        assert wanted.id in (None, reply.id)
        wanted.id = reply.id or None

    def end(self, known: Known) -> None:
        """Releases it; what fails is carried through by the schedules."""
        assert known.id
        assert self.app.release(known.id) in ("done", "not known")
        known.released = True

    def held(self, known: Known) -> list[str]:
        """Our ids of what the carrier has of these people."""
        people = [person for person in (known.a, known.b) if person]
        return [each["userData"] for each in self.world.interline.holds(*people)]

    def reached(self, known: Known) -> str | None:
        """Whom somebody reaches over its X: its B, or of a transfer anybody."""
        rang = self.world.rings(known.b or self._somebody(), known.x)
        return rang[0] if rang else None


@pytest.mark.parametrize(("overlap", "seed"), [(True, 1), (False, 2)])
def test_in_the_end_they_agree(
    world: Here, developer: InterlineBackend, somebody: Callable[[], str], seed: int, overlap: bool
) -> None:
    world.interline.set(overlap=overlap)
    storm = Storm(world, developer, somebody, seed)
    for _ in range(STEPS):
        storm.step()
    world.interline.recover()
    world.work(minutes=8, every=1)
    expected = [each.is_live(world.clock.now) for each in storm.known]
    assert {True, False} <= {*expected}
    for each, live in zip(storm.known, expected, strict=True):
        held = storm.held(each)
        assert len(held) <= 1
        assert live is None or bool(held) == live
        assert each.id is None or held in ([], [each.id])
        assert bool(held) == (storm.reached(each) == each.a)
    for each in storm.known:
        if each.id and not each.released:
            storm.end(each)
            assert storm.held(each) == []
    # What was never acknowledged ends by itself.
    world.work(minutes=LONGEST_MINUTES, every=30)
    assert [storm.held(each) for each in storm.known] == [[] for _ in storm.known]
    world.work(minutes=2 * 60, every=60)
    assert world.used(developer.name) == 0
