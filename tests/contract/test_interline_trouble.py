"""interline in trouble: what the app hears, and that in the end gateway and carrier agree."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.contract.backends import Backend, InterlineBackend, backend
from tests.contract.here import Here

pytestmark = pytest.mark.parametrize("world", ["here"], indirect=True, scope="module")

PATH = "/igw/service/uc/interline"
BIND, TRANSFER = f"PUT {PATH}/{{x}}", f"PUT {PATH}/{{x}}/transfer"
RELEASE, END_TRANSFER = f"DELETE {PATH}", f"DELETE {PATH}/{{x}}/transfer"
BEFORE = ["refuse", "hang_before", "502", "html", "half_json", "code_1500"]
AFTER = ["refuse_after", "hang_after", "502_after", "html_after", "half_json_after"]
"""What goes wrong before and after the effect; tests of the client have all the combinations."""
SETTLED_MINUTES = 6
"""After so long nothing of what was asked is on its way any more."""
HOUR = 60


@pytest.fixture
def carrier() -> str:
    return "interline"


@pytest.fixture(autouse=True)
def afterwards_all_is_well(world: Here) -> Iterator[None]:
    yield
    world.interline.recover()


def one_there(world: Here, binding: str, *people: str) -> bool:
    """Whether the carrier has one binding of these, and it is this one of ours."""
    return [each["userData"] for each in world.interline.holds(*people)] == [binding]


def agreed(world: Here) -> None:
    """What the schedules do until nothing is left to find out."""
    world.work(minutes=SETTLED_MINUTES, every=SETTLED_MINUTES)


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_a_bind_without_an_answer_is_settled(
    world: Here, ours: Backend, a: str, b: str, somebody: Callable[[], str], kind: str
) -> None:
    x, request_id = ours.numbers[0], uuid4().hex
    asked = world.interline.asked(BIND)
    world.interline.fail(BIND, kind)
    assert ours.bind(a, b, number=x, request_id=request_id).means == "not known"
    assert world.interline.asked(BIND) == asked + 1
    assert len(world.interline.holds(a, b)) == (kind in AFTER)
    # Not known, so nobody else gets its legs.
    assert ours.bind(a, somebody(), number=x).means == "taken"

    agreed(world)
    reply = ours.bind(a, b, number=x, request_id=request_id)
    assert reply.means == "done"
    assert one_there(world, reply.id, a, b)
    assert world.rings(a, x) == (b, x)
    assert ours.release(reply.id) == "done"
    assert world.interline.holds(a, b) == []


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_who_repeats_the_request_need_not_wait_for_the_schedule(
    world: Here, ours: Backend, a: str, b: str, kind: str
) -> None:
    same = {"number": ours.numbers[1], "request_id": uuid4().hex}
    world.interline.fail(BIND, kind)
    assert ours.bind(a, b, **same).means == "not known"
    # The carrier gives its first answer, or does it now.
    reply = ours.bind(a, b, **same)
    assert reply.means == "done"
    assert ours.bind(a, b, **same) == reply
    assert one_there(world, reply.id, a, b)
    agreed(world)
    assert one_there(world, reply.id, a, b)
    assert world.rings(b, reply.number) == (a, reply.number)


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_a_release_without_an_answer_is_carried_through(
    world: Here, ours: Backend, a: str, b: str, kind: str
) -> None:
    reply = ours.bind(a, b)
    world.interline.fail(RELEASE, kind)
    assert ours.release(reply.id) == "not known"
    assert len(world.interline.holds(a, b)) == (kind in BEFORE)
    agreed(world)
    assert world.interline.holds(a, b) == []
    assert world.rings(a, reply.number) is None
    assert ours.release(reply.id) == "done"


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_a_transfer_without_an_answer_is_settled(
    world: Here, developer: InterlineBackend, a: str, b: str, kind: str
) -> None:
    x, reqid = developer.numbers[2], uuid4().hex
    world.interline.fail(TRANSFER, kind)
    assert developer.transfer(x, a, reqid=reqid).means == "not known"
    assert len(world.interline.holds(a)) == (kind in AFTER)
    assert developer.transfer(x, b).means == "taken"
    agreed(world)
    reply = developer.transfer(x, a, reqid=reqid)
    assert reply.means == "done"
    assert one_there(world, reply.id, a)
    assert world.rings(b, x) == (a, x)

    world.interline.fail(END_TRANSFER, kind)
    assert developer.release_transfer(x) == "not known"
    agreed(world)
    assert world.interline.holds(a) == []
    assert world.rings(b, x) is None
    assert developer.release_transfer(x) == "done"
    # Other people's, so that the next test finds the number cooled down.
    world.wait(minutes=2 * HOUR)


@pytest.mark.parametrize("said", [1000, 1201, 1401, 1500, 1501, 1502])
def test_a_code_that_leaves_it_open_is_no_refusal(
    world: Here, developer: InterlineBackend, a: str, b: str, said: int
) -> None:
    same = {"number": developer.numbers[3], "request_id": uuid4().hex}
    world.interline.fail(BIND, f"code_{said}_after")
    assert developer.bind(a, b, **same).means == "not known"
    reply = developer.bind(a, b, **same)
    assert reply.means == "done"
    assert one_there(world, reply.id, a, b)


@pytest.mark.parametrize(
    ("said", "heard"),
    [(code, 1502) for code in (1001, 1002, 1003, 1100, 1101, 1102, 1103, 1104, 1110, 1300, 1400)]
    + [(code, code) for code in (1105, 1301, 1302)],
)
def test_a_refusal_leaves_nothing_behind(
    world: Here,
    developer: InterlineBackend,
    a: str,
    b: str,
    somebody: Callable[[], str],
    said: int,
    heard: int,
) -> None:
    client, x, reqid = developer.developer, developer.numbers[4], uuid4().hex
    used = world.used(developer.name)
    world.interline.fail(BIND, f"code_{said}")
    assert client.bind(x, a, b, reqid=reqid)["error"] == heard
    assert world.interline.holds(a, b) == []
    assert world.used(developer.name) == used
    c = somebody()
    assert developer.bind(a, c, number=x).means == "done"
    # A refusal is not remembered.
    assert client.bind(x, a, b, reqid=reqid)["error"] == 1302


def test_a_carrier_that_is_not_there_leaves_nothing_behind(world: Here, a: str, b: str) -> None:
    stranded = backend(world, "netease", "stranded-igw")
    for _ in range(2):
        assert stranded.bind(a, b, request_id=a).means == "not known"
    assert world.used(stranded.name) == 0


def test_when_the_carrier_says_no_to_one_number_the_next_is_tried(
    world: Here, a: str, b: str
) -> None:
    app = backend(world, "netease", "demo-igw")
    asked = world.interline.asked(BIND)
    world.interline.fail(BIND, "code_1302")
    reply = app.bind(a, b)
    assert world.interline.asked(BIND) == asked + 2
    assert one_there(world, reply.id, a, b)
    assert world.rings(a, reply.number) == (b, reply.number)
