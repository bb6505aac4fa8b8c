"""What has to be true after a race, worked out from what was acknowledged and nothing else.

An XA is a binding of A and everybody: `*` stands for everybody as a person does for himself.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.gateways import MINUTE
from tests.races.transfers import EVERYBODY


@dataclass
class Entry:
    """One acknowledged binding. Epoch ms."""

    id: str
    number: str
    a: str
    b: str
    start: int
    expires: int

    def peer(self, person: str) -> str:
        """Whom this person reaches."""
        return self.b if person == self.a else self.a

    def live(self, now: int) -> bool:
        """Whether it routes."""
        return now < self.expires


def _start(entry: Entry) -> int:
    return entry.start


class Ledger:
    """All acknowledged bindings of one app whose legs cool `cooling` ms."""

    def __init__(self, *, cooling: int) -> None:
        self.cooling = cooling
        self.entries: dict[str, Entry] = {}

    def bound(self, reply: dict[str, str], a: str, b: str, *, now: int, minutes: int) -> None:
        """Takes in an acknowledged bind; fails if the same id was given out twice."""
        assert reply["bindId"] not in self.entries, "one id for two bindings"
        entry = Entry(
            id=reply["bindId"],
            number=reply["phoneX"],
            a=a,
            b=b,
            start=now,
            expires=now + minutes * MINUTE,
        )
        self.entries[entry.id] = entry

    def changed(self, binding: str, *, delayed: int, released: bool, now: int) -> None:
        """Takes in what was acknowledged of one binding in a round: minutes and unbind."""
        entry = self.entries[binding]
        entry.expires = now if released else entry.expires + delayed * MINUTE

    def live(self, now: int) -> list[Entry]:
        """The bindings that have to route."""
        return [entry for entry in self.entries.values() if entry.live(now)]

    def peers(self, number: str, person: str | None, *, now: int) -> set[str]:
        """Everybody whom `person` (None: anonymous) may reach over X: one at most, or invariant 1
        is broken. His own binding goes before everybody's, and so does its cooling, unless both
        lead to the same."""
        own = self._of(number, person, now=now, cooling=0)
        if own:
            return {entry.peer(str(person)) for entry in own} - {EVERYBODY}
        open_to = {entry.a for entry in self._of(number, EVERYBODY, now=now, cooling=0)} - {person}
        cools = self._of(number, person, now=now, cooling=self.cooling)
        if cools and max(cools, key=_start).peer(str(person)) not in open_to:
            return set()
        return open_to

    def _of(self, number: str, person: str | None, *, now: int, cooling: int) -> list[Entry]:
        """The bindings of a person on X that are not over for so long."""
        return [
            entry
            for entry in self.entries.values()
            if entry.number == number
            and person in (entry.a, entry.b)
            and now < entry.expires + cooling
        ]

    def holds(self, number: str, a: str, b: str, *, now: int) -> bool:
        """Whether X can't be given to this pair."""
        return any(self._holders(number, a, b, now=now))

    def _holders(self, number: str, a: str, b: str, *, now: int) -> Iterator[bool]:
        for entry in self.entries.values():
            if entry.number == number and {a, b} & {entry.a, entry.b}:
                same = {a, b} == {entry.a, entry.b}
                yield now < entry.expires + (0 if same else self.cooling)

    def crossings(self) -> list[tuple[Entry, Entry]]:
        """Pairs of bindings of one (X, person) of which the later came too early."""
        return [
            (first, second)
            for first in self.entries.values()
            for second in self.entries.values()
            if first is not second and first.number == second.number
            for shared in [{first.a, first.b} & {second.a, second.b}]
            if shared
            and first.start <= second.start
            and second.start < first.expires + (0 if len(shared) == 2 else self.cooling)
        ]

    def forget(self, *, now: int) -> None:
        """Drops what can't matter any more."""
        self.entries = {
            key: entry for key, entry in self.entries.items() if now < entry.expires + self.cooling
        }
