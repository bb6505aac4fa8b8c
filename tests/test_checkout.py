"""What a checkout is used with: its virtual environment, and the commands of its front page."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_a_linked_environment_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    checkout, elsewhere = tmp_path / "checkout", tmp_path / "elsewhere"
    (checkout / "scripts").mkdir(parents=True)
    elsewhere.mkdir()
    stamp = elsewhere / "requirements.sha256"
    stamp.write_text("of other requirements")
    for name in ("requirements.txt", "requirements-dev.txt", "scripts/make_venv.py"):
        shutil.copy(ROOT / name, checkout / name)
    (checkout / ".venv").symlink_to(elsewhere)
    made = subprocess.run(
        [sys.executable, checkout / "scripts" / "make_venv.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stdout) == (1, "")
    (line,) = made.stderr.splitlines()
    assert line.startswith(f".venv is a link to {elsewhere}: remove the link")
    assert [each.name for each in elsewhere.iterdir()] == [stamp.name]
    assert stamp.read_text() == "of other requirements"


def test_another_python_makes_the_environment_anew_only_where_it_is_asked_for(
    tmp_path: Path,
) -> None:
    scripts, environment = tmp_path / "scripts", tmp_path / ".venv"
    scripts.mkdir()
    shutil.copy(ROOT / "scripts" / "make_venv.py", scripts)
    for name in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).touch()
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to("/bin/true")
    (environment / "pyvenv.cfg").write_text("version = 3.10.13\n")
    (environment / "requirements.sha256").write_text(hashlib.sha256().hexdigest())

    def version(**chosen: str) -> str:
        subprocess.run(
            [sys.executable, scripts / "make_venv.py"],
            env={**os.environ, "PYTHON": "", **chosen},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (found,) = re.findall(
            r"^version = (\d+\.\d+)", (environment / "pyvenv.cfg").read_text(), re.MULTILINE
        )
        return str(found)

    assert version() == "3.10"
    assert version(PYTHON=sys.executable) == "{}.{}".format(*sys.version_info)


def blocks(document: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)


def test_bytes_are_written_from_hex_by_a_posix_shell() -> None:
    (block,) = [each for each in blocks("docs/netease-api.md") if "%o" in each]
    (line,) = [each for each in block.splitlines() if "%o" in each]
    script = f"number=000AFF415C25\n{line.rstrip('| ')}"
    written = subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True).stdout
    assert written == b"\0\n\xffA\\%"


@pytest.mark.parametrize(
    "document",
    ["README.md", "README.zh-CN.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))],
)
def test_no_command_wants_more_than_a_posix_shell(document: str) -> None:
    for block in blocks(document):
        subprocess.run(["/bin/sh", "-n", "-c", block], check=True)
        assert r"\x" not in block
