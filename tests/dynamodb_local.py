"""Amazon's own DynamoDB Local for tests of races and conditions: fetched once, run in memory."""

import base64
import fcntl
import hashlib
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache"
# The npm package ships the jar unchanged; Amazon's own download is a moving `latest` file.
PACKAGE = "amplify-dynamodb-simulator"
VERSION = "2.9.30"
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
JAVA_NEEDED = 17
START_S = 60
# It runs for minutes, on few cores: to compile more than this would take longer than it saves.
JVM = ["-Xmx1g", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]


class Missing(Exception):
    """This machine lacks a program that DynamoDB Local needs."""


@pytest.fixture(scope="session")
def dynamodb_local() -> Iterator[str]:
    """The endpoint URL of an empty DynamoDB Local; one per session, so use tables of your own.

    Without Java or npm the test is skipped; with CI=true it fails.
    """
    try:
        java, directory = _java(), _installed()
    except Missing as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"DynamoDB Local must run in CI: {missing}", pytrace=False)
        pytest.skip(f"no DynamoDB Local on this machine: {missing}")
    with running(java, directory) as endpoint:
        yield endpoint


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise Missing("java is not installed")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', told.stderr + told.stdout)
    # Some systems carry a stub that only says where to get Java.
    if told.returncode or version is None or int(version[1]) < JAVA_NEEDED:
        raise Missing(f"java is older than {JAVA_NEEDED} or does not run")
    return java


def _installed() -> Path:
    """The directory of the jar, fetched and unpacked at first; safe for parallel sessions."""
    directory = CACHE / f"dynamodb-local-{VERSION}"
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "dynamodb-local.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not directory.exists():
            _unpack(_fetched(), directory)
    return directory / "emulator"


def _fetched() -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise Missing("npm is not installed")
    packed = CACHE / f"{PACKAGE}-{VERSION}.tgz"
    if not packed.exists():
        command = [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}", "--pack-destination", CACHE]
        got = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CACHE)
        if got.returncode:
            raise RuntimeError(f"npm could not fetch {PACKAGE}@{VERSION}: {got.stderr.strip()}")
    digest = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
    if digest != SHA512:
        packed.unlink()
        raise RuntimeError(f"{packed.name} is not the file that was pinned (sha512 {digest})")
    return packed


def _unpack(packed: Path, directory: Path) -> None:
    unpacking = directory.with_suffix(".unpacking")
    shutil.rmtree(unpacking, ignore_errors=True)
    with tarfile.open(packed) as archive:
        # Before 3.11.4 Python has no filters; the checksum vouches for the content.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(unpacking)  # noqa: S202
    # A rename last: a directory that exists is complete.
    (unpacking / "package").rename(directory)
    unpacking.rmdir()
    packed.unlink()


@contextmanager
def running(java: str, directory: Path) -> Iterator[str]:
    """Runs the jar in memory on a free port until the block ends; gives its endpoint URL."""
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"dynamodb-local-{os.getpid()}.log").open("w+") as log:
        process, endpoint = _start(java, directory, log)
        try:
            yield endpoint
        finally:
            _stop(process)
            Path(log.name).unlink()


def _start(java: str, directory: Path, log: IO[str]) -> tuple[subprocess.Popen[bytes], str]:
    port = _free_port()
    command = [java, *JVM, f"-Djava.library.path={directory / 'DynamoDBLocal_lib'}", "-jar"]
    options = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    process = subprocess.Popen(
        [sys.executable, __file__, *command, directory / "DynamoDBLocal.jar", *options],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        # It leaves a file with its telemetry settings where it runs.
        cwd=CACHE,
    )
    endpoint = f"http://127.0.0.1:{port}"
    until = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < until:
        if _answers(endpoint):
            return process, endpoint
        time.sleep(0.1)
    _stop(process)
    raise RuntimeError(f"DynamoDB Local did not start: {_tail(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=5)
    except urllib.error.HTTPError:
        # It refuses a request without credentials: it is up.
        return True
    except OSError:
        return False
    return True


def _tail(log: IO[str]) -> str:
    log.flush()
    log.seek(0)
    return log.read()[-2000:]


def _run_while_watched(command: list[str]) -> None:
    """Runs a command until our standard input ends, as it does however the tests end."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if select.select([sys.stdin], [], [], 0.5)[0]:
                process.terminate()
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()


if __name__ == "__main__":
    _run_while_watched(sys.argv[1:])
