"""The due bindings of one carrier, in the order in which a run attends to them."""

from bisect import insort

from chalicelib.core.bindings.lease import DueBinding

SILENT_AFTER = 3
"""After how many bindings in a row without an answer a carrier is left alone until the next run.
Until its first answer in a run no more than so many are begun at a time."""
REMEMBERED = 1_000
"""How many due bindings of one carrier a run remembers; it reads the index again for the rest."""
TURNS = 8
"""Of so many bindings one is the longest due, one the latest due, and the others lapse soonest."""


class DueQueue:
    """What a run knows of one carrier: the bindings that wait, and how the carrier answers."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bool, int, str, DueBinding]] = []
        """The soonest deadline first, behind them the leases that have lapsed."""
        self.workers = 0
        self.answers = 0
        self.silences = 0
        self.left_out = 0
        """How many entries of the latest reading of the index there was no room for."""
        self._known: set[str] = set()
        """Handles of those that wait, and of those that were begun in this run."""
        self._taken = 0

    @property
    def silent(self) -> bool:
        return self.silences >= SILENT_AFTER

    @property
    def busy(self) -> bool:
        return self.workers > 0 or bool(self.waiting)

    @property
    def wants_more(self) -> bool:
        return bool(self.left_out) and not self.silent and len(self.waiting) < REMEMBERED // 4

    def offer(self, entry: DueBinding, *, now: int) -> None:
        """Remembers an entry if it is among the most urgent."""
        if entry.handle in self._known:
            return
        if self.silent:
            self.left_out += 1
            return
        lapsed = entry.lapses_at is not None and entry.lapses_at <= now
        insort(self.waiting, (lapsed, entry.deadline, entry.handle, entry))
        self._known.add(entry.handle)
        if len(self.waiting) > REMEMBERED:
            *_, handle, _ = self.waiting.pop()
            self._known.remove(handle)
            self.left_out += 1

    def take(self) -> DueBinding:
        """The binding that lapses soonest; each in its turn the longest and the latest due. Some
        may fail for ever, and keep their deadline: without these turns they would hold up the
        others, and the carrier would count as silent because of them."""
        turn, index = self._taken % TURNS, 0
        self._taken += 1
        if turn in (1, 2):
            choose = min if turn == 1 else max
            index = choose(range(len(self.waiting)), key=lambda i: self.waiting[i][-1].due_at)
        return self.waiting.pop(index)[-1]

    def answered(self) -> None:
        """The carrier did what was asked."""
        self.answers += 1
        self.silences = 0

    def unanswered(self, answers_before: int) -> None:
        """The carrier did not answer; `answers_before` is how many answers there were when it was
        asked. If it has answered others since, it is not silent."""
        if self.answers == answers_before:
            self.silences += 1
