"""`--budget=SECONDS`: tests in a random order until the time is up, which is no failure."""

import random
import time

import pytest

from tests.sizes import seeds


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option."""
    parser.addoption(
        "--budget",
        type=float,
        metavar="SECONDS",
        help="whole files in an order by SEEDS; what has not begun when the time is up is skipped",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Time counts from the beginning of each process."""
    if config.getoption("--budget") is not None:
        config.pluginmanager.register(_Budget(config.getoption("--budget")))


class _Budget:
    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """In an order that a day's seed chooses: in some days everything has its turn."""
        files = sorted({item.nodeid.split("::")[0] for item in items})
        random.Random(seeds()[0]).shuffle(files)
        items.sort(key=lambda item: files.index(item.nodeid.split("::")[0]))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Nothing begins after the end."""
        if time.monotonic() > self._until:
            pytest.skip("the time is up")
