"""What an app was told of a binding that a carrier keeps holds there: after doubts, races with the
schedules, a new data key, and carriers that say something else than was agreed."""

import contextlib
from collections.abc import Callable

import pytest

from chalicelib.bootstrap import Gateway
from chalicelib.core import errors
from chalicelib.core.leases import GRACE_MS
from chalicelib.core.values import DAY_MS
from tests.attacks.keepers import Book, Died, Keeper, keeping
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber

X = number(0)
A, B, C = (subscriber(i) for i in range(3))
COOLING_S = 600


def fails(call: str, error: BaseException) -> Callable[[str], None]:
    """Raises at this call of the carrier."""

    def fail(asked: str) -> None:
        if asked == call:
            raise error

    return fail


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture
def app(here: Stage) -> Backend:
    return here.app("demo", [X], cooling_s=COOLING_S)


@pytest.fixture
def gateway(here: Stage, app: Backend, book: Book) -> Gateway:
    ours = here.instance()
    keeping(ours, book)
    return ours


def keeper(gateway: Gateway) -> Keeper:
    return gateway.carriers.keeper  # type: ignore[attr-defined,no-any-return]


def renew(gateway: Gateway, *, now: int) -> tuple[int, int, int]:
    """One run of the schedule that extends leases."""
    seen = gateway.upkeep.run("lease", now=now, time_left=lambda: True)
    return seen.done, seen.put_off, seen.taken


# Races between clients and the schedule


def test_the_cleaner_leaves_alone_what_is_in_doubt(
    here: Stage, app: Backend, gateway: Gateway, book: Book
) -> None:
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    ended = NOW + 10 * MINUTE
    cleaner = here.instance()
    (overdue,) = cleaner._bindings.overdue(now=ended)

    def cleaned(asked: str) -> None:
        if asked == "find":
            # It read the index before the doubt was written.
            assert cleaner._bindings.archive([overdue], now=ended) == 0

    keeper(gateway).before = cleaned
    keeper(gateway).after = fails("extend", errors.Unavailable("silence"))
    assert app.call(gateway, "delay", now=ended - 1, bindId=bound, delta=60)["code"] == 514
    keeper(gateway).before = keeper(gateway).after = lambda _: None
    renew(gateway, now=ended + GRACE_MS)
    assert not book.live(now=ended + GRACE_MS)


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
            writes_old._data_keys._secret = writes_new._data_keys._secret
            if refused:
                raise errors.CarrierRefused("no")

    keeper(writes_old).before = changed
    bound = app.bind(writes_old, A, B, now=NOW)
    assert bound["code"] == (514 if refused else 200)
    assert len(book.live(now=NOW)) == (not refused)
    assert here.quota_used("demo") == (not refused)
