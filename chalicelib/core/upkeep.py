"""What the schedules do at carriers: make leases longer in time, settle what is not known."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.core import errors
from chalicelib.core.leases import LeaseDesk
from chalicelib.core.ports import Bindings, Duty
from chalicelib.core.values import MINUTE_MS, Binding

CLAIM_MS = 2 * MINUTE_MS
"""For how long a binding is ours alone: longer than a schedule's function may run."""
LONGEST_PAUSE_MS = 5 * MINUTE_MS
"""Between two attempts, while a carrier fails."""
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
                elif self._attended(duty, binding, failures, now=now):
                    seen.done += 1
                else:
                    seen.put_off += 1
            except Exception as error:  # noqa: BLE001 - an item may hold anything
                self.trouble(error)
                seen.put_off += 1
            if not time_left():
                break
        return seen

    def _attended(self, duty: Duty, binding: Binding, failures: Counter[str], *, now: int) -> bool:
        if failures[binding.carrier] < SILENT_AFTER:
            try:
                self.leases.attend(duty, binding, now=now)
            except Exception as error:  # noqa: BLE001 - a fault of ours is put off like another's
                failures[binding.carrier] += isinstance(error, errors.Unavailable)
                self.trouble(error)
            else:
                failures[binding.carrier] = 0
                return True
        self._put_off(binding, now=now)
        return False

    def _put_off(self, binding: Binding, *, now: int) -> None:
        if self.bindings.note(_later(binding, now=now)):
            return
        current = self.bindings.get(binding.id)
        # It was noted what the carrier was asked for, and then it did not answer.
        asked = current is not None and (current.renewal is not None or current.intent == "bind")
        if current is not None and asked and current.ended is None:
            self.bindings.note(_later(current, now=now))


def _later(binding: Binding, *, now: int) -> Binding:
    pause_ms = min(MINUTE_MS * 2**binding.attempts, LONGEST_PAUSE_MS)
    return replace(
        binding,
        check_at=now + pause_ms,
        attempts=min(binding.attempts + 1, 16),
        version=binding.version + 1,
    )
