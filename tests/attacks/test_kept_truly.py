"""What an app was told of a binding that a carrier keeps holds there: after doubts, races with the
schedules, a new data key, and carriers that say something else than was agreed."""

import contextlib

import pytest

from chalicelib.core import errors
from chalicelib.core.bindings.lease_rules import LOOK_MS
from chalicelib.core.durations import DAY_MS
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import OVER_MS, Book, Died, attend, fails, keeper, keeping
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber

X = number(0)
A, B, C = (subscriber(i) for i in range(3))
COOLING_S = 600


@pytest.fixture
def app(here: Stage) -> Backend:
    return here.app("demo", [X], cooling_s=COOLING_S)


@pytest.fixture
def gateway(kept: Gateway, app: Backend) -> Gateway:
    return kept


def renew(gateway: Gateway, *, now: int) -> tuple[int, int, int]:
    """One run of the schedule that extends leases."""
    return attend(gateway, "lease", now=now)


# Doubts


@pytest.mark.parametrize("point", ["before", "after"])
@pytest.mark.parametrize("end", [errors.Unavailable("silence"), Died()])
def test_a_delay_that_is_acknowledged_at_its_repeat_is_in_force_at_the_carrier(
    app: Backend, gateway: Gateway, book: Book, point: str, end: BaseException
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    setattr(keeper(gateway), point, fails("extend", end))
    with contextlib.suppress(Died):
        app.call(gateway, "delay", now=NOW, bindId=bound, delta=60, request_id="d")
    keeper(gateway).before = keeper(gateway).after = lambda _: None
    for _ in range(2):
        delayed = app.call(gateway, "delay", now=NOW, bindId=bound, delta=60, request_id="d")
        assert delayed == {"code": 200}
    (entry,) = book.live(now=NOW)
    assert entry.until == NOW + 70 * MINUTE


def test_legs_are_reserved_no_longer_than_the_carrier_can_have_kept_them(
    app: Backend, gateway: Gateway, book: Book
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    keeper(gateway).before = fails("extend", errors.Unavailable("silence"))
    late = NOW + 10 * MINUTE - 1
    assert app.call(gateway, "delay", now=late, bindId=bound, delta=60)["code"] == 514
    keeper(gateway).before = lambda _: None
    assert attend(gateway, "pending", now=late + LOOK_MS) == (1, 0, 0)
    assert not book.live(now=late + LOOK_MS)
    # It may be on its way, until it is over.
    over = late + OVER_MS
    assert attend(gateway, "pending", now=over) == (1, 0, 0)
    cooled = over + COOLING_S * 1000
    assert app.bind(gateway, A, C, now=cooled - 1)["code"] == 603
    assert app.bind(gateway, A, C, now=cooled)["code"] == 200


@pytest.mark.parametrize("minutes", [0, 1, 2, 4])
def test_an_unbind_reaches_the_carrier_unless_it_has_surely_let_go(
    app: Backend, gateway: Gateway, book: Book, minutes: int
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    # By a clock that is two minutes fast it ran out so long ago.
    fast = NOW + (10 + minutes) * MINUTE
    assert app.call(gateway, "unbind", now=fast, bindId=bound)["code"] == 200
    assert not book.live(now=fast - 2 * MINUTE)
    assert keeper(gateway).asked["release"] == (minutes < 3)


# Races between clients and the schedule


def test_what_was_unbound_while_the_schedule_renewed_it_stays_unbound(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=3 * 1440)["bindId"]
    other = here.instance()
    keeping(other, book)
    due = NOW + DAY_MS * 3 // 4

    def unbound(asked: str) -> None:
        if asked == "find":
            keeper(other).before = lambda _: None
            assert app.call(gateway, "unbind", now=due, bindId=bound) == {"code": 200}

    keeper(other).before = unbound
    renew(other, now=due)
    assert not book.live(now=due)
    # Nor does anything stay reserved for the lease that it might have had.
    cooled = due + COOLING_S * 1000
    assert app.bind(gateway, A, C, now=cooled - 1)["code"] == 603
    assert app.bind(gateway, A, C, now=cooled)["code"] == 200


def test_what_was_unbound_while_a_delay_asked_for_it_stays_unbound(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    other = here.instance()
    keeping(other, book)

    def unbound(asked: str) -> None:
        if asked == "find":
            keeper(other).before = lambda _: None
            assert app.call(gateway, "unbind", now=NOW, bindId=bound) == {"code": 200}

    keeper(other).before = unbound
    assert app.call(other, "delay", now=NOW, bindId=bound, delta=60)["code"] == 404
    assert not book.live(now=NOW)


@pytest.mark.parametrize("again", ["client", "schedule"])
def test_what_was_bound_anew_by_a_process_that_died_is_released_too(
    here: Stage, app: Backend, gateway: Gateway, book: Book, again: str
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=3 * 1440)["bindId"]
    book.entries.clear()
    due = NOW + DAY_MS * 3 // 4
    keeper(gateway).after = fails("bind", Died())
    with contextlib.suppress(Died):
        renew(gateway, now=due)
    assert len(book.live(now=due)) == 1
    keeper(gateway).after = lambda _: None
    if again == "schedule":
        keeper(gateway).before = fails("release", errors.NotReached("down"))
    app.call(gateway, "unbind", now=due, bindId=bound)
    keeper(gateway).before = lambda _: None
    if again == "schedule":
        gateway.shared(schedules.lease_jobs).run(
            "pending", now=due + LOOK_MS, time_left=lambda: True
        )
    assert not book.live(now=due)


def test_the_cleaner_leaves_alone_what_is_in_doubt(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    ended = NOW + 10 * MINUTE
    cleaner = here.instance()
    (overdue,) = cleaner.bindings.overdue(now=ended)

    def cleaned(asked: str) -> None:
        if asked == "find":
            # It read the index before the doubt was written.
            assert cleaner.bindings.archive([overdue], before=ended) == 0

    keeper(gateway).before = cleaned
    keeper(gateway).after = fails("extend", errors.Unavailable("silence"))
    assert app.call(gateway, "delay", now=ended - 1, bindId=bound, delta=60)["code"] == 514
    keeper(gateway).before = keeper(gateway).after = lambda _: None
    assert attend(gateway, "pending", now=ended + LOOK_MS) == (1, 0, 0)
    assert not book.live(now=ended + LOOK_MS)


# What a carrier says


def test_legs_cool_for_as_long_as_the_carrier_says_that_it_keeps_them(
    app: Backend, gateway: Gateway, book: Book
) -> None:
    keeper(gateway).after = fails("bind", errors.Unavailable("silence"))
    assert app.bind(gateway, A, B, now=NOW, minutes=2, request_id="r")["code"] == 514
    keeper(gateway).after = lambda _: None
    (entry,) = book.entries.values()
    # Its clock, or its idea of a minute, is not ours.
    book.entries[entry.id] = type(entry)(**vars(entry) | {"until": NOW + DAY_MS})
    assert app.bind(gateway, A, B, now=NOW, minutes=2, request_id="r")["code"] == 200
    keeper(gateway).careless = True
    later = NOW + 2 * MINUTE + MINUTE + COOLING_S * 1000
    assert book.live(now=later)
    assert app.bind(gateway, A, C, now=later)["code"] == 603


# While a data key is being replaced


@pytest.mark.parametrize("refused", [False, True])
def test_a_bind_during_which_the_data_key_changes_is_carried_through(
    here: Stage, app: Backend, book: Book, refused: bool
) -> None:
    writes_old, writes_new = here.rotation()
    keeping(writes_old, book)

    def changed(asked: str) -> None:
        if asked == "bind":
            writes_old.data_keys._secret = writes_new.data_keys._secret
            if refused:
                raise errors.CarrierRefused("no")

    keeper(writes_old).before = changed
    bound = app.bind(writes_old, A, B, now=NOW)
    assert bound["code"] == (514 if refused else 200)
    assert len(book.live(now=NOW)) == (not refused)
    assert here.quota_used("demo") == (not refused)
