"""What the schedules do at carriers: make leases longer in time, settle what is not known."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.core import errors
from chalicelib.core.leases import LeaseDesk
from chalicelib.core.ports import Bindings, Duty
from chalicelib.core.values import MINUTE_MS, Binding

CLAIM_MS = MINUTE_MS
"""For how long nobody else begins with a binding that somebody works on."""
SILENT_AFTER = 3
"""How many bindings in a row a carrier may have no answer for, until it is asked no more in a run:
one alone may be the binding's fault."""


@dataclass(slots=True)
class Attended:
    """What one run did: bindings settled, put off until the carrier answers, left to others."""

    done: int = 0
    put_off: int = 0
    taken: int = 0


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Works off one kind of entry of the due index."""

    bindings: Bindings
    leases: LeaseDesk
    trouble: Callable[[Exception], None]
    """Is told what went wrong with a binding."""

    def run(self, duty: Duty, *, now: int, time_left: Callable[[], bool]) -> Attended:
        """Attends to what is due by `now` (epoch ms), as long as `time_left()`.

        Two runs at once do nothing twice. A binding whose carrier does not answer is put off,
        longer each time, and so are the others of a carrier that answers nothing; nothing is torn
        down. What can't be worked on, for whatever reason, stays due and holds up no other.
        """
        seen = Attended()
        failures: Counter[str] = Counter()
        for entry in self.bindings.unsettled(duty, now=now):
            try:
                binding = self.bindings.claim(entry, until=now + CLAIM_MS)
                if binding is None:
                    seen.taken += 1
                elif self._attended(binding, failures, now=now):
                    seen.done += 1
                else:
                    seen.put_off += 1
            except Exception as error:  # noqa: BLE001 - an item may hold anything
                self.trouble(error)
                seen.put_off += 1
            if not time_left():
                break
        return seen

    def _attended(self, binding: Binding, failures: Counter[str], *, now: int) -> bool:
        if failures[binding.carrier] < SILENT_AFTER:
            try:
                self.leases.attend(binding, now=now)
            except Exception as error:  # noqa: BLE001 - a fault of ours is put off like another's
                failures[binding.carrier] += isinstance(error, errors.Unavailable)
                self.trouble(error)
            else:
                failures[binding.carrier] = 0
                return True
        self.leases.put_off(binding, now=now)
        return False
