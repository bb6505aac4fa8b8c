"""`make test-samples`: the vendor's sample clients, run unchanged against a stack of their own.

The samples are cut out of the vendor's documents in VENDOR_DOCS. Only host, key and secret are
replaced, and what a document merely links to is taken from where it is printed.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.running import ROOT, stack
from tests.stage import Client

DOCS = Path(os.environ.get("VENDOR_DOCS", ROOT.parent / "shared" / "vendor-docs"))
JARS = [Path("/usr/share/java") / f"{jar}.jar" for jar in ("httpclient", "httpcore")]
JARS += [Path("/usr/share/java/commons-logging.jar")]
PACKAGES = {
    "default-jdk-headless": lambda: shutil.which("javac"),
    "libhttpclient-java": lambda: all(jar.exists() for jar in JARS),
    "php-cli": lambda: shutil.which("php"),
    "mono-mcs": lambda: shutil.which("mcs"),
    "mono-runtime": lambda: shutil.which("mono"),
}
"""Debian package -> whether what it brings is there."""

HOST = "https://api.netease.im"
KEY = "fd460d34e786e7754e505bc4fab0f027"
SECRET = "xxxxxxxx"
APPS = ("demo", "demo-netease")
RUN_S = 120
PATIENCE_S = 120
PAUSE_S = 2


class Failed(Exception):
    """A sample was not there, did not compile or did not get its 200."""


@dataclass(frozen=True)
class Sample:
    """A client of the vendor's: `build` writes it into a directory and compiles it, and gives the
    command that runs it there; it makes `calls` calls."""

    name: str
    calls: int
    build: Callable[[Path], list[str]]


def between(document: str, start: str, end: str) -> str:
    """The part of a document after the line `start` and before the line `end`."""
    found = re.search(
        rf"^{re.escape(start)}$(.*?)^{re.escape(end)}", document, re.MULTILINE | re.DOTALL
    )
    if found is None:
        raise Failed(f"the document has no part {start!r}")
    return found[1].strip() + "\n"


def samples(ecp: str, im: str) -> Iterator[Sample]:
    """Every sample of the documents; `ecp` with host, key and secret replaced."""
    check_sum = between(im, "import java.security.MessageDigest;", "Node.js")
    check_sum = f"package com.netease.checksum;\nimport java.security.MessageDigest;\n{check_sum}"
    call, conference = "发起单人专线电话", "发起专线会议"
    for name, end in ((call, f"Java-{conference}"), (conference, "Jar包下载")):
        yield Sample(
            f"Java {name}", 1, _java(between(ecp, f"Java-{name}", end), check_sum=check_sum)
        )
    scripts = re.findall(r"<\?php.*?\?>", between(ecp, "PHP-单人专线及专线会议", "C#-"), re.DOTALL)
    yield Sample("PHP", 2, _php(*scripts))
    for name, end in (("单人专线电话", "C#-发起专线会议"), (conference, "常见错误码")):
        yield Sample(f"C# {name}", 1, _c_sharp(between(ecp, f"C#-{name}", end)))


def _java(source: str, *, check_sum: str) -> Callable[[Path], list[str]]:
    def build(where: Path) -> list[str]:
        (where / "StartCall.java").write_text(source)
        (where / "CheckSumBuilder.java").write_text(check_sum)
        path = ":".join(map(str, JARS))
        options = ["-nowarn", "-encoding", "UTF-8", "-cp", path, "-d", "."]
        _compile(["javac", *options, "CheckSumBuilder.java", "StartCall.java"], where)
        return ["java", "-cp", f"{path}:.", "com.netease.code.StartCall"]

    return build


def _php(example: str, api: str) -> Callable[[Path], list[str]]:
    def build(where: Path) -> list[str]:
        (where / "example.php").write_text(example)
        (where / "ServerAPI.php").write_text(api)
        return ["php", "example.php"]

    return build


def _c_sharp(source: str) -> Callable[[Path], list[str]]:
    def build(where: Path) -> list[str]:
        (where / "Program.cs").write_text(source)
        _compile(["mcs", "-nologo", "-warn:0", "Program.cs"], where)
        return ["mono", "Program.exe"]

    return build


def _compile(command: list[str], where: Path) -> None:
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{command[0]}: {done.stdout}{done.stderr}")


def run(sample: Sample, where: Path) -> list[str]:
    """Runs it; what it printed of each reply. Again while its people are still in the call that
    the sample before placed for them. Raises Failed unless every reply is a 200."""
    command = sample.build(where)
    until = time.monotonic() + PATIENCE_S
    while True:
        done = subprocess.run(
            command, cwd=where, capture_output=True, text=True, timeout=RUN_S, check=False
        )
        replies = re.findall(r'\{"(?:code|msg|desc|obj)".*\}', done.stdout)
        codes = [json.loads(reply).get("code") for reply in replies]
        if done.returncode == 0 and codes == [200] * sample.calls:
            return replies
        if 417 not in codes or time.monotonic() > until:
            raise Failed(f"{sample.name}: {codes}\n{done.stdout}{done.stderr}")
        time.sleep(PAUSE_S)


def run_all(state: Path) -> None:
    """Every sample for every app. Raises Failed at the first that gets no 200."""
    documents = [(DOCS / f"netease-{name}.txt").read_text() for name in ("ecp", "im-calling")]
    with stack(state) as running:
        for name in APPS:
            print(f"{name} (carrier {running.apps[name]['carrier']})")
            _run_for(running.app(name), running.url, documents, state / name)


def _run_for(app: Client, url: str, documents: list[str], where: Path) -> None:
    ecp, im = documents
    for old, new in ((HOST, url), (KEY, app.key), (SECRET, app.secret)):
        ecp = ecp.replace(old, new)
    for i, sample in enumerate(samples(ecp, im)):
        own = where / str(i)
        own.mkdir(parents=True)
        for reply in run(sample, own):
            print(f"   {sample.name}: {reply}", flush=True)


def main() -> int:
    """0 when every sample gets its 200, or in a clone without the documents."""
    if not DOCS.is_dir():
        print(f"The vendor's documents are not in {DOCS} (VENDOR_DOCS): no samples to run.")
        return 0
    missing = [package for package, there in PACKAGES.items() if not there()]
    if missing:
        print(f"Not installed: {' '.join(missing)}. On Debian or Ubuntu:", file=sys.stderr)
        print(f"  apt-get install {' '.join(missing)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as state:
        try:
            run_all(Path(state))
        except (Failed, requests.RequestException, subprocess.TimeoutExpired) as error:
            print(error, file=sys.stderr)
            return 1
    print("Every sample got code 200.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
