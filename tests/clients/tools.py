"""Tools that the tests of clients fetch once, pinned, into .cache: from npm and from PyPI."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.running import ROOT

CACHE = ROOT / ".cache" / "clients"
TYPESCRIPT = ROOT / "clients" / "typescript"
GENERATOR = ROOT / "tests" / "clients" / "generator.txt"
FETCH_S, RUN_S = 300, 120


def node_modules() -> Path:
    """What clients/typescript needs, as its lock file says."""
    pinned = [TYPESCRIPT / "package.json", TYPESCRIPT / "package-lock.json"]

    def install(folder: Path) -> None:
        for each in pinned:
            shutil.copy(each, folder)
        run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], folder, FETCH_S)

    return _once("npm", pinned, install) / "node_modules"


def generator() -> Path:
    """The Python of an environment with openapi-python-client, and what it generates needs."""

    def install(folder: Path) -> None:
        run([sys.executable, "-m", "venv", "--without-pip", str(folder)], folder, FETCH_S)
        python = str(folder / "bin" / "python")
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "-qq", "--no-deps"]
        run([*pip, "-r", str(GENERATOR)], folder, FETCH_S)

    return _once("pypi", [GENERATOR], install) / "bin" / "python"


def run(command: Sequence[str], folder: Path, timeout_s: float = RUN_S, **environment: str) -> str:
    """What it printed. AssertionError with all of it if it failed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}"
    return done.stdout


def _once(name: str, pinned: Sequence[Path], install: Callable[[Path], None]) -> Path:
    """A folder that is made anew when what is pinned changes."""
    wanted = hashlib.sha256(b"".join(each.read_bytes() for each in pinned)).hexdigest()
    folder = CACHE / name
    made = folder / "made"
    if not made.exists() or made.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install(folder)
        made.write_text(wanted)
    return folder
