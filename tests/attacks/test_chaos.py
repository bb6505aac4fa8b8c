"""A sample of `make chaos`: the minutes afterwards pass on a moved clock."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import ROOT

PATIENCE_S = 240

pytestmark = pytest.mark.large


def test_nothing_acknowledged_is_lost_while_processes_are_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.chaos", "--minutes", "0.25", "--moved"]
    done = subprocess.run(
        [*command, "--state", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
