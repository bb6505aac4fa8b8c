"""What a carrier was asked, and how long it keeps a binding."""

from dataclasses import dataclass
from typing import Literal

from chalicelib.core.durations import CLOCKS_APART_MS, MINUTE_MS

ASKING_MS = 3 * MINUTE_MS
"""How long what a process asks a carrier may be under way: it lives for two minutes at most (as a
Lambda function), and a request that took another one does not arrive any more."""


CARRIER_SLACK_MS = CLOCKS_APART_MS
"""What a carrier may keep a binding for longer than we reckon, by a clock of its own."""


OperationKind = Literal["bind", "extend", "release"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What one process wants of a carrier. It is written down before the carrier is asked and stays
    until the outcome is known: nobody's word counts for another's.

    `id` is the process's own, `request` says what it asks: who asks for the same thing again asks
    under the same one. `since` is when the process began (epoch ms), `first` when the first one
    that asked for this did, and `lease_ms` how long the carrier is asked to keep the binding (a
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
        """From when on it surely takes effect no more, by whichever clock: its process does not ask
        any more, and what was on its way has arrived."""
        return self.since + ASKING_MS + CLOCKS_APART_MS

    def over(self, now: int) -> bool:
        """Whether it surely takes effect no more at `now`."""
        return self.over_at <= now


@dataclass(frozen=True, slots=True)
class CarrierLease:
    """What is known of a binding at the carrier that keeps it. Times are epoch ms.

    `id` is its id there (None: it was never heard), `until` when it keeps it at least and `at_most`
    at most, whatever of the `operations` took or takes effect; `check_at` is when the carrier has
    to be asked next (None: never again).
    """

    id: str | None = None
    until: int = 0
    at_most: int = 0
    operations: tuple[Operation, ...] = ()
    check_at: int | None = None

    def without(self, *operations: Operation) -> tuple[Operation, ...]:
        """The operations but for these."""
        ids = {each.id for each in operations}
        return tuple(each for each in self.operations if each.id not in ids)

    def has(self, operation: Operation) -> bool:
        """Whether it still waits for this one."""
        return any(each.id == operation.id for each in self.operations)

    @property
    def asked(self) -> tuple[Operation, ...]:
        """The operations that may make the carrier keep it."""
        return tuple(each for each in self.operations if each.kind != "release")


@dataclass(frozen=True, slots=True)
class Lease:
    """A binding as its carrier has it: the carrier's id, and until when it keeps it (epoch ms,
    never later than it really does). `at_most` is when it has surely ended, where that is not the
    same to a minute."""

    id: str
    until: int
    at_most: int | None = None


Duty = Literal["lease", "pending"]
"""Why a carrier has to be asked: a lease runs out, or it is not known what became of an operation.
"""


@dataclass(frozen=True, slots=True)
class Unsettled:
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
        """Before when the carrier should be asked; where nothing lapses, at once."""
        return self.due_at if self.lapses_at is None else self.lapses_at
