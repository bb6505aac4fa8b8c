"""64 instances bind, delay, change and unbind overlapping pairs and XAs on five numbers, while a
cleaner runs."""

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from chalicelib.core import errors
from chalicelib.core.bindings.change import Change
from chalicelib.core.bindings.model import Binding
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import Gateway
from tests.gateways import MINUTE, NOW, Backend, Stage, Switch, number, subscriber
from tests.races.crowd import Crowd, crowd, crowd_of
from tests.races.ledger import Entry, Ledger
from tests.races.transfers import EVERYBODY, open_to_all
from tests.sizes import seeds, size

THREADS = 64
# The whole of it takes a few minutes: it is the gate's, a developer's run takes a sample.
ROUNDS = size("ROUNDS", gate=20, large=200)
SEEDS = seeds()
COOLING_S = 300
CONFLICTS = 0.15
"""Share of transactions that meet another one and have to come again."""
NUMBERS = [number(i) for i in range(5)]
PEOPLE = [subscriber(i) for i in range(8)]
STRANGER = subscriber(99)

_MAY_ANSWER = {
    "bind_on": {200, 602, 416},
    "bind": {200, 603, 416},
    "open_on": {200, 602, 416},
    "open": {200, 603, 416},
    "unbind": {200, 416},
    "delay": {200, 404, 416},
    "change_b": {200, 404, 416, 602},
}
"""Operation -> codes. Never 500 or 514; 416 says: nothing was changed, try again."""


@dataclass(frozen=True)
class Move:
    """One request of a round."""

    operation: str
    a: str = ""
    b: str = ""
    number: str = ""
    minutes: int = 0
    binding: str = ""

    def send(self, gateway: Gateway, *, app: Backend, now: int) -> dict[str, Any]:
        """The facade's reply."""
        match self.operation:
            case "bind_on":
                return app.bind(
                    gateway, self.a, self.b, now=now, minutes=self.minutes, phoneX=self.number
                )
            case "bind":
                return app.bind(gateway, self.a, self.b, now=now, minutes=self.minutes)
            case "open_on" | "open":
                return open_to_all(
                    gateway,
                    app.name,
                    self.a,
                    request_id=os.urandom(8).hex(),
                    minutes=self.minutes,
                    now=now,
                    number=self.number or None,
                )
            case "change_b":
                return _change_b(gateway, app.name, self.binding, self.b, now=now)
            case "unbind":
                return app.call(gateway, "unbind", now=now, bindId=self.binding)
            case _:
                return app.call(gateway, "delay", now=now, bindId=self.binding, delta=self.minutes)


