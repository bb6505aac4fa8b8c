"""What the schedules do at carriers: make leases longer in time, settle what is not known."""

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
    """Is told what went wrong with a binding; its text holds no number."""

    def run(self, duty: Duty, *, now: int, time_left: Callable[[], bool]) -> Attended:
        """Attends to what is due by `now` (epoch ms), as long as `time_left()`.

        Two runs at once do nothing twice. A binding whose carrier does not answer is put off,
        longer each time, and so are the others of that carrier in this run; nothing is torn down.
        """
        seen = Attended()
        silent: set[str] = set()
        for entry in self.bindings.unsettled(duty, now=now):
            binding = self.bindings.claim(entry, until=now + CLAIM_MS)
            if binding is None:
                seen.taken += 1
            elif binding.carrier in silent:
                self._put_off(binding, now=now)
                seen.put_off += 1
            elif self._attended(duty, binding, silent, now=now):
                seen.done += 1
            else:
                seen.put_off += 1
            if not time_left():
                break
        return seen

    def _attended(self, duty: Duty, binding: Binding, silent: set[str], *, now: int) -> bool:
        try:
            self.leases.attend(duty, binding, now=now)
        except errors.GatewayError as error:
            if isinstance(error, errors.Unavailable):
                silent.add(binding.carrier)
            self.trouble(error)
            self._put_off(binding, now=now)
            return False
        return True

    def _put_off(self, binding: Binding, *, now: int) -> None:
        pause_ms = min(MINUTE_MS * 2**binding.attempts, LONGEST_PAUSE_MS)
        later = replace(
            binding,
            check_at=now + pause_ms,
            attempts=min(binding.attempts + 1, 16),
            version=binding.version + 1,
        )
        self.bindings.note(later)
