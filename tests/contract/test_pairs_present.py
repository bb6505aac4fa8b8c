"""What people see and hear is interline's facade's to say, and a carrier's to allow."""

from collections.abc import Callable

import pytest

from chalicelib.core.credentials import EMBEDDED
from simulator.vendors import simulated
from tests.contract.backends import InterlineBackend, backend
from tests.contract.carriers import KINDS, that
from tests.contract.here import Here
from tests.contract.vendor import VendorSide
from tests.contract.worlds import World

# A switch may show numbers, too, but the account of these tests may not.
SHOWS = [kind for kind in that(lambda each: each.shows_numbers) if kind != EMBEDDED]
announces = pytest.mark.parametrize("carrier", that(lambda each: each.announces), indirect=True)
shows = pytest.mark.parametrize("carrier", SHOWS, indirect=True)
here_only = pytest.mark.parametrize("world", ["here"], indirect=True, scope="module")


def refused(world: World, developer: InterlineBackend, a: str, b: str, **asked: str) -> bool:
    """Whether nothing came of it and no vendor heard of it."""
    vendors = [VendorSide(world, kind) for kind in simulated()]
    before = [each.asked() for each in vendors]
    reply = developer.bind(a, b, **asked)
    assert reply.means == "forbidden"
    assert world.rings(a, reply.number) is None
    return [each.asked() for each in vendors] == before


@announces
def test_each_hears_his_own_announcement(
    world: World, developer: InterlineBackend, a: str, b: str, somebody: Callable[[], str]
) -> None:
    x = developer.bind(a, b, anucode="for-b,for-a,for_others").number
    heard = {who: world.dial(who, x)["caller"]["heard"] for who in (a, b)}
    assert heard == {a: "for-a", b: "for-b"}
    assert world.dial(somebody(), x)["caller"]["heard"] == "for_others"


@announces
def test_some_hear_nothing(world: World, developer: InterlineBackend, a: str, b: str) -> None:
    x = developer.bind(a, b, anucode=",for-a").number
    assert world.dial(a, x)["caller"]["heard"] == "for-a"
    assert world.dial(b, x)["caller"]["heard"] is None


@announces
def test_what_is_played_on_answer(
    world: World, developer: InterlineBackend, a: str, b: str
) -> None:
    x = developer.bind(a, b, ansanu="one,two").number
    assert world.dial(a, x)["callee"]["heard"] == "one,two"
    assert world.dial(b, x, answer="busy")["callee"]["heard"] is None


@pytest.mark.parametrize("carrier", that(lambda each: not each.announces), indirect=True)
@pytest.mark.parametrize("asked", [{"anucode": "for-b"}, {"ansanu": "one"}], ids=str)
def test_a_carrier_that_announces_nothing_is_not_asked(
    world: World, developer: InterlineBackend, a: str, b: str, asked: dict[str, str]
) -> None:
    assert refused(world, developer, a, b, **asked)


@shows
@pytest.mark.parametrize(
    ("display", "a_seen", "b_seen"),
    [("0,0", False, False), ("1,0", True, False), ("0,1", False, True), ("1,1", True, True)],
)
def test_whose_number_is_shown(
    world: World,
    developer: InterlineBackend,
    a: str,
    b: str,
    display: str,
    a_seen: bool,
    b_seen: bool,
) -> None:
    x = developer.bind(a, b, display=display).number
    assert world.rings(a, x) == (b, a if a_seen else x)
    assert world.rings(b, x) == (a, b if b_seen else x)


@shows
def test_whose_number_a_transfer_shows(
    world: World, developer: InterlineBackend, a: str, b: str
) -> None:
    x = developer.numbers[0]
    assert developer.transfer(x, a, display="1").means == "done"
    try:
        assert world.rings(b, x) == (a, b)
    finally:
        assert developer.release_transfer(x) == "done"


@pytest.mark.parametrize("carrier", sorted({*KINDS} - {*SHOWS}), indirect=True)
@pytest.mark.parametrize("display", ["1,0", "0,1", "1,1"])
def test_a_carrier_that_may_show_no_number_is_not_asked(
    world: World, developer: InterlineBackend, a: str, b: str, display: str
) -> None:
    assert refused(world, developer, a, b, display=display)


@here_only
def test_what_a_carrier_may_show_is_a_setting_of_the_account(world: Here, a: str, b: str) -> None:
    plain = backend(world, "interline", "plain")
    assert isinstance(plain, InterlineBackend)
    assert refused(world, plain, a, b, display="1,0")
    assert world.rings(a, plain.bind(a, b, display="0,0").number) == (b, plain.numbers[0])
