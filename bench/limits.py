"""What may not be exceeded, and whether it was."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bench.allocation import Allocation
from bench.operations import Measured

ROUND_TRIPS: Mapping[str, int] = {
    "bind": 1,
    "bind, largest request": 1,
    "query by X": 1,
    "query by bindId": 1,
    "route, connect": 1,
    "unbind": 2,
}
BIND_WRITE_UNITS = 8
BIND_INDEX_UNITS = 3
CPU_RATIO = 1.5
COLD_RATIO = 1.4
CPU_LIMITED = frozenset(
    {
        "bind",
        "unbind",
        "delay",
        "query by X",
        "query by bindId",
        "route, connect",
        "store an event",
    }
)
"""Usual paths; what a refusal or a repeat costs is shown only."""


@dataclass(frozen=True)
class Breach:
    """A limit that does not hold."""

    what: str
    measured: float
    limit: float

    def __str__(self) -> str:
        return f"{self.what}: {self.measured:g}, at most {self.limit:g} allowed"


def of_operations(measured: Iterable[Measured]) -> Iterator[Breach]:
    """Round trips, and the units of a bind."""
    for each in measured:
        checked = []
        if each.name in ROUND_TRIPS:
            checked.append(("AWS round trips", each.round_trips, ROUND_TRIPS[each.name]))
        if each.name in {"bind", "bind, largest request"}:
            checked.append(("write units on the table", each.units.write, BIND_WRITE_UNITS))
            checked.append(("write units on indexes", each.units.index, BIND_INDEX_UNITS))
        yield from (
            Breach(f"{each.name}, {what}", found, limit)
            for what, found, limit in checked
            if found > limit
        )


def of_cpu(ratios: Mapping[str, float]) -> Iterator[Breach]:
    """CPU of the whole handler as a ratio to the bare calls."""
    for name, ratio in ratios.items():
        if name in CPU_LIMITED and ratio > CPU_RATIO:
            yield Breach(f"{name}, CPU as a ratio", round(ratio, 2), CPU_RATIO)


def of_cold_start(ratio: float) -> Iterator[Breach]:
    """CPU of a cold start as a ratio."""
    if ratio > COLD_RATIO:
        yield Breach("cold start as a ratio", round(ratio, 2), COLD_RATIO)


def of_allocation(measured: Iterable[Allocation]) -> Iterator[Breach]:
    """A number has to be found whenever there is one, and only then."""
    for each in measured:
        if not each.as_it_should_be:
            wanted = 0 if each.occupied == 100 else len(each.round_trips)
            yield Breach(f"numbers found at {each.occupied} % occupation", each.found, wanted)