@dataclass
class Race:
    """A race on its way: who takes part, what was acknowledged, what time it is."""

    crowd: Crowd
    app: Backend
    switch: Switch
    rng: random.Random
    ledger: Ledger
    now: int = NOW
    held_b: set[tuple[str, str]] = field(default_factory=set)
    history: list[tuple[int, Move, dict[str, Any]]] = field(default_factory=list)
    """All that was answered, and when."""

    def round(self) -> Counter[tuple[str, int]]:
        """One round: everybody acts at once, then everything is checked. Counts the answers."""
        held_before = self._held()
        self.held_b = {
            (entry.id, b)
            for entry in self.ledger.live(self.now)
            for b in PEOPLE
            if self.ledger.holds_b(entry.id, b, now=self.now)
        }
        moves = [self._move() for _ in range(THREADS - 1)]
        actions: list[Callable[[Gateway], Any]] = [
            partial(move.send, app=self.app, now=self.now) for move in moves
        ]
        now = self.now
        *replies, _ = self.crowd.at_once(
            [*actions, lambda gateway: gateway.cleaner.clean(now=now, time_left=lambda: True)]
        )
        answered = list(zip(moves, replies, strict=True))
        self.history += [(self.now, move, reply) for move, reply in answered]
        self._note(answered)
        self._check_answers(answered, held_before)
        for crossed in self.ledger.crossings():
            pytest.fail(self._told(*crossed))
        self._check_routes()
        self._check_queries()
        return Counter((move.operation, reply["code"]) for move, reply in answered)

    def _told(self, *entries: Entry) -> str:
        """Two bindings that crossed, and what was answered about them."""
        ids = {entry.of or entry.id for entry in entries}
        about = [
            f"{now} {move} {reply}"
            for now, move, reply in self.history
            if move.binding in ids or reply.get("bindId") in ids
        ]
        return "\n".join(["crossed:", *map(str, entries), *about])

    def _move(self) -> Move:
        live = self.ledger.live(self.now)
        minutes = self.rng.randint(1, 3)
        operations = ["bind_on"] * 5 + ["bind", "open_on", "open"]
        operations += ["unbind", "delay"] * 2 if live else []
        pairs = [entry for entry in live if entry.b != EVERYBODY]
        operations += ["change_b"] * 3 if pairs else []
        operation = self.rng.choice(operations)
        if operation == "change_b":
            entry = self.rng.choice(pairs)
            b = self.rng.choice([each for each in PEOPLE if each != entry.a])
            return Move(operation, binding=entry.id, b=b)
        if operation in ("unbind", "delay"):
            return Move(operation, binding=self.rng.choice(live).id, minutes=minutes)
        a, b = self.rng.sample(PEOPLE, 2)
        b = EVERYBODY if operation.startswith("open") else b
        x = self.rng.choice(NUMBERS) if operation.endswith("_on") else ""
        return Move(operation, a=a, b=b, number=x, minutes=minutes)

    def _held(self) -> set[tuple[str, str, str]]:
        return {
            (x, a, b)
            for x in NUMBERS
            for a in PEOPLE
            for b in (*PEOPLE, EVERYBODY)
            if a != b and self.ledger.holds(x, a, b, now=self.now)
        }

    def _note(self, answered: list[tuple[Move, dict[str, Any]]]) -> None:
        acknowledged = [(move, reply) for move, reply in answered if reply["code"] == 200]
        for binding in {move.binding for move, _ in acknowledged if move.binding}:
            own = [move for move, _ in acknowledged if move.binding == binding]
            if changed := [move.b for move in own if move.operation == "change_b"]:
                self.ledger.reassigned(binding, changed, self._b_of(binding), now=self.now)
            self.ledger.changed(
                binding,
                delayed=sum(move.minutes for move in own if move.operation == "delay"),
                released=any(move.operation == "unbind" for move in own),
                now=self.now,
            )
        for move, reply in acknowledged:
            if not move.binding:
                self.ledger.bound(reply, move.a, move.b, now=self.now, minutes=move.minutes)

    def _b_of(self, binding: str) -> str:
        stands = self.crowd.all_of([lambda gateway: _standing(gateway, self.app.name, binding)])[0]
        assert stands.b is not None
        return stands.b.digits

    def _check_answers(
        self,
        answered: list[tuple[Move, dict[str, Any]]],
        held_before: set[tuple[str, str, str]],
    ) -> None:
        held = held_before | self._held()
        for move, reply in answered:
            assert reply["code"] in _MAY_ANSWER[move.operation], (move, reply)
            # A refusal has a reason: whatever was free all the time is found.
            if move.operation == "change_b" and reply["code"] == 602:
                held_now = self.ledger.holds_b(move.binding, move.b, now=self.now)
                assert held_now or (move.binding, move.b) in self.held_b, (move, reply)
            elif reply["code"] == 602:
                assert (move.number, move.a, move.b) in held, (move, reply)
            if reply["code"] == 603:
                assert all((x, move.a, move.b) in held for x in NUMBERS), (move, reply)

    def _check_routes(self) -> None:
        """Every caller on every X reaches whom he was promised, and nobody else anybody."""
        now = self.now
        asked = [(person, x) for x in NUMBERS for person in (*PEOPLE, STRANGER, None)]
        reached = self.crowd.all_of(
            [partial(self._reached, person=person, number=x, now=now) for person, x in asked]
        )
        for (person, x), peer in zip(asked, reached, strict=True):
            promised = self.ledger.peers(x, person, now=now)
            assert ({peer} if peer else set()) == promised, (person, x)

    def _reached(self, gateway: Gateway, person: str | None, number: str, now: int) -> str | None:
        return self.switch.reached(gateway, person or "", number, now=now)

    def _check_queries(self) -> None:
        for x in NUMBERS:
            infos = self.crowd.all_of(
                [lambda g, x=x: self.app.call(g, "query", now=self.now, opType=0, phoneX=x)]
            )[0]["bindInfos"]
            shown = {(each["bindId"], each["expireTime"]) for each in infos}
            live = self.ledger.live(self.now)
            assert shown == {(each.id, each.expires) for each in live if each.number == x}

    def advance(self) -> None:
        """To a moment at which something begins or ends, or one ms before it."""
        ends = [entry.expires for entry in self.ledger.entries.values()]
        moments = [*ends, *(end + COOLING_S * 1000 for end in ends)]
        steps = [m - early for m in moments for early in (0, 1) if m - early > self.now]
        soon = [self.now + 1000] * (len(steps) + 1)
        self.now = self.rng.choice([*steps, *soon, self.now + 5 * MINUTE])
        self.ledger.forget(now=self.now)


