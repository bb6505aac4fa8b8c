"""`make chaos`: processes of a running stack killed and stopped at random, under clients.

Nothing that was acknowledged may be missing or held twice, and the vendors have to agree.
"""

import logging
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import click

from chalicelib.wiring import schedules
from tests.chaos import judge
from tests.chaos.clients import Client, clients
from tests.chaos.history import written
from tests.chaos.model import Model, Violation, now_ms
from tests.chaos.stack import Stack
from tests.chaos.trouble import Trouble, drawn
from tests.chaos.world import Seen, look

AGREE_S = 420
"""What a process asked is pending for five minutes: for three it may take effect, and clocks are
two apart. Whoever looked just after the end, in vain, began then; and the schedules come every
minute."""
BOOKS_AGREE_S = 150
"""Vendors do what they ought to within two minutes after they answer again, as far as anybody looks
in time. A binding that is lost there would come back with its next lease, and not be seen later."""
BOOKS = ("once in the vendor's book", "the vendors agree", "what is over is gone at the vendor")
LOOK_S = 5.0
MOVED_S = 60
SHOWN = 12
"""Histories, at most."""
ROUTES = 300
"""Bindings whose routes are looked at in the end."""
SHARE_REPEATED = 0.5


@dataclass
class Run:
    """One run on a stack of its own, and what came of it."""

    stack: Stack
    seed: int
    minutes: float
    number: int
    moved: bool
    model: Model = field(default_factory=Model)
    ahead_ms: int = 0
    late: dict[tuple[str, ...], Violation] = field(default_factory=dict)
    books_agreed_s: float = 0.0
    agreed_s: float = -1.0

    def run(self) -> bool:
        """Whether all was well."""
        self.began = now_ms()
        running = self.stack.running
        self.trouble = Trouble(self.stack, drawn(self.seed, lasts_s=60 * self.minutes))
        over = threading.Event()
        backends = clients(
            running.addresses.gateway,
            running.seeded.apps,
            self.model,
            number=self.number,
            seed=self.seed,
            over=over,
        )
        self.stack.control("PUT", "/interline/account", {"overlap": self._overlap()})
        _say(
            f"{self.minutes:g} min, {self.number} clients, seed {self.seed},"
            f" interline takes a second lease beside the first: {self._overlap()}"
        )
        with ThreadPoolExecutor(self.number + 1) as threads:
            work = [threads.submit(each.run) for each in backends]
            work.append(threads.submit(judge.watch, self.model, over, seed=self.seed))
            self._rage(over)
            for each in work:
                each.result()
        self._recover(backends)
        seen, left = self._settled()
        found = [*self.model.violations, *left, *judge.crossed_at_vendors(seen.entries)]
        found += [each for key, each in self.late.items() if key not in {one.key for one in left}]
        self._report(seen, found)
        return not found

    def _overlap(self) -> bool:
        return self.seed % 4 < 2

    def _rage(self, over: threading.Event) -> None:
        until = time.monotonic() + 60 * self.minutes
        blows = self.trouble.begin()
        try:
            while time.monotonic() < until:
                time.sleep(0.5)
                self.trouble.check()
        finally:
            over.set()
        blows.join()
        self.trouble.check()

    def _recover(self, backends: list[Client]) -> None:
        """Everybody runs again, and the backends repeat half of what they do not know."""
        self.stack.wait()
        self.calm = now_ms()
        _say(f"everything runs again after {(self.calm - self.began) / 1000:.0f} s")
        with ThreadPoolExecutor(len(backends)) as threads:
            for done in [threads.submit(each.make_sure, SHARE_REPEATED) for each in backends]:
                done.result()

    def _settled(self) -> tuple[Seen, list[Violation]]:
        """The first look after which nothing is wrong that was wrong in the one before, or the
        last, with what is."""
        until, before = time.monotonic() + AGREE_S, None
        if self.moved:
            self.stack.stop("driver")
        while True:
            seen = look(self.stack, at=now_ms() + self.ahead_ms)
            wrong = {each.key: each for each in judge.judged(self.model, seen)}
            stays = [each for key, each in wrong.items() if before is None or key in before]
            self._look_at_books([each for each in stays if each.rule in BOOKS])
            if not stays and before is not None:
                break
            if time.monotonic() > until or self.ahead_ms > 1000 * AGREE_S:
                return seen, stays
            _say(f"not yet: {_counted(stays)}")
            before = set(wrong)
            self._schedules() if self.moved else time.sleep(LOOK_S)
        self.agreed_s = self._calm_for_s()
        _say(f"all agree {self.agreed_s:.0f} s later")
        return seen, [] if self.moved else self._routed()

    def _calm_for_s(self) -> float:
        return (now_ms() + self.ahead_ms - self.calm) / 1000

    def _look_at_books(self, wrong: list[Violation]) -> None:
        if wrong:
            self.books_agreed_s = self._calm_for_s()
        if wrong and self.books_agreed_s > BOOKS_AGREE_S:
            self.late |= {each.key: each for each in wrong}

    def _schedules(self) -> None:
        """A minute passes, for the vendors too, and the schedules come."""
        from chalicelib.telemetry import logger
        from chalicelib.wiring.gateway import gateway

        self.ahead_ms += 1000 * MOVED_S
        for vendor in ("netease", "interline"):
            self.stack.control("POST", f"/{vendor}/clock", {"advance_s": MOVED_S})
        # What it tells of it goes to nobody.
        logger().setLevel(logging.CRITICAL)
        ours, now = gateway(), now_ms() + self.ahead_ms
        _always: Callable[[], bool] = lambda: True  # noqa: E731
        ours.shared(schedules.lease_jobs).run("pending", now=now, time_left=_always)
        ours.shared(schedules.lease_jobs).run("lease", now=now, time_left=_always)
        ours.cleaner.clean(now=now, time_left=_always)

    def _routed(self) -> list[Violation]:
        acked = [each for each in self.model.cases() if len(each.ids) == 1]
        some = random.Random(self.seed).sample(acked, min(ROUTES, len(acked)))
        return [each for case in some for each in (*judge.routed(case), *judge.known(case))]

    def _report(self, seen: Seen, found: list[Violation]) -> None:
        counts = self.model.counts
        unsure = sum(each.acked_at is None for each in self.model.cases())
        figures = {
            "requests": counts.get("requests", 0),
            "without an answer": counts.get("unanswered", 0),
            "refused": counts.get("refused", 0),
            "bindings acknowledged": counts.get("bindings acknowledged", 0),
            "delays acknowledged": counts.get("delays acknowledged", 0),
            "ends acknowledged": counts.get("ends acknowledged", 0),
            "bindings asked for and never acknowledged": unsure,
            "bindings stored": len(seen.bindings),
            "entries in the vendors' books": len(seen.entries),
            "looks during the run": counts.get("looks", 0),
            "kills": self.trouble.kills,
            "stops": self.trouble.stops,
            "s until the vendors agreed": round(self.books_agreed_s),
            "s until nothing was open": round(self.agreed_s),
            "s at most that a vendor lacked a binding": round(
                judge.longest_gap_s(self.model, seen.entries, until=seen.at), 1
            ),
        }
        for name, value in figures.items():
            print(f"  {value:>8}  {name}")
        print(f"{len(found)} violation(s)")
        for violation in found[:SHOWN]:
            text = written(
                violation,
                model=self.model,
                stack=self.stack,
                trouble=self.trouble,
                seen=seen,
                began=self.began,
            )
            print(f"\n{text}", flush=True)
        if rest := [f"  {each.rule}: {each.what} ({each.request})" for each in found[SHOWN:]]:
            print("\nand\n" + "\n".join(rest))


def _counted(found: list[Violation]) -> str:
    rules = [each.rule for each in found]
    return ", ".join(f"{rules.count(rule)} x {rule}" for rule in dict.fromkeys(rules)) or "nothing"


def _say(line: str) -> None:
    print(f"... {time.strftime('%H:%M:%S')} {line}", flush=True)


@click.command()
@click.option("--minutes", type=float, default=5.0, show_default=True)
@click.option("--clients", "number", type=int, default=8, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--moved", is_flag=True, help="Move the clock on afterwards instead of waiting.")
@click.option("--state", type=click.Path(path_type=Path), help="Directory for the logs.")
def main(minutes: float, number: int, seed: int, moved: bool, state: Path | None) -> None:
    """Kills and stops processes under clients, and tells whether anything was lost."""
    state = state or Path(tempfile.mkdtemp(prefix="chaos-"))
    print(f"logs in {state}", flush=True)
    stack = Stack(state, seed_=seed)
    try:
        stack.start()
        well = Run(stack, seed, minutes, number, moved).run()
    finally:
        stack.end()
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
