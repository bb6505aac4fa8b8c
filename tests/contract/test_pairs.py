"""Every facade with every carrier: what a binding does, from its beginning to its end."""

from collections.abc import Callable
from uuid import uuid4

import pytest

from tests.contract.backends import Backend, backend
from tests.contract.carriers import PAIRS
from tests.contract.worlds import World


def test_both_ring_each_other_and_see_x(world: World, ours: Backend, a: str, b: str) -> None:
    reply = ours.bind(a, b)
    assert reply.means == "done"
    assert reply.number in ours.numbers
    assert world.rings(a, reply.number) == (b, reply.number)
    assert world.rings(b, reply.number) == (a, reply.number)


def test_a_repeat_gets_the_first_id_and_makes_one_binding(
    world: World, ours: Backend, carrier: str, a: str, b: str
) -> None:
    same = {"number": ours.numbers[0], "request_id": uuid4().hex}
    first, *others = [ours.bind(a, b, **same) for _ in range(3)]
    assert first.means == "done"
    assert others == [first, first]
    assert ours.bind(a, b, seconds=1200, **same).means == "mismatch"
    vendor = world.vendor(carrier)
    if vendor:
        (held,) = vendor.held(a, b)
        assert held["user_data"] == first.id
    assert ours.release(first.id) == "done"
    # A dead binding is never told as live: NetEase's 431, interline's 1004.
    assert ours.bind(a, b, **same).means in {"running", "mismatch"}
    assert world.rings(a, first.number) is None


def test_a_stranger_is_turned_away(
    world: World, ours: Backend, a: str, b: str, somebody: Callable[[], str]
) -> None:
    x = ours.bind(a, b).number
    for stranger in (somebody(), "", "anonymous"):
        assert world.rings(stranger, x) is None
        assert world.write(stranger, x, "hello")["callee"] is None


def test_after_the_release_nobody_rings(
    world: World, ours: Backend, carrier: str, a: str, b: str
) -> None:
    reply = ours.bind(a, b)
    assert ours.release(reply.id) == "done"
    for caller in (a, b):
        assert world.rings(caller, reply.number) is None
        assert world.write(caller, reply.number, "hello")["callee"] is None
    vendor = world.vendor(carrier)
    assert not vendor or vendor.held(a, b) == []
    assert ours.release(reply.id) == "done"


def test_a_number_serves_nobody_twice(
    world: World, ours: Backend, a: str, b: str, somebody: Callable[[], str]
) -> None:
    x = ours.bind(a, b).number
    c = somebody()
    for pair in ((a, b), (b, a), (a, c), (c, b)):
        assert ours.bind(*pair, number=x).means == "taken"
    assert ours.bind(c, somebody(), number=x).means == "done"
    assert world.rings(a, x) == (b, x)


@pytest.mark.parametrize("binding", ["02201808081112181234567890", "1", "x" * 64])
def test_an_id_that_nobody_gave_out_is_unknown(ours: Backend, binding: str) -> None:
    assert ours.release(binding) == "unknown"


def test_another_apps_binding_is_unknown(
    world: World, ours: Backend, facade: str, a: str, b: str
) -> None:
    others = backend_of_another(world, ours, facade)
    reply = others.bind(a, b)
    assert ours.release(reply.id) == "unknown"
    assert ours.bind(a, b, number=reply.number).means == "unknown"
    assert world.rings(a, reply.number) == (b, reply.number)


def backend_of_another(world: World, ours: Backend, facade: str) -> Backend:
    """Of an app that speaks to the same facade and has another carrier."""
    names = [name for (spoken, _), name in PAIRS.items() if spoken == facade]
    return backend(world, facade, next(name for name in names if name != ours.name))
