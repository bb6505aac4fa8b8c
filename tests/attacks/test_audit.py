"""What a carrier has behind our back is found and repaired, nothing of anybody else is touched."""

from dataclasses import replace
from uuid import uuid4

import pytest

from chalicelib.core import errors
from chalicelib.core.bindings.call_routes import NOTICE_MS
from chalicelib.core.turns import SLICES
from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.services.leases.audit import AuditReport
from chalicelib.store.table import n
from chalicelib.store.tenants import apps
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import Book, Entry, attend, fails, keeper, keeping
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber

X = number(0)
A, B, C = (subscriber(i) for i in range(3))
LONG = 3 * 24 * 60


@pytest.fixture
def app(here: Stage) -> Backend:
    return here.app("demo", [X, number(1)], cooling_s=600)


@pytest.fixture
def gateway(kept: Gateway, app: Backend) -> Gateway:
    return kept


def audited(gateway: Gateway, *, now: int) -> AuditReport:
    """All X once: as many runs as there are slices. `now` stands still but for whose turn it is."""
    total = AuditReport()
    for turn in range(SLICES):
        seen = gateway.shared(schedules.audit).run(now=now + turn * MINUTE, time_left=lambda: True)
        for name in AuditReport.__slots__:
            setattr(total, name, getattr(total, name) + getattr(seen, name))
    return total


def bound(app: Backend, gateway: Gateway, **more: object) -> str:
    reply = app.bind(gateway, A, B, now=NOW, minutes=LONG, phoneX=X, **more)
    assert reply["code"] == 200
    return str(reply["bindId"])


def test_where_both_agree_nothing_is_done(app: Backend, gateway: Gateway, book: Book) -> None:
    bound(app, gateway)
    before, asked = dict(book.entries), keeper(gateway).asked.copy()
    assert audited(gateway, now=NOW + 2 * MINUTE) == AuditReport(numbers=2)
    assert book.entries == before
    assert keeper(gateway).asked - asked == {"list": 2}


def test_what_was_ended_here_is_ended_there(app: Backend, gateway: Gateway, book: Book) -> None:
    id_ = bound(app, gateway)
    (entry,) = book.live(now=NOW)
    assert app.call(gateway, "unbind", now=NOW + MINUTE, bindId=id_)["code"] == 200
    # A request of long ago that takes effect only now.
    late = replace(entry, id=uuid4().hex)
    book.entries[late.id] = late
    assert audited(gateway, now=NOW + 2 * MINUTE) == AuditReport(numbers=2, strays=1)
    assert not book.live(now=NOW + 2 * MINUTE)


@pytest.mark.parametrize("to", ["other", None])
def test_what_was_ended_here_is_ended_there_also_when_x_has_moved(
    here: Stage, app: Backend, gateway: Gateway, book: Book, to: str | None
) -> None:
    id_ = bound(app, gateway)
    (entry,) = book.live(now=NOW)
    assert app.call(gateway, "unbind", now=NOW + MINUTE, bindId=id_)["code"] == 200
    here.app("other", [])
    drained = apps.app_number_item("demo", X, None) | {"draining": n(NOW - NOTICE_MS)}
    gateway.table.transact([{"Put": {"Item": drained}}])
    gateway.table.transact([apps.number_leaves("demo", X, now=NOW)])
    if to is not None:
        gateway.table.transact([{"Put": {"Item": apps.app_number_item(to, X, None)}}])
    moved = here.instance()
    keeping(moved, book)
    book.entries["late"] = replace(entry, id="late")
    seen = audited(moved, now=NOW + 2 * MINUTE)
    assert (seen.strays, seen.unknown) == (1, 0)
    assert not book.live(now=NOW + 2 * MINUTE)


