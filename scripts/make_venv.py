"""Makes `.venv` from the pinned requirements, once, however many `make` run at the same time."""

import fcntl
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "requirements.sha256"
REQUIREMENTS = [ROOT / "requirements.txt", ROOT / "requirements-dev.txt"]


def main() -> int:
    """Returns 0 when `.venv` holds what the requirements say; else says what went wrong."""
    if VENV.is_symlink():
        print(
            f".venv is a link to {VENV.readlink()}: remove the link, and make installs into a"
            " .venv of this checkout",
            file=sys.stderr,
        )
        return 1
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in REQUIREMENTS)).hexdigest()
    # The lock stands beside the environment, not in it: an unusable one is made anew.
    with (ROOT / ".venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another make is installing into .venv: waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        # One of another Python stays, unless somebody asks for this one.
        kept = not os.environ.get("PYTHON") or _installed_python() == sys.version_info[:2]
        if kept and _installed() == wanted:
            os.utime(STAMP)
            return 0
        return _install(wanted)


def _installed() -> str | None:
    works = (
        subprocess.run(
            [VENV / "bin" / "python", "-c", "import pip"], capture_output=True, check=False
        ).returncode
        if (VENV / "bin" / "python").exists()
        else 1
    )
    return STAMP.read_text() if works == 0 and STAMP.exists() else None


def _install(wanted: str) -> int:
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"making .venv with Python {version} (a minute or so, only once)", flush=True)
    # Packages of older requirements are kept: whoever runs from this environment goes on.
    venv.create(VENV, clear=_installed_python() != sys.version_info[:2], with_pip=True)
    STAMP.unlink(missing_ok=True)
    pip = [VENV / "bin" / "python", "-m", "pip", "install", "-qq", "--require-virtualenv"]
    command = [*map(str, pip), "--disable-pip-version-check", "-r", str(REQUIREMENTS[-1])]
    if subprocess.run(command, check=False).returncode:
        print("pip could not install the requirements: see its message above", file=sys.stderr)
        return 1
    STAMP.write_text(wanted)
    return 0


def _installed_python() -> tuple[int, int] | None:
    try:
        config = (VENV / "pyvenv.cfg").read_text()
    except OSError:
        return None
    for line in config.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "version":
            major, minor = value.strip().split(".")[:2]
            return int(major), int(minor)
    return None


if __name__ == "__main__":
    sys.exit(main())
