"""A limit of the project that does not hold is named, and nothing else is."""

import pytest

from bench import limits
from bench.allocation import Allocation
from bench.capacity import Units
from bench.meter import Call
from bench.operations import Measured


def measured(
    name: str, *round_trips: int, write: int = 0, index: int = 0, carrier: int = 0
) -> Measured:
    """An operation of so many calls."""
    units = Units(write=write, index=index)
    calls = [Call("dynamodb", "Query", {}, round_trips=each) for each in round_trips]
    calls[0].units = units
    return Measured(name, calls, carrier_requests=carrier)


GOOD = [
    measured("bind", 1, write=8, index=2),
    measured("unbind", 1, 1, write=20),
    measured("query by X", 1),
    measured("route, connect", 1),
    measured("deliver an event", 1, 1),
    measured("bind at a carrier", 1, 1, write=14, index=3, carrier=1),
    measured("bind, paid for", 1, write=10, index=2),
    measured("store a callback, charged", 1, 1, 1, write=6),
    measured("renew 20 at interline", 8, 40, 20, write=160, index=80, carrier=40),
]


def test_what_is_within_its_limits_is_not_named() -> None:
    assert not list(limits.of_operations(GOOD))
    assert not list(limits.of_cpu({"bind": 1.5, "bind, repeated": 9.0}))
    assert not list(limits.of_carrier({"bind": 1.5}))
    assert not list(limits.of_cold_start(1.4))


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (measured("bind", 1, 1), "bind, AWS round trips: 2, at most 1 allowed"),
        (measured("bind", 2), "bind, AWS round trips: 2, at most 1 allowed"),
        (
            measured("bind", 1, write=10),
            "bind, write units on the table: 10, at most 8 allowed",
        ),
        (measured("bind", 1, index=3), "bind, write units on indexes: 3, at most 2 allowed"),
        (measured("unbind", 1, 1, 1), "unbind, AWS round trips: 3, at most 2 allowed"),
        (
            measured("store a callback", 1, 1, write=3),
            "store a callback, write units on the table: 3, at most 2 allowed",
        ),
        (
            measured("deliver an event", 1, 1, 1),
            "deliver an event, AWS round trips: 3, at most 2 allowed",
        ),
        (
            measured("store a callback, charged", 1, 1, 1, 1, write=6),
            "store a callback, charged, AWS round trips: 4, at most 3 allowed",
        ),
        (
            measured("renew 20 at interline", 8, 40, 20, write=160, index=80, carrier=41),
            "renew 20 at interline, requests to a carrier: 41, at most 40 allowed",
        ),
        (
            measured("delay at a carrier", 1, 1, 1, carrier=3),
            "delay at a carrier, requests to a carrier: 3, at most 2 allowed",
        ),
        (measured("route, connect", 1, 1), "route, connect, AWS round trips: 2, at most 1 allowed"),
    ],
)
def test_a_breach_is_named_with_both_figures(bad: Measured, said: str) -> None:
    assert [str(breach) for breach in limits.of_operations([*GOOD, bad])] == [said]


def test_ratios_above_the_limit_are_named() -> None:
    assert [str(each) for each in limits.of_cpu({"bind": 1.61, "unbind": 1.5})] == [
        "bind, CPU as a ratio: 1.61, at most 1.6 allowed"
    ]
    assert [str(each) for each in limits.of_carrier({"bind": 1.49, "query": 1.51})] == [
        "query at a carrier, CPU as a ratio: 1.51, at most 1.5 allowed"
    ]
    assert [str(each) for each in limits.of_cold_start(1.41)] == [
        "cold start as a ratio: 1.41, at most 1.4 allowed"
    ]


def test_a_free_number_that_is_not_found_is_named() -> None:
    def at(occupied: int, found: int) -> Allocation:
        return Allocation(occupied, [1, 1], [1, 1], found)

    assert not list(limits.of_allocation([at(50, 2), at(99, 2), at(100, 0)]))
    assert len(list(limits.of_allocation([at(99, 1), at(100, 1)]))) == 2
