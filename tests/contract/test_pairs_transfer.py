"""XA through interline's facade: everybody reaches A over X, with every carrier that can."""

from collections.abc import Callable, Iterator

import pytest

from tests.contract.backends import InterlineBackend
from tests.contract.carriers import that
from tests.contract.worlds import World

can = pytest.mark.parametrize("carrier", that(lambda each: each.transfers), indirect=True)


@pytest.fixture(scope="module")
def unused() -> dict[str, list[str]]:
    """App -> its X over which there was no XA in this module: one that ended cools down."""
    return {}


@pytest.fixture
def x(world: World, developer: InterlineBackend, unused: dict[str, list[str]]) -> Iterator[str]:
    """An X without a transfer, before the test and after it."""
    number = unused.setdefault(f"{id(world)} {developer.name}", [*developer.numbers]).pop()
    yield number
    developer.release_transfer(number)


@can
def test_everybody_reaches_a_and_a_nobody(
    world: World, developer: InterlineBackend, x: str, a: str, somebody: Callable[[], str]
) -> None:
    reply = developer.transfer(x, a)
    assert reply.means == "done"
    for caller in (somebody(), "anonymous"):
        assert world.rings(caller, x) == (a, x)
    assert world.write(somebody(), x, "hello")["callee"]["number"] == a
    assert world.rings(a, x) is None
    assert developer.release_transfer(x) == "done"
    assert world.rings(somebody(), x) is None
    assert developer.release_transfer(x) == "done"


@can
def test_a_pair_goes_before_everybody(
    world: World,
    developer: InterlineBackend,
    x: str,
    a: str,
    b: str,
    somebody: Callable[[], str],
) -> None:
    c = somebody()
    pair = developer.bind(b, c, number=x)
    transfer = developer.transfer(x, a)
    assert (pair.means, transfer.means) == ("done", "done")
    assert world.rings(b, x) == (c, x)
    assert world.rings(c, x) == (b, x)
    assert world.rings(somebody(), x) == (a, x)
    assert developer.release_transfer(x) == "done"
    assert world.rings(b, x) == (c, x)
    assert world.rings(somebody(), x) is None


@can
def test_a_number_has_one_transfer(developer: InterlineBackend, x: str, a: str, b: str) -> None:
    first = developer.transfer(x, a, reqid=f"first {a}")
    assert developer.transfer(x, a, reqid=f"first {a}") == first
    assert developer.transfer(x, b).means == "taken"
    assert developer.transfer(x, b, reqid=f"first {a}").means == "mismatch"


@can
def test_what_is_told(world: World, developer: InterlineBackend, x: str, a: str, b: str) -> None:
    reply = developer.transfer(x, a, record="1", userData="everybody's", anucode="welcome")
    seen = world.dial(b, x, talk_s=7)
    assert (seen["caller"]["heard"], seen["talk_s"]) == ("welcome", 7)
    (call,) = developer.calls(reply.id, recorded=True)
    assert (call.caller, call.callee) == (developer.person(b), developer.person(a))
    assert (call.binding, call.user_data) == (reply.id, "everybody's")
    assert (call.number, call.result, call.talked_s) == (developer.x(x), "answered", 7)

    assert world.dial(a, x)["caller"]["heard"] == "welcome"
    own = next(each for each in developer.calls(reply.id, wanted=2) if each.id != call.id)
    assert (own.caller, own.callee, own.result) == (developer.person(a), "", "207")


@can
def test_one_without_end_can_be_released_by_its_id_too(
    world: World, developer: InterlineBackend, x: str, a: str, b: str
) -> None:
    reply = developer.transfer(x, a, ttl="0")
    assert world.rings(b, x) == (a, x)
    assert developer.release(reply.id) == "done"
    assert world.rings(b, x) is None


@pytest.mark.parametrize("carrier", that(lambda each: not each.transfers), indirect=True)
def test_a_carrier_that_can_not_is_not_asked(
    world: World, developer: InterlineBackend, carrier: str, x: str, a: str, b: str
) -> None:
    vendor = world.vendor(carrier)
    assert vendor is not None
    before = vendor.asked()
    assert developer.transfer(x, a).means == "forbidden"
    assert vendor.asked() == before
    assert world.rings(b, x) is None
    assert developer.release_transfer(x) == "unknown"
