"""What happens in one run, as a line of text: `netease due L U@120 careless : 0001 1x >`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

VENDORS = ("netease", "interline", "alone", "transfer")
"""Who keeps the binding: NetEase, interline, interline that takes no second lease beside the first,
or interline as an XA."""
STATES: Mapping[str, str] = {
    "new": "nothing is bound",
    "left": "who bound it died 70 s ago, before it asked the vendor",
    "lost": "who bound it died 70 s ago, before it heard from the vendor",
    "bound": "bound for 5 minutes, 3 minutes ago",
    "due": "bound for 30 minutes, and its lease of 10 minutes is due to be made longer",
    "ending": "bound for 5 minutes, 1 ms before its end",
}
RIVALS: Mapping[str, str] = {
    "B": "binds a and b (request 1)",
    "N": "binds a and c over the same X (request 2)",
    "D": "makes it 9 minutes longer (request 3)",
    "E": "makes it 9 minutes longer (request 4)",
    "U": "unbinds it",
    "X": "ends the XA of X",
    "L": "runs the job that makes leases longer",
    "I": "runs the job that settles what is not known",
    "C": "runs the job that clears away what ran out",
}
FATES: Mapping[str, str] = {
    "": "goes on",
    "x": "dies",
    "l": "loses the call on its way",
    "r": "loses the reply",
    "d": "gives up, and its request arrives late",
    "n": "gets no connection",
    "c": "meets another transaction",
    "s": "reads an index that is one write behind",
}
_ACTION = re.compile(r"(?P<who>\d)(?P<fate>[xlrdncs]?)|\+(?P<count>\d+)(?P<unit>ms|s|m)|>|~")
_UNITS = {"ms": 1, "s": 1000, "m": 60_000}
_WORD = re.compile(r"([A-Z]+)(?:@(-?\d+))?|v@(-?\d+)|h@(-?\d+)|careless")


class Malformed(ValueError):
    """The text is no schedule."""


@dataclass(frozen=True, slots=True)
class Rival:
    """A process, and what it does: letters of RIVALS, one after the other. `offset_s` is how far
    its clock is off."""

    does: str
    offset_s: int = 0

    def __str__(self) -> str:
        return f"{self.does}@{self.offset_s}" if self.offset_s else self.does


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who acts, on what. `vendor_s` and `healthy_s` are how far the clocks of the vendor, and of
    the process that runs the jobs in the end, are off."""

    vendor: str
    state: str
    rivals: tuple[Rival, ...]
    vendor_s: int = 0
    healthy_s: int = 0
    careless: bool = False

    def __str__(self) -> str:
        clocks = [f"{n}@{s}" for n, s in (("v", self.vendor_s), ("h", self.healthy_s)) if s]
        manners = ["careless"] if self.careless else []
        return " ".join([self.vendor, self.state, *map(str, self.rivals), *clocks, *manners])

    @property
    def spread_ms(self) -> int:
        """How far apart the clocks are at most, real time among them."""
        offsets = [0, self.vendor_s, self.healthy_s, *(each.offset_s for each in self.rivals)]
        return (max(offsets) - min(offsets)) * 1000


@dataclass(frozen=True, slots=True)
class Schedule:
    """A scenario and what happens in it, action by action: `0` lets process 0 go on to its next
    call, a letter after it is the fate of the call that it was about to make (FATES); `+2m`, `+5s`
    or `+1ms` lets time pass, `>` lets the oldest late request arrive, `~` silences the vendor for
    three minutes. In the end every process goes on until it is done, in their order."""

    scenario: Scenario
    actions: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = ""
        for action in self.actions:
            joined = action[0].isdigit() and text[-1:].isalnum() and _same(text, action)
            text += action if joined else f" {action}"
        return f"{self.scenario} :{text}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises Malformed."""
        head, _, tail = text.partition(":")
        actions: list[str] = []
        for chunk in tail.split():
            at = 0
            while at < len(chunk):
                found = _ACTION.match(chunk, at)
                if found is None:
                    raise Malformed(f"{chunk[at:]!r} is no action")
                actions.append(found[0])
                at = found.end()
        return cls(_scenario(head), tuple(actions))


def _same(text: str, action: str) -> bool:
    """Whether the last action of the text is of the same process."""
    last = text.rsplit(" ", 1)[-1]
    return last[:1] == action[0]


def _scenario(text: str) -> Scenario:
    vendor, state, *words = (text + " - -").split()
    if vendor not in VENDORS or state not in STATES:
        raise Malformed(f"{vendor} {state}: no such vendor or state")
    rivals: list[Rival] = []
    offsets = {"v": 0, "h": 0}
    for word in words[:-2]:
        found = _WORD.fullmatch(word)
        if found is None or (found[1] and not set(found[1]) <= RIVALS.keys()):
            raise Malformed(f"{word!r} is neither a rival nor a manner")
        if found[1]:
            rivals.append(Rival(found[1], int(found[2] or 0)))
        elif "@" in word:
            offsets[word[0]] = int(word[2:])
    return Scenario(
        vendor,
        state,
        tuple(rivals),
        vendor_s=offsets["v"],
        healthy_s=offsets["h"],
        careless="careless" in words,
    )


def passed_ms(action: str) -> int:
    """How much time an action lets pass."""
    found = _ACTION.fullmatch(action)
    return int(found["count"]) * _UNITS[found["unit"]] if found and found["count"] else 0
