"""Schedules that found something once, random ones, and that a schedule always runs alike."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.services.leases.service import LeaseService
from tests.simulation.exploring import Found, interleavings, kind_of, randomly, shrunk
from tests.simulation.processes import simulated
from tests.simulation.runs import failure
from tests.simulation.schedules import Malformed, Schedule

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = int(os.environ.get("SCHEDULES") or 300)
SEED = int(os.environ.get("SEED") or 0)


KEPT = {
    "C3 (a) the put-off of a settled bind writes over its successor": (
        "netease left I B : 0000000000 1111111111"
    ),
    "C3 (b) a lease is bound anew after the unbind, by one who dies": (
        "netease due L U : 0000 11111111 0000l"
    ),
    "C3 (b) and then other people over the same X, at a careless vendor": (
        "netease due U L careless : 1111 000000 111 ~"
    ),
    "C3 (c) who succeeds with a delay clears the mark of who dies with another": (
        "netease bound D E : 00000 111111111 00x"
    ),
    "C3 (d) the same at interline: what was asked for is forgotten, and arrives after the unbind": (
        "alone bound D EU : 000 11111111111111 00x"
    ),
    "C3 (e) a delay before the end, an unbind after it": "netease ending D U : 0 +10ms 111111",
    "C4 an unbind by a fast clock": "netease bound U@120 :",
    "the same of an XA": "transfer bound U@120 :",
    "a job that was put off sleeps longer than two minutes after the vendor answers again": (
        "interline due L E : 0000 ~ 111 +30s"
    ),
    "C4 a fast cleaner, and an unbind that does nothing": "netease ending C@2 U : 00000000000",
    "a request that left late and travelled for a minute, for a clock that is ahead": (
        "netease new B I@120 careless : 00 +10s 0d +51s 11111111111 >"
    ),
    "the same of a lease, after the unbind": (
        "netease due L U@120 : +3m 0000000000000 +1s 0d +59s 111111 >"
    ),
    "the same, later": "netease due L U@75 : +3m 00000000000 00 +48s 0d +59s 1111111111 >",
    "the same, and others over the same X": (
        "netease new B I@95 N careless : 00 +27s 0d +60s 1111111111111111 222222 >"
    ),
    "a lease lapses before a clock that is two minutes behind the one that asked for it": (
        "transfer due D E@60 h@-60 : 000 11111111111 000000x"
    ),
    "the same, with nobody else": "transfer due D@60 h@-60 :",
    "the same of a pair": "alone due D@60 h@-60 :",
    "the same beside the first": "interline due D@120 :",
    "the same by the vendor's clock": "netease due D v@60 h@-60 : +31s",
}
"""What broke -> the schedule that found it, as short as it could be made."""


PLANTED = (
    "netease left I N : +15m 11 0",
    "netease left I I : +3m 000000000000000 +61s 111 1s 1111111111",
    "netease due L U : +3m 00000000000 00 0d 1111111111 >",
    "alone due L U : +70s 00000000000000000d >",
    "interline new B B N careless : 00 1111 0n 0 1 1x",
    "netease bound D I : 00000 0d +31s 11111111111111111 >",
    "interline due L : 00000000000 0r ~ +3m ~",
    "interline bound D I : 000 0l +13m 11111111111 11 1 1x ~ +2m ~",
    "netease new B I@120 N careless : 00 0d +58s 1111111111111111 222222 >",
    "netease due L U@100 : +3m 0000000000 +45s 000 0d +36s 1111111111 >",
    "netease ending U C : +6m 00 111111111111 0000",
    "netease bound D E : 00000 11111 0 1 0x 1x ~ +3m ~ +3m ~ +3m ~ +3m ~",
    "netease bound D E : 00000 11111 0d 11 1 > ~ +3m ~ +3m ~ +3m ~ +3m ~",
    "netease bound D U : 00000 0d 11111111 >",
    "netease new B : 00 0n",
    "alone ending E careless : 0000 +3m",
    "interline left B : 0 +2m +2m",
    "interline ending E U E : 22222r",
    "netease lost N h@60 careless : +2m",
    "transfer due U :",
)
"""Each found a bug that was planted, one that random schedules seldom find or never."""


@pytest.fixture(autouse=True)
def simulation() -> Iterator[None]:
    with simulated():
        yield


@pytest.mark.parametrize("schedule", KEPT.values(), ids=KEPT)
def test_what_broke_once_holds(schedule: str) -> None:
    assert failure(Schedule.parse(schedule)) is None


@pytest.mark.parametrize("schedule", PLANTED)
def test_what_finds_planted_bugs_finds_none(schedule: str) -> None:
    assert failure(Schedule.parse(schedule)) is None


def test_random_schedules_hold() -> None:
    broken = []
    for seed in range(SEED, SEED + SAMPLE):
        schedule = randomly(seed)
        if (found := failure(schedule)) is not None:
            broken.append(f"{found}\n  python -m tests.simulation replay '{schedule}'")
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("scenario", ["netease new B N", "interline new B I", "transfer new B X"])
def test_all_interleavings_hold(scenario: str) -> None:
    explored = interleavings(Schedule.parse(scenario).scenario)
    assert explored.found is None, f"{explored.found}"
    assert explored.states > 30


def test_a_schedule_runs_alike_in_every_process() -> None:
    told = [_replayed(seed) for seed in ("1", "2")]
    assert told[0] == told[1]
    assert told[0].count("\n") > 20


def _replayed(hash_seed: str) -> str:
    schedule = "interline due LU D@60 B careless v@-20 : 00000 1111 2 0l 1r +1s 222 > 0x"
    command = [sys.executable, "-m", "tests.simulation", "replay", schedule]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    ran = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert not ran.stderr
    return ran.stdout


def test_a_run_leaves_nothing_behind() -> None:
    schedules = [randomly(seed) for seed in range(20)]
    alone = [failure(schedule) for schedule in schedules]
    assert [failure(schedule) for schedule in reversed(schedules)] == alone[::-1]


@pytest.mark.parametrize("seed", range(50))
def test_a_schedule_is_a_line_of_text(seed: int) -> None:
    schedule = randomly(seed)
    assert Schedule.parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    "text",
    ["", "netease", "nobody due L :", "netease due Q :", "netease due L : 0q", "netease x :"],
)
def test_what_is_no_schedule_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        Schedule.parse(text)


def test_a_failure_is_made_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    # An unbind is acknowledged, and its carrier was never asked.
    monkeypatch.setattr(LeaseService, "_release_all", lambda *_, **__: None)
    long = Schedule.parse("netease bound U@120 DE B v@5 careless : 222 11 2 +10ms 0000 > 1")
    broken = failure(long)
    assert broken is not None
    short = shrunk(Found(long, broken))
    assert kind_of(short.broken) == kind_of(broken)
    assert len(str(short.schedule)) < len(str(long)) / 2
