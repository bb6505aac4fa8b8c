"""Every facade with every carrier: what only the clock does."""

from collections.abc import Callable

import pytest

from chalicelib.core.bindings.lease import CARRIER_SLACK_MS
from simulator.seed import COOLING_S
from tests.contract.backends import Backend, InterlineBackend
from tests.contract.carriers import that, traits
from tests.contract.here import Here

pytestmark = pytest.mark.parametrize("world", ["here"], indirect=True, scope="module")

LEASE_PLUS_S = 60 + CARRIER_SLACK_MS // 1000
"""By how much a carrier may keep a binding for longer: it counts in minutes, by its own clock."""


def test_a_binding_ends_to_the_second(world: Here, ours: Backend, a: str, b: str) -> None:
    reply = ours.bind(a, b, seconds=600)
    world.wait(minutes=9, s=59)
    assert world.rings(a, reply.number) == (b, reply.number)
    assert world.rings(b, reply.number) == (a, reply.number)
    world.wait(s=1)
    for caller in (a, b):
        assert world.rings(caller, reply.number) is None
        assert world.write(caller, reply.number, "hello")["callee"] is None
    assert ours.release(reply.id) == "done"


def test_seconds_that_are_no_minutes(
    world: Here, developer: InterlineBackend, carrier: str, a: str, b: str
) -> None:
    reply = developer.bind(a, b, seconds=61)
    world.wait(minutes=1)
    assert world.rings(a, reply.number) == (b, reply.number)
    world.wait(s=traits(carrier).counts_in_s)
    assert world.rings(a, reply.number) is None
    assert world.rings(b, reply.number) is None


@pytest.mark.parametrize("end", ["release", "expiry"])
def test_a_number_cools_down(
    world: Here,
    ours: Backend,
    carrier: str,
    a: str,
    b: str,
    somebody: Callable[[], str],
    end: str,
) -> None:
    reply, c = ours.bind(a, b, seconds=300), somebody()
    if end == "release":
        assert ours.release(reply.id) == "done"
    else:
        world.wait(minutes=5)
    world.wait(s=COOLING_S - 1)
    assert ours.bind(a, c, number=reply.number).means == "taken"
    # What a carrier keeps may last longer there, by its own clock.
    world.wait(s=1 + (LEASE_PLUS_S if end == "expiry" and world.vendor(carrier) else 0))
    assert ours.bind(a, c, number=reply.number).means == "done"
    assert world.rings(a, reply.number) == (c, reply.number)
    assert world.rings(b, reply.number) is None


@pytest.mark.parametrize("carrier", that(lambda each: each.transfers), indirect=True)
def test_a_transfer_ends_to_the_second(
    world: Here, developer: InterlineBackend, a: str, b: str
) -> None:
    x = developer.numbers[0]
    assert developer.transfer(x, a, ttl="600").means == "done"
    world.wait(minutes=9, s=59)
    assert world.rings(b, x) == (a, x)
    world.wait(s=1)
    assert world.rings(b, x) is None
    assert developer.release_transfer(x) == "done"
    assert developer.transfer(x, b).means == "taken"
    world.wait(s=LEASE_PLUS_S + COOLING_S)
    assert developer.transfer(x, b).means == "done"
    assert world.rings(a, x) == (b, x)
    assert developer.release_transfer(x) == "done"


def test_a_call_after_the_end_is_told(world: Here, ours: Backend, a: str, b: str) -> None:
    reply = ours.bind(a, b, seconds=60, user_data="over")
    world.wait(minutes=1)
    assert world.dial(a, reply.number)["connected"] is False
    (call,) = ours.calls(ours.person(a))
    assert (call.binding, call.user_data, call.talked_s) == ("", "", 0)


def test_a_recorded_call_is_one_record(
    world: Here, developer: InterlineBackend, a: str, b: str
) -> None:
    """Told at once, with the recording that the carrier named with it."""
    reply = developer.bind(a, b, record=True)
    world.dial(a, reply.number)
    (call,) = developer.calls(reply.id, recorded=True)
    (only,) = developer.developer.versions(reply.id)
    assert only["recording"] == call.recording
