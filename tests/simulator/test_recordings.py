"""Recordings over HTTP: of any size, always the same, and failing in every way they are told to."""

import hashlib
import io
import time
import wave
from typing import Any

import pytest
import requests

from simulator.recordings import ONE_SECOND, Recordings, chunks
from tests.simulator.outside import StubGateway, post

CONNECT = {
    "action": "connect",
    "to": "447700900002",
    "show": "8610000000001",
    "record": True,
    "binding": "b1",
}
MEGABYTES = 3_000_001


def get(simulator: str, name: str = "call-1.wav") -> requests.Response:
    """Asks for a file."""
    return requests.get(f"{simulator}/recordings/{name}", timeout=10)


def put(simulator: str, path: str, **body: Any) -> requests.Response:
    """Tells the recordings something."""
    return requests.put(f"{simulator}/recordings{path}", json=body, timeout=10)


def ready(simulator: str, gateway: StubGateway) -> dict[str, Any]:
    """A recorded call, and the event that says where its recording is."""
    gateway.routes = [CONNECT]
    post(f"{simulator}/calls", {"from": "447700900001", "to": "8610000000001", "talk_s": 5})
    return gateway.events[-1]


def md5(content: bytes) -> str:
    """Hexadecimal."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def test_it_is_a_second_of_sound_unless_told_otherwise(simulator: str) -> None:
    answer = get(simulator)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/wav")
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getnframes()) == (1, 8000, 8000)
    assert get(simulator).content == answer.content
    assert get(simulator, "call-2.wav").content != answer.content


@pytest.mark.parametrize("size", [44, 45, 8044, 300_000, MEGABYTES])
def test_a_file_has_the_size_that_is_asked_for(simulator: str, size: int) -> None:
    assert put(simulator, "", bytes=size).json()["bytes"] == size
    content = get(simulator).content
    assert len(content) == size
    with wave.open(io.BytesIO(content)) as sound:
        assert sound.getnframes() == size - 44


def test_a_call_keeps_its_recording_whatever_is_asked_for_later(
    simulator: str, gateway: StubGateway
) -> None:
    put(simulator, "", bytes=MEGABYTES)
    event = ready(simulator, gateway)
    put(simulator, "", bytes=100)
    content = requests.get(event["url"], timeout=10).content
    assert (len(content), md5(content)) == (MEGABYTES, event["md5"])


def test_one_that_breaks_off_in_the_middle(simulator: str) -> None:
    put(simulator, "", bytes=MEGABYTES)
    assert put(simulator, "/fault", kind="cut", times=1).status_code == 200
    with requests.get(f"{simulator}/recordings/call-1.wav", stream=True, timeout=10) as answer:
        assert answer.headers["Content-Length"] == str(MEGABYTES)
        got = b""
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            for chunk in answer.iter_content(1000):
                got += chunk
    assert len(got) <= MEGABYTES // 2
    whole = get(simulator).content
    assert whole.startswith(got)
    assert len(whole) == MEGABYTES


def test_one_with_another_content(simulator: str, gateway: StubGateway) -> None:
    event = ready(simulator, gateway)
    put(simulator, "/fault", kind="wrong", times=1)
    wrong, right = (requests.get(event["url"], timeout=10).content for _ in range(2))
    assert len(wrong) == len(right) == ONE_SECOND
    assert md5(wrong) != md5(right) == event["md5"]


def test_one_that_is_not_there_until_repaired(simulator: str) -> None:
    put(simulator, "/fault", kind="missing")
    assert [get(simulator).status_code for _ in range(3)] == [404] * 3
    state = requests.get(f"{simulator}/recordings", timeout=10).json()
    fault = {"kind": "missing", "delay_s": 0, "times": None}
    assert state == {"bytes": ONE_SECOND, "requests": 3, "fault": fault}
    state = requests.delete(f"{simulator}/recordings/fault", timeout=10).json()
    assert (state["requests"], state["fault"]) == (0, None)
    assert get(simulator).status_code == 200


def test_one_that_takes_its_time(simulator: str) -> None:
    put(simulator, "/fault", kind="slow", delay_s=0.5, times=1)
    before = time.monotonic()
    assert get(simulator).content == b"".join(chunks("call-1"))
    assert time.monotonic() - before >= 0.5
    put(simulator, "/fault", kind="slow", delay_s=5, times=1)
    with pytest.raises(requests.ConnectionError, match="Read timed out"):
        requests.get(f"{simulator}/recordings/call-1.wav", timeout=0.3)


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("", {"bytes": 43}, "bytes must be from 44"),
        ("", {"bytes": 2**32}, "bytes must be from 44"),
        ("", {"bytes": "100"}, "bytes must be a whole number"),
        ("", {"size": 100}, "unknown field 'size'"),
        ("/fault", {"kind": "loud"}, "kind must be one of cut, wrong, missing, slow"),
        ("/fault", {"kind": "slow", "delay_s": -1}, "delay_s must be from 0 to 600"),
        ("/fault", {"kind": "slow", "delay_s": "1"}, "delay_s must be a number"),
        ("/fault", {"kind": "cut", "times": 0.5}, "times must be a whole number"),
    ],
)
def test_what_cannot_be_told_to_them(
    simulator: str, path: str, body: dict[str, Any], error: str
) -> None:
    answer = put(simulator, path, **body)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


def test_a_file_that_is_no_recording(simulator: str) -> None:
    assert get(simulator, "call-1.mp3").status_code == 404


def test_the_digest_of_a_large_one_takes_no_memory_to_speak_of() -> None:
    largest = max(len(chunk) for chunk in chunks("call-1", 50_000_000))
    assert largest <= 256 * 1024
    assert Recordings().md5("call-1") == md5(b"".join(chunks("call-1")))
