"""Time and chance of a simulation: both follow from the schedule alone."""

import hashlib
import uuid


class Time:
    """Real time, as only the simulation knows it (epoch ms). Every clock is a bit off it."""

    def __init__(self) -> None:
        self.now = 0


class Draws:
    """Chance that is always the same: the n-th draw of a name. Each process has draws of its own,
    so that they don't depend on what others did before."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.count = 0

    def bytes(self, size: int) -> bytes:
        """So many bytes."""
        self.count += 1
        drawn = hashlib.blake2b(f"{self._name} {self.count}".encode(), digest_size=min(size, 64))
        return drawn.digest()

    def below(self, limit: int) -> int:
        """A whole number from 0."""
        return int.from_bytes(self.bytes(16), "big") % limit

    def uuid(self) -> uuid.UUID:
        """Version 4 by its looks."""
        return uuid.UUID(bytes=self.bytes(16), version=4)
