"""Every facade with every carrier: one request, sent fifty times at once over sockets, is one."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest

from tests.contract.backends import Backend, InterlineBackend, Reply, backend
from tests.contract.carriers import PAIRS, that, traits
from tests.contract.worlds import World

pytestmark = pytest.mark.parametrize("world", ["running"], indirect=True, scope="module")

COPIES = 50


def at_once(
    world: World, facade: str, carrier: str, ask: Callable[[Backend], Reply]
) -> list[Reply]:
    """The answers to so many copies, each over a connection of its own."""
    together = threading.Barrier(COPIES)

    def send(_: int) -> Reply:
        own = backend(replace(world), facade, PAIRS[facade, carrier])
        together.wait()
        return ask(own)

    with ThreadPoolExecutor(COPIES) as pool:
        return list(pool.map(send, range(COPIES)))


def test_a_binding(world: World, ours: Backend, facade: str, carrier: str, a: str, b: str) -> None:
    same = {"number": ours.numbers[0], "request_id": uuid4().hex}
    replies = at_once(world, facade, carrier, lambda app: app.bind(a, b, **same))
    first = ours.bind(a, b, **same)
    assert first.means == "done"
    assert first in replies
    others = {reply.means for reply in replies if reply != first}
    assert others <= (set() if traits(carrier).runs_at_once else {"running"})
    vendor = world.vendor(carrier)
    assert not vendor or [each["user_data"] for each in vendor.held(a, b)] == [first.id]
    assert world.rings(a, first.number) == (b, first.number)
    # There is one here too: when it is released, none is left.
    assert ours.release(first.id) == "done"
    assert world.rings(a, first.number) is None


@pytest.mark.parametrize("carrier", that(lambda each: each.transfers), indirect=True)
def test_a_transfer(
    world: World, developer: InterlineBackend, carrier: str, a: str, b: str
) -> None:
    x, reqid = developer.numbers[1], uuid4().hex

    def ask(app: Backend) -> Reply:
        assert isinstance(app, InterlineBackend)
        return app.transfer(x, a, reqid=reqid)

    first, *others = at_once(world, "interline", carrier, ask)
    assert first.means == "done"
    assert others == [first] * (COPIES - 1)
    vendor = world.vendor(carrier)
    assert not vendor or [each["user_data"] for each in vendor.held(a)] == [first.id]
    assert world.rings(b, x) == (a, x)
    assert developer.release_transfer(x) == "done"
    assert world.rings(b, x) is None