def test_what_another_carrier_account_has_under_an_id_of_ours_is_left_alone(
    app: Backend, gateway: Gateway, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    id_ = bound(app, gateway)
    (entry,) = book.live(now=NOW)
    assert app.call(gateway, "unbind", now=NOW + MINUTE, bindId=id_)["code"] == 200
    book.entries[entry.id] = entry
    binding = gateway.bindings.get(id_)
    assert binding is not None
    elsewhere = replace(binding, carrier="another")
    monkeypatch.setattr(type(gateway.bindings), "get", lambda *_: elsewhere)
    assert audited(gateway, now=NOW + 2 * MINUTE) == AuditReport(numbers=2, unknown=1)


def test_a_second_one_beside_the_one_we_know_is_ended(
    app: Backend, gateway: Gateway, book: Book
) -> None:
    bound(app, gateway)
    (entry,) = book.live(now=NOW)
    book.entries["second"] = replace(entry, id="second")
    assert audited(gateway, now=NOW + 2 * MINUTE) == AuditReport(numbers=2, strays=1)
    assert book.live(now=NOW + 2 * MINUTE) == [entry]


def test_what_the_carrier_lost_is_bound_again_there(
    app: Backend, gateway: Gateway, book: Book
) -> None:
    id_ = bound(app, gateway)
    book.entries.clear()
    now = NOW + 2 * MINUTE
    assert audited(gateway, now=now).lost == 1
    assert attend(gateway, "lease", now=now) == (1, 0, 0)
    (entry,) = book.live(now=now)
    assert entry.ours == id_
    assert audited(gateway, now=now) == AuditReport(numbers=2)


def test_what_ends_sooner_there_than_it_said_is_made_longer_in_time(
    app: Backend, gateway: Gateway, book: Book
) -> None:
    bound(app, gateway)
    (entry,) = book.live(now=NOW)
    book.entries[entry.id] = replace(entry, until=NOW + 90 * MINUTE)
    now = NOW + 2 * MINUTE
    assert audited(gateway, now=now).shorter == 1
    assert attend(gateway, "lease", now=now) == (1, 0, 0)
    (longer,) = book.live(now=now)
    assert longer.until > NOW + 24 * 60 * MINUTE


def test_what_somebody_else_bound_through_the_account_is_left_alone(
    app: Backend, gateway: Gateway, book: Book
) -> None:
    people = frozenset((A, C))
    foreign = [
        Entry("1", "", X, people, NOW + 600 * MINUTE),
        Entry("2", "their own words", X, people, NOW + 600 * MINUTE),
        Entry("3", "0" * 26, X, people, NOW + 600 * MINUTE),
    ]
    book.entries |= {each.id: each for each in foreign}
    assert audited(gateway, now=NOW) == AuditReport(numbers=2, unknown=3)
    assert book.live(now=NOW) == foreign


def test_what_is_open_is_left_to_those_who_settle_it(
    app: Backend, gateway: Gateway, book: Book
) -> None:
    keeper(gateway).after = fails("bind", errors.Unavailable("silence"))
    assert app.bind(gateway, A, B, now=NOW, minutes=LONG, phoneX=X)["code"] == 514
    assert audited(gateway, now=NOW + MINUTE) == AuditReport(numbers=2)
    assert len(book.live(now=NOW)) == 1


def test_one_that_ran_out_a_moment_ago_is_given_time(
    app: Backend, gateway: Gateway, book: Book
) -> None:
    """By another clock it may still last."""
    reply = app.bind(gateway, A, B, now=NOW, minutes=10, phoneX=X)
    (entry,) = book.live(now=NOW)
    book.entries[entry.id] = replace(entry, until=NOW + 600 * MINUTE)
    over = NOW + 10 * MINUTE
    assert audited(gateway, now=over - SLICES * MINUTE + 5 * MINUTE).strays == 0
    assert audited(gateway, now=over + LATER_MS).strays == 1
    assert reply["code"] == 200


def test_a_silent_carrier_is_not_asked_about_each_x(here: Stage, gateway: Gateway) -> None:
    here.app("many", [number(i) for i in range(2, 400)])
    keeper(gateway).before = fails("list", errors.Unavailable("silence"))
    gateway.shared(schedules.audit).run(now=NOW, time_left=lambda: True)
    assert keeper(gateway).asked["list"] <= 3
