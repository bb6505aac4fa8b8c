"""A pytest option that holds the share of covered lines, judged only where the tests passed."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import coverage
import coverage.exceptions
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--line-coverage=<percent>`; it needs pytest-cov's `--cov`."""
    parser.addoption(
        "--line-coverage",
        type=float,
        metavar="PERCENT",
        help="fail when fewer of the lines are covered",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Judges only where it was asked for, and where the data of all workers come together."""
    limit = config.getoption("--line-coverage")
    if limit is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(LineCoverage(limit))


class LineCoverage:
    """Reads the data that pytest-cov has combined and fails the run below the limit."""

    def __init__(self, wanted: float) -> None:
        self.wanted = wanted
        self.verdict = ""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Iterator[object]:
        """Around pytest-cov's own wrapper: only after it the subprocesses' data are in."""
        result = yield
        if not session.testsfailed and not session.config.option.collectonly:
            lines = covered()
            self.verdict = f"{lines:.1f} % of the lines are covered ({self.wanted:g} % wanted)"
            if lines < self.wanted:
                session.testsfailed += 1
                self.verdict += ": TOO FEW"
        return result

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One line below the table, right before pytest's own summary."""
        if self.verdict:
            bad = self.verdict.endswith("TOO FEW")
            terminalreporter.write_line(self.verdict, red=bad, green=not bad)


def covered() -> float:
    """Percent of lines in the combined data file; 100 of nothing is 0."""
    measured = coverage.Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "coverage.json"
        try:
            measured.json_report(outfile=str(report))
        except coverage.exceptions.NoDataError:
            return 0.0
        totals = json.loads(report.read_text())["totals"]
    return float(100 * totals["covered_lines"] / max(totals["num_statements"], 1))
