"""What has to be true after a race, worked out from what was acknowledged and nothing else.

An XA is a binding of A and everybody: `*` stands for everybody as a person does for himself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.gateways import MINUTE
from tests.races.transfers import EVERYBODY


@dataclass
class Entry:
    """One acknowledged binding, or what is left of it for a B whom A does not reach any more. Epoch
    ms; `b_since` is when B became B, where that is later than the start."""

    id: str
    number: str
    a: str
    b: str
    start: int
    expires: int
    b_since: int = 0
    of: str = ""
    first_b: str = ""

    def b_for(self, person: str) -> str:
        """Who B was when the binding took a person's route."""
        return self.first_b or self.b if person == self.a else self.b

    def begins(self, person: str) -> int:
        """Since when the route of a person leads where it leads."""
        return max(self.start, self.b_since) if person == self.b else self.start

    def peer(self, person: str) -> str:
        """Whom this person reaches."""
        return self.b if person == self.a else self.a

    def live(self, now: int) -> bool:
        """Whether it routes."""
        return now < self.expires


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

    def reassigned(self, binding: str, acknowledged: Sequence[str], b: str, *, now: int) -> None:
        """Takes in that A reaches other people now, in any order: `b` in the end."""
        entry = self.entries[binding]
        assert b in acknowledged, "a B whom nobody asked for"
        for left in {entry.b, *acknowledged} - {b}:
            key = f"{binding}/{left}/{now}"
            since = entry.b_since if left == entry.b else now
            self.entries[key] = Entry(
                key, entry.number, entry.a, left, entry.start, now, since, binding
            )
        entry.first_b = entry.first_b or entry.b
        entry.b, entry.b_since = b, now

    def holds_b(self, binding: str, b: str, *, now: int) -> bool:
        """Whether the route of `b` can't be given to this binding."""
        own = self.entries[binding]
        return any(
            now < entry.expires + (0 if {own.a, b} == {entry.a, entry.b} else self.cooling)
            for entry in self.entries.values()
            if entry.number == own.number and b in (entry.a, entry.b) and entry is not own
        )

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
        if cools:
            # Of a binding and what is left of it the binding says where A's own route led.
            last = max(cools, key=lambda entry: (entry.begins(str(person)), not entry.of))
            if last.peer(str(person)) not in open_to:
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
            if first.number == second.number and (first.of or first.id) != (second.of or second.id)
            for person in {first.a, first.b} & {second.a, second.b}
            if self._crossed(first, second, person)
        ]

    def _crossed(self, first: Entry, second: Entry, person: str) -> bool:
        """Whether a person's route was given to the second too early after the first."""
        if (person == first.a and first.of) or (person == second.a and second.of):
            # A's own route stays with the binding.
            return False
        if (first.begins(person), first.expires) > (second.begins(person), second.expires):
            return False
        if self._led_elsewhere_between(first, second, person):
            return False
        same = {first.a, first.b} == {second.a, second.b_for(person)}
        return second.begins(person) < first.expires + (0 if same else self.cooling)

    def _led_elsewhere_between(self, first: Entry, second: Entry, person: str) -> bool:
        """Whether a third binding had A's route in between, and its app changed its B: that is the
        one exception to cooling, and what follows is judged by the binding that was changed."""
        return any(
            entry.first_b and entry.number == first.number and entry.a == person
            for entry in self.entries.values()
            if entry is not first and entry is not second
            if first.begins(person) <= entry.start <= entry.b_since <= second.begins(person)
        )

    def forget(self, *, now: int) -> None:
        """Drops what can't matter any more."""
        self.entries = {
            key: entry for key, entry in self.entries.items() if now < entry.expires + self.cooling
        }
