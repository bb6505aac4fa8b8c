"""No subscriber number in anything that a gateway's day leaves behind: logs, table, queues, names
of files."""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.attacks.scenario import PLANTED, SUBSCRIBERS
from tests.dynamodb_local import ROOT

LIMIT_S = 300


def disguises(digits: str) -> Iterator[tuple[str, bytes]]:
    """The ways in which a number can stand somewhere without a key; none is shorter than ten."""
    country = 1 if digits.startswith("1") else 2
    for name, text in (("international", digits), ("national", digits[country:])):
        raw = text.encode()
        yield name, raw
        yield f"{name} backwards", raw[::-1]
        yield f"{name} in hex", raw.hex().encode()
        yield f"{name} in UTF-16", text.encode("utf-16-le")
        for before in range(3):
            # Only what does not depend on the neighbours.
            encoded = base64.b64encode(b"\0" * before + raw)
            yield f"{name} in base64", encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        for algorithm in ("md5", "sha1", "sha256"):
            # There are so few numbers that their bare hashes can all be looked up.
            digest = hashlib.new(algorithm, raw, usedforsecurity=False)
            yield f"{name} as {algorithm}", digest.hexdigest().encode()
            yield f"{name} as {algorithm} bytes", digest.digest()
            yield f"{name} as {algorithm} in base64", base64.b64encode(digest.digest())[:-2]


def found_in(heap: bytes, digits: str) -> list[str]:
    """Which disguises of the number stand in there."""
    low = heap.lower()
    return [
        name
        for name, needle in disguises(digits)
        if needle in heap or (b"hex" in name.encode() and needle in low)
    ]


@pytest.fixture(scope="module", params=["as it is", "plant"])
def day(
    request: pytest.FixtureRequest, dynamodb_local: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Mapping[str, bytes]]:
    """Where things were left -> all bytes that were; of a run with and one without a plant."""
    file = tmp_path_factory.mktemp("day") / "left.json"
    ran = subprocess.run(
        [sys.executable, "-m", "tests.attacks.scenario", dynamodb_local, file, request.param],
        capture_output=True,
        check=False,
        timeout=LIMIT_S,
        cwd=ROOT,
    )
    assert ran.returncode == 0, ran.stderr[-4000:].decode(errors="replace")
    left = json.loads(file.read_text())
    return request.param, {
        "stdout": ran.stdout,
        "stderr": ran.stderr,
        "table": b"\n".join(_raw(left["items"])),
        "queue": "\n".join(left["queued"]).encode(),
        "files": b"\n".join(_raw(left["files"])),
    }


def _raw(value: Any) -> Iterator[bytes]:
    """Every text and every blob in there, keys and names too; blobs both as they are and in the
    base64 of the wire."""
    match value:
        case {"base64": str(text)}:
            yield from (text.encode(), base64.b64decode(text))
        case dict():
            for name, inner in value.items():
                yield name.encode()
                yield from _raw(inner)
        case list():
            for inner in value:
                yield from _raw(inner)
        case _:
            yield str(value).encode()


def test_no_number_is_left_behind_but_a_planted_one(day: tuple[str, Mapping[str, bytes]]) -> None:
    run, left = day
    found = {
        (place, digits)
        for place, heap in left.items()
        for digits in SUBSCRIBERS
        if found_in(heap, digits)
    }
    planted = {(place, PLANTED) for place in left} if run == "plant" else set()
    assert found == planted


def test_something_was_left_behind(day: tuple[str, Mapping[str, bytes]]) -> None:
    """An empty log would pass any search."""
    _, left = day
    for word in (
        *(b"axb.bind", b"axb.query", b"switch.route", b"deliver", b"clean", b"fault"),
        *(b"netease.bind", b"netease.relay", b"netease.startcall", b"ecp.startcall", b"put off"),
        *(b"fetch", b"follow_up", b"records.search", b"recordings.open", b"events.list"),
    ):
        assert word in left["stdout"]
    assert b"botocore" in left["stderr"]
    kinds = (b"B#", b"X#8610099", b"C#", b"Q#demo", b"S#", b"J#", b"P#", b"U#")
    assert all(kind in left["table"] for kind in kinds)
    assert left["queue"].count(b"event") >= 4
    assert b"recordings/180/demo/" in left["files"]


@pytest.mark.parametrize("digits", SUBSCRIBERS)
@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_the_search_sees_through_disguises(digits: str, before: str) -> None:
    text = f"{before}{digits}!"
    assert found_in(base64.b64encode(text.encode()), digits)
    assert found_in(text.encode().hex().upper().encode(), digits)
    assert found_in(json.dumps({"to": f"+{digits}"}).encode(), digits)
    assert not found_in(base64.b64encode(text[:-3].encode()), digits)
