"""Leases at interline, which can neither be asked what it has nor told to keep it for longer: a
longer lease is a second binding beside the first, or in its place."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.contract.apps import App
from tests.contract.backends import Backend, InterlineBackend
from tests.contract.here import Here

pytestmark = pytest.mark.parametrize("world", ["here"], indirect=True, scope="module")

PATH = "/igw/service/uc/interline"
BIND, RELEASE = f"PUT {PATH}/{{x}}", f"DELETE {PATH}"
END_TRANSFER = f"DELETE {PATH}/{{x}}/transfer"
BEFORE = ["refuse", "hang_before", "502", "code_1500"]
AFTER = ["hang_after", "502_after", "half_json_after"]
MINUTE_MS = 60_000
HOUR = 60
DAY = 24 * HOUR
REBOUND = "interline.rebind"


@pytest.fixture
def carrier() -> str:
    return "interline"


@pytest.fixture(autouse=True)
def afterwards_all_is_well(world: Here) -> Iterator[None]:
    yield
    world.interline.recover()
    world.interline.set(overlap=True)


def rebound(caplog: pytest.LogCaptureFixture) -> int:
    """How often the log says that a lease was given up for another."""
    return [record.getMessage() for record in caplog.records].count(REBOUND)


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_a_delay_without_an_answer_is_repeated_or_never_was(
    world: Here, app: App, a: str, b: str, somebody: Callable[[], str], kind: str
) -> None:
    c, request_id = somebody(), uuid4().hex
    repeated, x = app.bound(a, b, minutes=10)
    left, y = app.bound(c, b, minutes=10)
    for bind_id in (repeated, left):
        world.interline.fail(BIND, kind)
        assert app.delay(bind_id, 60, request_id=f"{bind_id}{request_id}") == 514
        world.interline.recover()
    before = app.shown(repeated)
    assert before is not None
    assert app.delay(repeated, 60, request_id=f"{repeated}{request_id}") == 200
    after = app.shown(repeated)
    assert after is not None
    assert after["expireTime"] - before["expireTime"] == 60 * MINUTE_MS
    held = world.interline.holds(a, b)
    assert max(each["expires"] for each in held) == after["expireTime"]

    world.work(minutes=1)
    # Of what was asked for twice one is left.
    (held,) = world.interline.holds(a, b)
    assert held["expires"] == after["expireTime"]
    world.work(minutes=11, every=1)
    assert world.rings(c, y) is None
    assert world.interline.holds(c, b) == []
    assert world.rings(a, x) == (b, x)
    world.work(minutes=58, every=29)
    assert world.rings(a, x) is None
    assert world.interline.holds(a, b) == []


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_a_longer_lease_without_an_answer_is_asked_for_again(
    world: Here, ours: Backend, a: str, b: str, kind: str
) -> None:
    reply = ours.bind(a, b, seconds=2 * DAY * 60)
    world.interline.fail(BIND, kind)
    world.work(minutes=18 * HOUR, every=18 * HOUR)
    assert len(world.interline.holds(a, b)) == 1 + (kind in AFTER)
    world.work(minutes=6, every=1)
    # Whatever was lost, one is left of the two.
    (held,) = world.interline.holds(a, b)
    assert held["userData"] == reply.id
    assert held["expires"] > world.clock.now + 23 * HOUR * MINUTE_MS
    assert world.rings(a, reply.number) == (b, reply.number)
    assert ours.release(reply.id) == "done"
    assert world.interline.holds(a, b) == []


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_the_shorter_lease_is_let_go_in_the_end(
    world: Here, ours: Backend, a: str, b: str, kind: str
) -> None:
    reply = ours.bind(a, b, seconds=2 * DAY * 60)
    world.interline.fail(RELEASE, kind)
    world.work(minutes=18 * HOUR, every=18 * HOUR)
    world.work(minutes=6, every=1)
    (held,) = world.interline.holds(a, b)
    assert held["expires"] > world.clock.now + 23 * HOUR * MINUTE_MS
    assert ours.release(reply.id) == "done"
    assert world.interline.holds(a, b) == []
    assert world.rings(a, reply.number) is None


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_a_release_meanwhile_ends_both(
    world: Here, ours: Backend, a: str, b: str, kind: str
) -> None:
    reply = ours.bind(a, b, seconds=2 * DAY * 60)
    world.interline.fail(BIND, kind)
    world.work(minutes=18 * HOUR, every=18 * HOUR)
    assert ours.release(reply.id) == "done"
    assert world.interline.holds(a, b) == []
    world.work(minutes=10, every=1)
    assert world.interline.holds(a, b) == []
    assert world.rings(a, reply.number) is None


def test_where_none_is_taken_beside_it_the_first_is_kept_to_its_end(
    world: Here, ours: Backend, a: str, b: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.interline.set(overlap=False)
    reply = ours.bind(a, b, seconds=2 * DAY * 60)
    (first,) = world.interline.holds(a, b)
    world.work(minutes=23 * HOUR, every=HOUR)
    # The last moment leaves room for clocks that are two minutes apart.
    world.work(minutes=56, every=1)
    assert world.interline.holds(a, b) == [first]
    assert rebound(caplog) == 0
    for _ in range(6):
        world.work(minutes=1)
        assert world.rings(a, reply.number) == (b, reply.number)
    (second,) = world.interline.holds(a, b)
    assert second["subid"] != first["subid"]
    assert second["expires"] > world.clock.now + 23 * HOUR * MINUTE_MS
    assert rebound(caplog) == 1
    assert all(number not in caplog.text for number in (a[2:], b[2:], reply.number))
    assert ours.release(reply.id) == "done"


def test_where_a_refusal_lasts_a_delay_of_a_short_lease_is_carried_through(
    world: Here, app: App, a: str, b: str
) -> None:
    world.interline.set(overlap=False)
    bind_id, x = app.bound(a, b, minutes=10)
    assert app.delay(bind_id, 20) == 200
    for _ in range(29):
        world.work(minutes=1)
        assert world.rings(a, x) == (b, x)
        assert world.rings(b, x) == (a, x)
    world.work(minutes=1)
    assert world.rings(a, x) is None
    assert world.interline.holds(a, b) == []


def test_a_transfer_is_renewed_in_its_place(
    world: Here, developer: InterlineBackend, a: str, b: str, caplog: pytest.LogCaptureFixture
) -> None:
    x = developer.numbers[5]
    reply = developer.transfer(x, a)
    world.work(minutes=23 * HOUR + 55, every=23 * HOUR + 55)
    assert rebound(caplog) == 0
    for _ in range(10):
        world.work(minutes=1)
        assert world.rings(b, x) == (a, x)
    (held,) = world.interline.holds(a)
    assert held["userData"] == reply.id
    assert rebound(caplog) == 1
    assert developer.release_transfer(x) == "done"
    assert world.interline.holds(a) == []


@pytest.mark.parametrize("kind", BEFORE + AFTER)
def test_a_lease_that_was_given_up_without_an_answer_is_replaced_all_the_same(
    world: Here, developer: InterlineBackend, a: str, b: str, somebody: Callable[[], str], kind: str
) -> None:
    world.interline.set(overlap=False)
    c, x = somebody(), developer.numbers[6]
    pair, transfer = developer.bind(a, b, number=x, seconds=2 * DAY * 60), developer.transfer(x, c)
    world.work(minutes=23 * HOUR + 55, every=23 * HOUR + 55)
    for path in (RELEASE, END_TRANSFER):
        world.interline.fail(path, kind)
    world.work(minutes=10, every=1)
    for reply, people in ((pair, (a, b)), (transfer, (c,))):
        (held,) = world.interline.holds(*people)
        assert held["userData"] == reply.id
        assert held["expires"] > world.clock.now + 23 * HOUR * MINUTE_MS
    assert world.rings(a, x) == (b, x)
    assert world.rings(somebody(), x) == (c, x)
    assert (developer.release(pair.id), developer.release_transfer(x)) == ("done", "done")
    assert world.interline.holds(a, b) + world.interline.holds(c) == []
    # Other people's, so that the next test finds the number cooled down.
    world.wait(minutes=2 * HOUR)


@pytest.mark.parametrize("overlap", [True, False])
def test_while_the_carrier_is_away_nothing_is_torn_down(
    world: Here, ours: Backend, a: str, b: str, overlap: bool
) -> None:
    world.interline.set(overlap=overlap)
    reply = ours.bind(a, b, seconds=3 * DAY * 60)
    away_at = 17 * HOUR
    world.work(minutes=away_at, every=away_at)
    world.interline.fail("*", "502", times=None)
    world.work(minutes=6 * HOUR, every=HOUR)
    world.interline.recover()
    assert world.rings(a, reply.number) == (b, reply.number)
    for _ in range(75):
        world.work(minutes=1)
        assert world.rings(a, reply.number) == (b, reply.number)
    (held,) = world.interline.holds(a, b)
    assert held["userData"] == reply.id
    assert held["expires"] > world.clock.now + 22 * HOUR * MINUTE_MS
    assert ours.release(reply.id) == "done"
    assert world.interline.holds(a, b) == []


@pytest.mark.parametrize("overlap", [True, False])
def test_what_a_carrier_lost_while_it_was_away_is_bound_there_again(
    world: Here, ours: Backend, a: str, b: str, overlap: bool
) -> None:
    world.interline.set(overlap=overlap)
    reply = ours.bind(a, b, seconds=3 * DAY * 60)
    world.work(minutes=17 * HOUR, every=17 * HOUR)
    # Away for so long that the lease runs out there.
    world.interline.fail("*", "502", times=None)
    world.work(minutes=9 * HOUR, every=HOUR)
    assert world.interline.holds(a, b) == []
    world.interline.recover()
    world.work(minutes=6, every=1)
    (held,) = world.interline.holds(a, b)
    assert held["userData"] == reply.id
    assert world.rings(a, reply.number) == (b, reply.number)
    assert ours.release(reply.id) == "done"
