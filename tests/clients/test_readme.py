"""The Python client's README, as it is pasted beside `make run`."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.running import ROOT, Running

CLIENT = ROOT / "clients" / "python"
BLOCK = re.compile(r"^ *```python\n(.*?)^ *```", re.MULTILINE | re.DOTALL)


def test_its_code_can_be_pasted(running: Running, tmp_path: Path) -> None:
    (tmp_path / ".local").symlink_to(running.state)
    blocks = BLOCK.findall((CLIENT / "README.md").read_text())
    assert len(blocks) == 3
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "\n".join(blocks)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(CLIENT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split(":")[1].startswith(" A and B reach each other over +4420794600")
    assert lines[1:3] == ["connect +447700900002", "released"]
    assert re.fullmatch(r"400 None \w+", lines[3])
    assert [line.split()[0] for line in lines[4:]] == ["/a", "/ttl_s"]
