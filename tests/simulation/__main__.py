"""`python -m tests.simulation replay '<schedule>'`, `random`, `all`; README.md says more."""

import argparse
import os
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.simulation.exploring import (
    Explored,
    Found,
    interleavings,
    kind_of,
    randomly,
    scenarios,
    shrunk,
)
from tests.simulation.processes import simulated
from tests.simulation.runs import failure
from tests.simulation.schedules import Malformed, Scenario, Schedule

BATCH = 200
"""Seeds that are run in one go."""


def main() -> int:
    """0 if nothing was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    replayed = commands.add_parser("replay", help="run one schedule and print its steps in words")
    replayed.add_argument("schedule", help="as a failure prints it")
    random = commands.add_parser("random", help="run schedules that follow from seeds")
    random.add_argument("--schedules", type=int, default=20_000)
    random.add_argument("--seed", type=int, default=0, help="the first of them")
    random.add_argument("--together", action="store_true", help="no clocks apart")
    every = commands.add_parser("all", help="run all interleavings of two rivals")
    every.add_argument("beginning", nargs="?", default="", help="of scenarios that begin so")
    every.add_argument("--most", type=int, default=5_000, help="runs of one scenario")
    given = parser.parse_args()
    if given.command == "replay":
        return _replay(given.schedule)
    if given.command == "random":
        seeds = range(given.seed, given.seed + given.schedules)
        return _random(seeds, together=given.together)
    return _all(given.beginning, most=given.most)


def _replay(text: str) -> int:
    try:
        schedule = Schedule.parse(text)
    except Malformed as error:
        print(f"not a schedule: {error}", file=sys.stderr)
        return 2
    with simulated():
        broken = failure(schedule, told=print)
    print(f"BROKEN {broken}" if broken else "everything holds")
    return bool(broken)


def _random(seeds: range, *, together: bool) -> int:
    began = time.perf_counter()
    batches = [seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)]
    kinds: defaultdict[str, list[Found]] = defaultdict(list)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for batch in pool.map(partial(_broken_of, together=together), batches):
            for found in batch:
                kinds[kind_of(found.broken)].append(found)
        seconds = time.perf_counter() - began
        print(f"{len(seeds)} schedules, {len(seeds) / seconds:.0f} a second", flush=True)
        shortest = [
            min(each, key=lambda found: len(str(found.schedule))) for each in kinds.values()
        ]
        for found, each in zip(pool.map(_shrunk, shortest), kinds.values(), strict=True):
            print(f"{len(each)} of them: ", end="")
            _tell(found)
    return bool(kinds)


def _all(beginning: str, *, most: int) -> int:
    began = time.perf_counter()
    wanted = [each for each in scenarios() if str(each).startswith(beginning)]
    runs = broken = 0
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        explorations = pool.map(partial(_interleavings, most=most), wanted)
        for scenario, explored in zip(wanted, explorations, strict=True):
            runs += explored.runs
            print(
                f"{scenario}: {explored.states} states{'' if explored.whole else ', not all'}",
                flush=True,
            )
            if explored.found is not None:
                broken += 1
                _tell(explored.found)
    seconds = time.perf_counter() - began
    print(f"{len(wanted)} scenarios, {runs} runs, {runs / seconds:.0f} a second")
    return bool(broken)


def _broken_of(seeds: range, *, together: bool) -> list[Found]:
    with simulated():
        schedules = [randomly(seed, together=together) for seed in seeds]
        ran = [(schedule, failure(schedule)) for schedule in schedules]
    return [Found(schedule, broken) for schedule, broken in ran if broken is not None]


def _interleavings(scenario: Scenario, *, most: int) -> Explored:
    with simulated():
        explored = interleavings(scenario, most=most)
        if explored.found is not None:
            explored.found = shrunk(explored.found)
    return explored


def _shrunk(found: Found) -> Found:
    with simulated():
        return shrunk(found)


def _tell(found: Found) -> None:
    print(f"BROKEN {found.broken}")
    print(f"  python -m tests.simulation replay '{found.schedule}'", flush=True)


if __name__ == "__main__":
    sys.exit(main())
