"""`python -m bench`: measures, prints the tables, writes RESULTS.md; exit code 1 for a breach."""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import allocation, carrier, cold, limits, many, recording, report, stub
from bench.kept import KeptOperations
from bench.line import CarrierOperations, FrontOperations
from bench.operations import Operations
from bench.rest import RestOperations
from bench.tenants import TenantOperations
from bench.usage import UsageOperations
from bench.world import ACCOUNT, KEPT_NUMBERS, LINE_ACCOUNT, LINE_NUMBERS, World, world
from chalicelib.core.tenants import Tariff

RESULTS = Path(__file__).with_name("RESULTS.md")
SECTIONS = ("operations", "cpu", "carrier", "cold", "allocation", "apps")
LONGEST_NAME = "bench-" + "x" * 26
TARIFF = Tariff(binding=100_000, sms=50_000, minute=200_000)
"""Millionths of a yuan."""


def main() -> int:
    """The exit code."""
    options = _options()
    with tempfile.TemporaryDirectory() as directory:
        return Bench(options, Path(directory)).run()


class Bench:
    """One run."""

    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self._options = options
        self._directory = directory
        self._parts: list[str] = []
        self._breaches: list[limits.Breach] = []

    def run(self) -> int:
        """Measures what was asked for; the exit code."""
        _say("starting the engine")
        with world() as running:
            recorded = self._on_the_engine(running)
            engine = running.engine
        if "cpu" in self._options.sections:
            self._cpu(recorded)
        if "carrier" in self._options.sections:
            self._carrier()
        if "cold" in self._options.sections:
            self._cold(recorded)
        print("\n".join(self._parts))
        print(report.verdict(self._breaches))
        if set(self._options.sections) == set(SECTIONS):
            parts = [report.head(engine), *self._parts, report.verdict(self._breaches)]
            RESULTS.write_text("\n".join(parts), encoding="utf-8")
            _say(f"written: bench/{RESULTS.name}")
        return 1 if self._breaches else 0

    def _on_the_engine(self, running: World) -> Any:
        _say(f"operations on {running.engine}")
        # Made first, all of them: credentials are cached from the first request on.
        client = running.app(LONGEST_NAME, [f"70000000000001{each}" for each in range(10)])
        cleaned = running.app("bench-cleaned", [f"8610000002{each:03d}" for each in range(30)])
        crowded = running.app("bench-crowded", allocation.pool())
        kept = running.app("bench-kept", KEPT_NUMBERS, carrier=ACCOUNT)
        paying = running.app("bench-paying", ["8610000005000"], tariff=TARIFF)
        far = running.app("bench-far", LINE_NUMBERS[:10], carrier=LINE_ACCOUNT)
        far_paying = running.app(
            "bench-far-paying", LINE_NUMBERS[10:], carrier=LINE_ACCOUNT, tariff=TARIFF
        )
        used = running.app("bench-used", ["8610000006000"])
        work = Operations(running, client, cleaned=cleaned)
        rest = RestOperations(running, client)
        at_netease, front = KeptOperations(running, kept), FrontOperations(running, client, paying)
        primers = [*work.primers(), front.primer(), at_netease.primer(), rest.primer()]
        for each in (kept, paying, far, far_paying, used):
            running.warm(each)
        measured = [
            *work.all(),
            *front.all(),
            *CarrierOperations(running, far, far_paying).all(),
            *at_netease.all(),
            *rest.all(),
            *TenantOperations(running, client).all(),
            *UsageOperations(running, used).all(),
        ]
        if "operations" in self._options.sections:
            self._report(report.operations(measured), limits.of_operations(measured))
        if "allocation" in self._options.sections:
            found = allocation.measure(
                running, crowded, trials=self._options.trials, progress=_say_under("allocation")
            )
            self._report(report.allocation(found), limits.of_allocation(found))
        if "apps" in self._options.sections:
            with_many = many.measure(running, progress=_say_under("apps"))
            self._report(report.many(with_many), limits.of_many(with_many))
        return recording.of(primers, measured, client.credentials)

    def _cpu(self, recorded: Any) -> None:
        asked, told = self._directory / "recording.marshal", self._directory / "cpu.marshal"
        stub.save(recorded, str(asked))
        _say("CPU of a request")
        arguments = [str(asked), str(told), str(self._options.rounds), str(self._options.requests)]
        subprocess.run(
            [sys.executable, "-m", "bench.cpu_child", *arguments],
            env=cold.environment(),
            cwd=cold.ROOT,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        rounds_of = stub.load(str(told))
        ratios = {name: report.cpu_ratio(rounds) for name, rounds in rounds_of.items()}
        self._report(report.cpu(rounds_of), limits.of_cpu(ratios))

    def _carrier(self) -> None:
        _say("CPU of a call to a carrier")
        options = self._options
        rounds_of = carrier.measure(
            self._directory, rounds=options.rounds, requests=options.requests
        )
        ratios = {name: report.cpu_ratio(rounds) for name, rounds in rounds_of.items()}
        self._report(report.carrier(rounds_of), limits.of_carrier(ratios))

    def _cold(self, recorded: Any) -> None:
        progress = _say_under("cold start")
        starts = cold.measure(
            recorded, self._directory, pairs=self._options.pairs, progress=progress
        )
        self._report(report.cold(starts), limits.of_cold_start(starts.ratio("cpu")))
        if self._options.importtime:
            _say(cold.import_times(recorded, self._directory, most=self._options.importtime))

    def _report(self, text: str, breaches: Any) -> None:
        self._parts.append(text)
        self._breaches += breaches


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="SECTION", help=f"only these: {', '.join(SECTIONS)}"
    )
    for name, value, what in (
        ("rounds", 7, "CPU: rounds"),
        ("requests", 160, "CPU: requests in a round"),
        ("pairs", 12, "cold start: pairs of processes"),
        ("trials", 40, "allocation: binds for each occupation"),
        ("importtime", 0, "cold start: show so many of the slowest imports"),
    ):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{what} (%(default)s)")
    options = parser.parse_args()
    options.sections = options.sections or list(SECTIONS)
    if unknown := set(options.sections) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    return options


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _say_under(title: str) -> Callable[[str], None]:
    return lambda text: _say(f"  {title}: {text}")


if __name__ == "__main__":
    sys.exit(main())
