"""Looks for schedules that break something: all interleavings, random ones, and the shortest."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import combinations_with_replacement, pairwise

from tests.simulation.oracles import Broken
from tests.simulation.processes import Fault
from tests.simulation.runs import Run, failure
from tests.simulation.schedules import Rival, Scenario, Schedule

LETTERS = {
    "netease": "BNDEUILC",
    "interline": "BNDEUILC",
    "alone": "BNDEUILC",
    "transfer": "BNDEUXILC",
}
USELESS = {
    # Nothing is known to change yet, and nothing to be settled at first.
    "new": "DEULC",
    # The binding is there and nobody asks for it again: its repeat reads and is done.
    "left": "DELUC",
    "lost": "DELUC",
    "bound": "NIC",
    "due": "NIC",
    "ending": "NIL",
}
"""State -> rivals that have nothing to do in it."""
ENDING_MS = "+10ms"
"""How much time may pass once while the end of a binding comes."""


@dataclass(frozen=True, slots=True)
class Found:
    """A schedule and what it breaks."""

    schedule: Schedule
    broken: str


@dataclass(slots=True)
class Explored:
    """How many runs an exploration took, and what it found."""

    runs: int = 0
    states: int = 0
    whole: bool = False
    """Whether nothing is left to be run."""
    found: Found | None = None


def scenarios() -> Iterator[Scenario]:
    """Every two rivals over a binding in every state at each vendor; the second delay and the bind
    of others are nothing new without the first."""
    for vendor, letters in LETTERS.items():
        for state, useless in USELESS.items():
            useful = [letter for letter in letters if letter not in useless]
            for one, other in combinations_with_replacement(useful, 2):
                if one != "E" and (other != "E" or one == "D") and (one != "N" or state != "new"):
                    yield Scenario(vendor, state, (Rival(one), Rival(other)))


def interleavings(scenario: Scenario, *, most: int | None = None) -> Explored:
    """Runs every interleaving of a scenario's rivals with one trouble at most: a death, or a
    request to the vendor or its reply that is lost. None goes on from a state where another was
    before. Each run begins at the start; those with the fewest changes from one process to another
    come first, as most faults need few. Stops at the first that breaks something, or after `most`
    runs."""
    seen: set[bytes] = set()
    explored = Explored()
    open_: list[tuple[int, int, tuple[str, ...]]] = [(0, 0, ())]
    while open_ and explored.runs != most:
        path = list(heappop(open_)[-1])
        explored.runs += 1
        run = Run(scenario, learning=True)
        try:
            for action in path:
                run.act(action)
            while options := _options(run, path):
                key = run.state() + bytes([_troubled(path), ENDING_MS in path])
                if key in seen:
                    break
                seen.add(key)
                options.sort(key=lambda option: (option[0] != (path or "0")[-1][0], option[1:]))
                for option in options[1:]:
                    other = (*path, option)
                    heappush(open_, (_changes(other), -len(other), other))
                path.append(options[0])
                run.act(options[0])
            else:
                run.finish()
        except (Broken, Fault) as error:
            explored.found = Found(Schedule(scenario, tuple(path)), str(error))
            break
        finally:
            run.close()
    explored.states, explored.whole = len(seen), not open_
    return explored


def _options(run: Run, path: list[str]) -> list[str]:
    """What may happen next; nothing once everybody is done."""
    alive = [(each.name, each.pending[0]) for each in run.processes if each.pending is not None]
    options = [name for name, _ in alive]
    if options and run.scenario.state == "ending" and ENDING_MS not in path:
        options.append(ENDING_MS)
    if not _troubled(path):
        options += [f"{name}x" for name, pending in alive if pending != "start"]
        options += [f"{name}l" for name, pending in alive if pending in ("request", "reply")]
    return options


def _changes(path: Sequence[str]) -> int:
    """How often another process goes on than before, and how much else is out of the ordinary."""
    names = [action[0] for action in path]
    unlike = sum(one != other for one, other in pairwise(names))
    return unlike + sum(len(action) > 1 for action in path)


def _troubled(path: list[str]) -> bool:
    return any(action[-1] in "xl" for action in path)


# Random ones.

STEPS = 90
DEATHS = 2


def randomly(seed: int, *, together: bool = False) -> Schedule:
    """A schedule of three rivals, two deaths at most, calls and replies lost or late, and half the
    time clocks apart, unless they go `together`. The same for the same seed, wherever it is made.
    """
    rng = random.Random(seed)
    vendor, state = rng.choice([*LETTERS]), rng.choice([*USELESS])
    useful = [letter for letter in LETTERS[vendor] if letter not in USELESS[state]]
    clocks = rng.random() < 0.5 and not together
    rivals = tuple(
        Rival(
            "".join(rng.choices(useful, k=rng.choice([1, 1, 2]))),
            rng.choice([0, 1, -1, 60, -60, 120, -120]) if clocks else 0,
        )
        for _ in range(3)
    )
    scenario = Scenario(
        vendor,
        state,
        rivals,
        vendor_s=rng.choice([0, 5, -5, 50, -50]) if clocks else 0,
        healthy_s=rng.choice([0, 0, 60, -60]) if clocks else 0,
        careless=rng.random() < 0.5,
    )
    return Schedule(scenario, tuple(_actions(rng)))


def _actions(rng: random.Random) -> Iterator[str]:
    """Processes are stepped a few times in a row: what is interesting needs few changes."""
    deaths = 0
    trouble = rng.choice([0.0, 0.05, 0.2])
    for _ in range(STEPS // 6):
        who = rng.randrange(3)
        for _ in range(rng.choice([1, 1, 2, 3, 5, 8, 20])):
            yield f"{who}{rng.choice('lrdncs')}" if rng.random() < trouble else f"{who}"
        chance = rng.random()
        if chance < 0.1 and deaths < DEATHS:
            deaths += 1
            yield f"{who}x"
        elif chance < 0.3:
            yield rng.choice(["+10ms", "+1s", "+30s", "+61s", "+2m", "+3m"])
        elif chance < 0.36:
            yield ">"
        elif chance < 0.39:
            yield "~"


# The shortest.


def shrunk(found: Found) -> Found:
    """The same failure with as little as possible: fewer actions, no clocks apart, a careful
    vendor, rivals that do less."""
    best, smaller = found, True
    while smaller:
        smaller = False
        for candidate in _smaller(best.schedule):
            broken = failure(candidate)
            if broken is not None and kind_of(broken) == kind_of(found.broken):
                best, smaller = Found(candidate, broken), True
                break
    return best


def kind_of(broken: str) -> str:
    """The words with which an oracle names what is broken, without what it is about."""
    return broken.partition(":")[0]


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    scenario, actions = schedule.scenario, schedule.actions
    size = len(actions)
    while size > 0:
        for at in range(0, len(actions), size):
            yield Schedule(scenario, actions[:at] + actions[at + size :])
        size //= 2
    for at, action in enumerate(actions):
        if len(action) == 2 and action[1] in "lrdncs":
            yield Schedule(scenario, (*actions[:at], action[0], *actions[at + 1 :]))
    for simpler in _simpler(scenario):
        yield Schedule(simpler, actions)
    for gone in range(len(scenario.rivals)):
        if len(scenario.rivals) > 1:
            yield _without(schedule, gone)


def _simpler(scenario: Scenario) -> Iterator[Scenario]:
    for changes in ({"careless": False}, {"vendor_s": 0}, {"healthy_s": 0}):
        simpler = replace(scenario, **changes)
        if simpler != scenario:
            yield simpler
    for at, rival in enumerate(scenario.rivals):
        shorter = [rival.does[:i] + rival.does[i + 1 :] for i in range(len(rival.does))]
        others = [Rival(does, rival.offset_s) for does in shorter if does]
        if rival.offset_s:
            others.append(Rival(rival.does))
        for other in others:
            rivals = (*scenario.rivals[:at], other, *scenario.rivals[at + 1 :])
            yield replace(scenario, rivals=rivals)


def _without(schedule: Schedule, gone: int) -> Schedule:
    """Without one process; the others take new names."""
    rivals = schedule.scenario.rivals
    kept: list[str] = []
    for action in schedule.actions:
        if not action[0].isdigit():
            kept.append(action)
        elif int(action[0]) != gone:
            kept.append(f"{int(action[0]) - (int(action[0]) > gone)}{action[1:]}")
    scenario = replace(schedule.scenario, rivals=rivals[:gone] + rivals[gone + 1 :])
    return Schedule(scenario, tuple(kept))
