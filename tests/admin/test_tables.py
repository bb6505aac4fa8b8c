"""Settings and event kinds stand in one table each; what follows from a line more."""

import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.core.calls.events import EventKind

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_line_in_a_table_is_all_that_a_setting_or_a_kind_takes() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.admin.invented"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


@pytest.mark.parametrize("kind", EventKind)
def test_a_kind_is_read_as_it_is_written(kind: EventKind) -> None:
    assert EventKind(str(kind)) is kind
    assert isinstance(kind.value, str)
