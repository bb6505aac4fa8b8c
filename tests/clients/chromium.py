"""A page as a browser sees it: headless Chromium, with a new profile."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--hide-scrollbars"),
    # It looks for updates of itself all the same: no name but the host's own is resolved.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
LOAD_S = 60
NOBODY = "not an origin"
"""The initiator of what the browser asks for itself, and of the page."""


@dataclass(frozen=True)
class Seen:
    """`asked` are the hosts with port that the page was loaded from, or wanted to load from;
    `console` is what the browser said of it: faults of scripts, and what its policy refused."""

    dom: str
    asked: set[str]
    console: Sequence[str]


def look(url: str, folder: Path, *, width: int = 1280) -> Seen:
    """Opens the page. AssertionError if there is no Chromium, or it does not come to an end."""
    program = shutil.which("chromium")
    assert program, "install chromium (Debian's package)"
    log = folder / "net.json"
    done = subprocess.run(
        [
            *(program, *QUIET, f"--user-data-dir={folder / 'profile'}"),
            *(f"--log-net-log={log}", "--net-log-capture-mode=Default"),
            *("--enable-logging=stderr", "--v=0", f"--window-size={width},1000"),
            *("--dump-dom", url),
        ],
        env=os.environ | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=LOAD_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return Seen(done.stdout, _asked(log), console)


def _asked(log: Path) -> set[str]:
    requests = [each.get("params", {}) for each in json.loads(log.read_text())["events"]]
    return {
        urlsplit(each["url"]).netloc
        for each in requests
        if each.get("request_type") == "main frame" or each.get("initiator", NOBODY) != NOBODY
        if each["url"].startswith(("http", "ws"))
    }
