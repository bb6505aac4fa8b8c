"""The recording of a call: a real WAV file, one second of a tone that differs from call to call."""

import hashlib
import io
import math
import wave

SAMPLES_PER_S = 8000
LOWEST_HZ = 300
HIGHEST_HZ = 900
LOUDNESS = 60


def recording(call_id: str) -> bytes:
    """Mono, 8 bits, 8 kHz. The same call always has the same bytes, so nothing need be kept."""
    seed = hashlib.sha256(call_id.encode()).digest()
    pitch_hz = LOWEST_HZ + int.from_bytes(seed[:2]) % (HIGHEST_HZ - LOWEST_HZ)
    step = 2 * math.pi * pitch_hz / SAMPLES_PER_S
    samples = bytes(round(128 + LOUDNESS * math.sin(step * n)) for n in range(SAMPLES_PER_S))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(SAMPLES_PER_S)
        sound.writeframes(samples)
    return file.getvalue()
