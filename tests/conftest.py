"""Which tests run, in which order, and which of them share a process."""

import pytest
from xdist.scheduler import LoadFileScheduling

from tests.sizes import LARGE

pytest_plugins = [
    "tests.budget",
    "tests.dynamodb_local",
    "tests.gateways",
    "tests.stage",
    "tests.running",
]

LONG_FIRST = (
    "tests/deploy/",
    "tests/contract/",
    "tests/api/",
    "tests/clients/",
    "tests/attacks/",
    "tests/simulator/",
    "tests/races/",
    "tests/simulation/",
)
"""A long file that begins last leaves the other process with nothing to do."""


def pytest_configure(config: pytest.Config) -> None:
    """Makes the markers known."""
    config.addinivalue_line("markers", "large: only with SIZE=large, or where its file is named")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is large, and puts the long ones first."""
    named = {argument.split("::")[0] for argument in config.args}
    left_out = [
        item
        for item in items
        if item.get_closest_marker("large") and not LARGE and _file(item) not in named
    ]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
    kept = {*map(id, items)} - {*map(id, left_out)}
    items[:] = sorted((item for item in items if id(item) in kept), key=_turn)


def _file(item: pytest.Item) -> str:
    return item.nodeid.split("::")[0]


def _turn(item: pytest.Item) -> int:
    turns = (turn for turn, start in enumerate(LONG_FIRST) if item.nodeid.startswith(start))
    return next(turns, len(LONG_FIRST))


class _ByFile(LoadFileScheduling):
    """A file's tests in one process; and all that share the running stack, or the built bundle."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if file.startswith("tests/deploy/"):
            return "deploy"
        shares = (
            file.startswith(("tests/api/", "tests/clients/")) or "running" in test.partition("[")[2]
        )
        return "running" if shares else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _ByFile | None:
    """For `--dist loadfile`."""
    return _ByFile(config, log) if config.getoption("dist") == "loadfile" else None
