"""The recordings of calls: real WAV files of any size, served as well or as badly as is asked for.

Each is a tone that differs from call to call, made while it is sent, so that nothing is kept.
"""

import hashlib
import math
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from simulator.routes import Asked, Refused, Reply, Route, route

SAMPLES_PER_S = 8000
LOWEST_HZ = 300
HIGHEST_HZ = 900
LOUDNESS = 60
HEADER_BYTES = 44
ONE_SECOND = HEADER_BYTES + SAMPLES_PER_S
MOST_BYTES = 2**32 - 1  # what the format can say of itself
CHUNK_BYTES = 256 * 1024
SIZES_KEPT = 100_000
MAX_DELAY_S = 600.0
KINDS = ("cut", "wrong", "missing", "slow")


def chunks(call_id: str, size: int = ONE_SECOND) -> Iterator[bytes]:
    """Mono, 8 bits, 8 kHz, `size` bytes in all. The same call always has the same bytes."""
    length = size - HEADER_BYTES
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, SAMPLES_PER_S, SAMPLES_PER_S, 1, 8)
    yield struct.pack("<4sI4s", b"RIFF", size - 8, b"WAVE") + form
    yield struct.pack("<4sI", b"data", length)
    second = _tone(call_id)
    block = second * (CHUNK_BYTES // len(second))
    for start in range(0, length, len(block)):
        yield block[: length - start]


def _tone(call_id: str) -> bytes:
    seed = hashlib.sha256(call_id.encode()).digest()
    pitch_hz = LOWEST_HZ + int.from_bytes(seed[:2]) % (HIGHEST_HZ - LOWEST_HZ)
    step = 2 * math.pi * pitch_hz / SAMPLES_PER_S
    return bytes(round(128 + LOUDNESS * math.sin(step * n)) for n in range(SAMPLES_PER_S))


@dataclass(frozen=True, slots=True)
class Sound:
    """What is sent: `size` is announced; of a broken one the chunks end before."""

    size: int
    chunks: Iterator[bytes]


@dataclass(slots=True)
class Fault:
    """How the next `times` recordings that are asked for fail; None without end."""

    kind: str
    delay_s: float
    times: int | None


class Recordings:
    """All there are, and how they fail. Safe under threads."""

    def __init__(self) -> None:
        self._size = ONE_SECOND
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._fault: Fault | None = None
        self._requests = 0
        self._lock = threading.Lock()

    def md5(self, call_id: str) -> str:
        """Hexadecimal; from now on this call's recording has the size that is set now."""
        with self._lock:
            size = self._sizes[call_id] = self._size
            if len(self._sizes) > SIZES_KEPT:
                self._sizes.popitem(last=False)
        digest = hashlib.md5(usedforsecurity=False)
        for chunk in chunks(call_id, size):
            digest.update(chunk)
        return digest.hexdigest()

    def routes(self) -> list[Route]:
        """Files, and what can be told to them."""
        return [
            route("PUT", "/recordings", self._resize),
            route("GET", "/recordings", lambda _: (200, self._state())),
            route("PUT", "/recordings/fault", self._break_down),
            route("DELETE", "/recordings/fault", self._repair),
            route("GET", "/recordings/<name>", self._file),
        ]

    def _file(self, asked: Asked) -> Reply:
        call_id, _, kind = asked.names[0].partition(".")
        if kind != "wav":
            raise Refused(404, "recordings are named <call_id>.wav")
        with self._lock:
            self._requests += 1
            size = self._sizes.get(call_id, self._size)
            fault = self._hit()
        content = chunks(call_id, size)
        if fault is None:
            return 200, Sound(size, content)
        if fault.kind == "missing":
            raise Refused(404, "told to fail: there is no such recording")
        return 200, Sound(size, _failing(fault, content, size))

    def _hit(self) -> Fault | None:
        fault = self._fault
        if fault is None or fault.times == 0:
            return None
        if fault.times is not None:
            fault.times -= 1
        return fault

    def _resize(self, asked: Asked) -> Reply:
        size = asked.json_of("bytes").get("bytes")
        if isinstance(size, bool) or not isinstance(size, int):
            raise Refused(400, "bytes must be a whole number")
        if not HEADER_BYTES <= size <= MOST_BYTES:
            raise Refused(400, f"bytes must be from {HEADER_BYTES} to {MOST_BYTES}")
        self._size = size
        return 200, self._state()

    def _break_down(self, asked: Asked) -> Reply:
        body = asked.json_of("kind", "delay_s", "times")
        kind, delay_s, times = body.get("kind"), body.get("delay_s", 0), body.get("times")
        if kind not in KINDS:
            raise Refused(400, f"kind must be one of {', '.join(KINDS)}")
        if isinstance(delay_s, bool) or not isinstance(delay_s, int | float):
            raise Refused(400, "delay_s must be a number of seconds")
        if not 0 <= delay_s <= MAX_DELAY_S:
            raise Refused(400, f"delay_s must be from 0 to {MAX_DELAY_S:g}")
        if times is not None and (isinstance(times, bool) or not isinstance(times, int)):
            raise Refused(400, "times must be a whole number")
        with self._lock:
            self._fault = Fault(kind, delay_s, times)
        return 200, self._state()

    def _repair(self, asked: Asked) -> Reply:
        with self._lock:
            self._fault = None
            self._requests = 0
        return 200, self._state()

    def _state(self) -> dict[str, Any]:
        fault = self._fault if self._fault and self._fault.times != 0 else None
        return {
            "bytes": self._size,
            "requests": self._requests,
            "fault": fault and {"kind": fault.kind, "delay_s": fault.delay_s, "times": fault.times},
        }


def _failing(fault: Fault, content: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Ends in the middle; or has one other byte there; or stands still there for a while."""
    sent, middle = 0, size // 2
    for chunk in content:
        before = middle - sent
        sent += len(chunk)
        if not 0 <= before < len(chunk):
            yield chunk
            continue
        yield chunk[:before]
        time.sleep(fault.delay_s)
        if fault.kind == "cut":
            return
        wrong = bytes([chunk[before] ^ (fault.kind == "wrong")])
        yield wrong + chunk[before + 1 :]