def _change_b(gateway: Gateway, app: str, binding: str, b: str, *, now: int) -> dict[str, Any]:
    """A reaches another B; answered in NetEase's codes, which has no words for it."""
    profile = gateway.apps.get(app)
    assert profile is not None
    request = RequestId(os.urandom(16).hex(), "c" * 32, explicit=True)
    change = Change(b=Subscriber(b))
    try:
        gateway.shared(Api).binding_service.change(profile, binding, change, request, now=now)
    except errors.NumberTaken:
        return {"code": 602}
    except errors.BindingEnded:
        return {"code": 404}
    except errors.Contended:
        return {"code": 416}
    return {"code": 200}


def _standing(gateway: Gateway, app: str, binding: str) -> Binding:
    profile = gateway.apps.get(app)
    assert profile is not None
    return gateway.shared(Api).binding_service.get(profile, binding)


def _run(here: Stage, everybody: Crowd, *, seed: int, rounds: int) -> None:
    """So many rounds, and in the end the quota."""
    app, switch = here.apps["demo"], here.switches["switch"]
    counted: Counter[tuple[str, int]] = Counter()
    with here.conflicts(CONFLICTS, random.Random(seed)) as conflicts:
        race = Race(everybody, app, switch, random.Random(seed), Ledger(cooling=COOLING_S * 1000))
        for round_ in range(rounds):
            try:
                counted += race.round()
            except (AssertionError, pytest.fail.Exception) as error:
                error.add_note(f"seed {seed}, round {round_}")
                raise
            race.advance()
    here.instance().cleaner.clean(now=race.now + LATER_MS, time_left=lambda: True)
    assert here.quota_used("demo") == here.live("demo", now=race.now), f"seed {seed}"
    print(f"seed {seed}, {rounds} rounds: {sorted(counted.items())}")
    # Without these it was not a race.
    assert conflicts
    assert {("bind_on", 200), ("bind_on", 602), ("unbind", 200), ("delay", 200)} <= counted.keys()
    assert {("open_on", 200), ("open_on", 602), ("open", 200)} <= counted.keys()
    assert {("change_b", 200), ("change_b", 602)} <= counted.keys()


@pytest.fixture
def demo(here: Stage) -> Stage:
    here.app("demo", NUMBERS, cooling_s=COOLING_S)
    here.switch()
    return here


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_crossed_and_no_promise_is_broken(demo: Stage, seed: int) -> None:
    with crowd(demo, THREADS) as everybody:
        _run(demo, everybody, seed=seed, rounds=ROUNDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_nor_while_a_data_key_is_replaced(demo: Stage, seed: int) -> None:
    """Half of the instances write the old version, half the new one."""
    old_and_new = demo.rotation()
    with crowd_of(old_and_new * (THREADS // 2)) as everybody:
        _run(demo, everybody, seed=seed, rounds=max(8, ROUNDS // 10))


def test_the_ledger_sees_a_crossing() -> None:
    ledger = Ledger(cooling=1000)
    for i, (b, start) in enumerate([("2", 0), ("3", MINUTE + 999)]):
        entry = Entry(str(i), "9", a="1", b=b, start=start, expires=start + MINUTE)
        ledger.entries[entry.id] = entry
    assert len(ledger.crossings()) == 1
    ledger.entries["1"].start += 1
    assert not ledger.crossings()


def test_after_a_change_of_b_only_that_b_may_follow() -> None:
    ledger = Ledger(cooling=1000)
    for i, (start, b) in enumerate([(0, "2"), (10, "2"), (30, "3")]):
        ledger.entries[str(i)] = Entry(str(i), "9", a="1", b=b, start=start, expires=start + 10)
    assert ledger.crossings()
    ledger.reassigned("1", ["3"], "3", now=20)
    assert not ledger.crossings()
    ledger.entries["2"].b = "4"
    assert len(ledger.crossings()) == 1


@pytest.mark.parametrize(
    ("person", "now", "peers"),
    [
        ("1", 0, {"2"}),
        ("2", 0, {"1"}),
        ("3", 0, {"4"}),
        (None, 0, {"4"}),
        ("4", 0, set()),
        # The pair is over, and cools.
        ("1", MINUTE, set()),
        ("1", MINUTE + 1000, {"4"}),
        ("5", MINUTE, {"4"}),
        ("4", MINUTE, set()),
    ],
)
def test_the_ledger_knows_who_is_reached(person: str | None, now: int, peers: set[str]) -> None:
    ledger = Ledger(cooling=1000)
    for i, (x, a, b, minutes) in enumerate(
        [("9", "1", "2", 1), ("9", "4", EVERYBODY, 5), ("9", "6", "5", 0), ("8", "5", "3", 9)]
    ):
        ledger.entries[str(i)] = Entry(str(i), x, a=a, b=b, start=0, expires=minutes * MINUTE)
    assert ledger.peers("9", person, now=now) == peers
