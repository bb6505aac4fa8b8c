"""Keytime, against values that other programs computed: openssl, and a client in Java."""

import os
import random
import shutil
import string
import subprocess
from pathlib import Path

import pytest

from chalicelib.carriers.interline.signing import authorization, signature
from chalicelib.carriers.interline.wire_api import read_keytime

SOURCE = Path(__file__).parent / "Keytime.java"
CLIENTS = 1_000
JAVA_S = 60

# printf '%s' '<key><time>' | openssl sha256 | cut -d ' ' -f 2 | cut -c 25-40
VECTORS = [
    ("auth-key-1", "1622020210513", "373fc407f74373d3"),
    ("密钥", "1", "e1340d1a4eec57d3"),
]


@pytest.mark.parametrize(("key", "timestamp", "expected"), VECTORS)
def test_a_signature(key: str, timestamp: str, expected: str) -> None:
    assert signature(key, timestamp) == expected


def test_the_header_has_the_documents_form() -> None:
    header = authorization("10000000", "auth-key-1", now=1622020210513)
    assert header == "Keytime 10000000,1622020210513,373fc407f74373d3"


@pytest.fixture(scope="module")
def java() -> str:
    """A JDK, which runs a source file. Without one the test is skipped; with CI=true it fails."""
    if shutil.which("javac") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("the client in Java must run in CI: no JDK", pytrace=False)
        pytest.skip("no JDK on this machine")
    return str(shutil.which("java"))


def test_a_client_in_java_signs_the_same(java: str) -> None:
    chance = random.Random(4)
    letters = string.ascii_letters + string.digits + string.punctuation + " 密钥é\U0001f511"
    clients = [
        (
            str(chance.randrange(10**8)),
            "k" + "".join(chance.choices(letters, k=chance.randrange(64))),
            chance.randrange(10**13),
        )
        for _ in range(CLIENTS)
    ]
    lines = "".join(f"{developer}\t{key}\t{now}\n" for developer, key, now in clients)
    ran = subprocess.run(
        [java, str(SOURCE)],
        input=lines.encode(),
        capture_output=True,
        check=True,
        timeout=JAVA_S,
    )
    headers = ran.stdout.decode().splitlines()
    assert headers == [authorization(each, key, now=now) for each, key, now in clients]
    for header, (developer, key, _) in zip(headers, clients, strict=True):
        read = read_keytime(header)
        assert read is not None
        assert read.developer == developer
        assert read.signature == signature(key, read.timestamp)
