"""docs/adding-a-carrier.md as somebody follows it: the files that it shows make a carrier that the
contract suite passes, and that fails it with A and B exchanged."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chalicelib.carriers import registry

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding-a-carrier.md").read_text()
FILES = dict(
    re.findall(r"^`([\w/]+\.py)`:\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
)
COPIED = ("admin", "chalicelib", "cli", "infra", "simulator", "tests")
CLIENT = "chalicelib/carriers/acme/wire_api.py"
SUITE = "tests/contract/test_clients.py"
MISTAKES = {
    "A and B exchanged": (
        '"a": binding.a.digits,\n        "b": binding.b.digits if binding.b else None,',
        '"b": binding.a.digits,\n        "a": binding.b.digits if binding.b else None,',
        "test_a_pair_is_bound_as_it_was_wanted",
    ),
    "another X": (
        '"x": binding.number,',
        '"x": "861009000002",',
        "test_a_pair_is_bound_as_it_was_wanted",
    ),
    "a refusal taken for unknown": (
        'errors.NumberTaken("taken")',
        'errors.Unavailable("taken")',
        "test_a_number_that_serves_one_of_them_is_taken",
    ),
}
"""What of the client is replaced by what, and the test that has to see it."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this one with the page's files, and nothing else changed."""
    copy = tmp_path_factory.mktemp("checkout")
    for each in COPIED:
        shutil.copytree(ROOT / each, copy / each)
    for each in ("app.py", "pyproject.toml", ".chalice"):
        (copy / each).symlink_to(ROOT / each)
    for name, content in FILES.items():
        assert not (copy / name).exists(), name
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text(content)
    return copy


@contextmanager
def exchanged(file: Path, old: str, new: str) -> Iterator[None]:
    """The file says something else, as long as the block lasts."""
    before = file.read_text()
    assert before.count(old) == 1
    file.write_text(before.replace(old, new))
    try:
        yield
    finally:
        file.write_text(before)


def judged(checkout: Path, *options: str, tests: str = "acme or vendor_to_be_judged_on") -> str:
    """What the suite makes of acme."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *options, SUITE, "-k", tests],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_the_page_writes_into_two_folders_and_nothing_else() -> None:
    folders = {name.rpartition("/")[0] for name in FILES}
    assert folders == {"chalicelib/carriers/acme", "simulator/acme"}


def test_a_carrier_that_follows_the_page_passes(checkout: Path) -> None:
    told = judged(checkout)
    assert re.search(r"^\d{2,} passed, \d skipped", told, re.MULTILINE), told


@pytest.mark.parametrize(("old", "new", "failing"), MISTAKES.values(), ids=MISTAKES)
def test_one_with_a_mistake_does_not(checkout: Path, old: str, new: str, failing: str) -> None:
    with exchanged(checkout / CLIENT, old, new):
        told = judged(checkout, "-x", "--tb=no", tests=f"acme and {failing}")
    assert f"FAILED {SUITE}::{failing}[acme" in told, told


def test_an_operator_is_offered_the_new_kind(checkout: Path) -> None:
    asked = [sys.executable, "-B", "-m", "admin", "carrier-create", "--help"]
    told = subprocess.run(asked, cwd=checkout, capture_output=True, text=True, check=True).stdout
    assert f"[{'|'.join(sorted([*registry.carrier_kinds(), 'acme']))}]" in told
