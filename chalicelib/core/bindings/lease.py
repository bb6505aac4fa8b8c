"""Leases: what a carrier was asked to do with a binding, and for how long it keeps it."""

from dataclasses import dataclass, replace
from typing import Literal

from chalicelib.core.durations import CLOCKS_APART_MS, MINUTE_MS

ASKING_MS = 3 * MINUTE_MS
"""How long a request to a carrier may be under way: its process lives for two minutes at most (as a
Lambda function), and a request that has travelled for another minute does not arrive any more."""


CARRIER_SLACK_MS = CLOCKS_APART_MS
"""How much longer than reckoned here a carrier may keep a binding, by a clock of its own."""


OperationKind = Literal["bind", "extend", "release"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What one process asks a carrier to do. It is written down before the carrier is asked and
    stays until its outcome is known; nobody else's outcome counts for it.

    `id` is unique; `request` is what the carrier is asked under, the same for everybody who asks
    for the same thing again. `since` is when the process began (epoch ms), `first` when the first
    one that asked for this did, and `lease_ms` how long the carrier is asked to keep the binding (a
    release: 0).
    """

    id: str
    kind: OperationKind
    since: int
    first: int = 0
    lease_ms: int = 0
    request: str = ""

    @property
    def over_at(self) -> int:
        """From when on it can no longer take effect, by any process's clock."""
        return self.since + ASKING_MS + CLOCKS_APART_MS

    def over(self, now: int) -> bool:
        """Whether it can no longer take effect at `now`."""
        return self.over_at <= now


@dataclass(frozen=True, slots=True)
class CarrierLease:
    """What is known of a binding at the carrier that keeps it. Times are epoch ms.

    `id` is the carrier's id of it (None: unknown, or it does not have it). The carrier keeps it
    from `until` at the earliest to `at_most` at the latest, whichever `operations` take effect.
    `check_at` is when the carrier has to be asked next (None: never again).
    """

    id: str | None = None
    until: int = 0
    at_most: int = 0
    operations: tuple[Operation, ...] = ()
    check_at: int | None = None

    def has(self, operation: Operation) -> bool:
        """Whether this operation is pending."""
        return any(each.id == operation.id for each in self.operations)

    def without(self, *operations: Operation) -> "CarrierLease":
        """The lease without these pending operations."""
        ids = {each.id for each in operations}
        left = tuple(each for each in self.operations if each.id not in ids)
        return replace(self, operations=left)

    def over(self, now: int) -> tuple[Operation, ...]:
        """The pending operations that can no longer take effect: a look at the carrier after that
        shows what they did."""
        return tuple(each for each in self.operations if each.over(now))

    @property
    def asked(self) -> tuple[Operation, ...]:
        """The pending operations that may make the carrier keep it."""
        return tuple(each for each in self.operations if each.kind != "release")


@dataclass(frozen=True, slots=True)
class Lease:
    """A binding as its carrier has it: the carrier's id, and until when the carrier keeps it (epoch
    ms, never later than it really does). `at_most` is when it has ended for certain, where that is
    not within a minute of `until`."""

    id: str
    until: int
    at_most: int | None = None


LeaseWork = Literal["lease", "pending"]
"""Why a carrier has to be asked: a lease runs out, or the outcome of an operation is not known."""


@dataclass(frozen=True, slots=True)
class DueBinding:
    """An entry of the work index: the binding about which a carrier has to be asked since `due_at`.

    `lapses_at` is when its lease runs out at the carrier, if that is before its app wants it to
    end. Times are epoch ms.
    """

    handle: str
    id: str
    carrier: str
    due_at: int
    lapses_at: int | None = None

    @property
    def deadline(self) -> int:
        """By when the carrier has to be asked; where nothing lapses, at once."""
        return self.due_at if self.lapses_at is None else self.lapses_at
