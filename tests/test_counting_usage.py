"""The schedule that counts what apps used, and what a report says meanwhile."""

import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.usage import (
    FINAL_MS,
    HOUR_MS,
    MARGIN_MS,
    SETTLES_MS,
    Usage,
    hour_at,
)
from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import StoreUnavailable
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.turns import SLICES
from chalicelib.services.calls import usage as counting
from chalicelib.services.calls.usage import CLAIM_MS, REPORT_S, Counted, UsageService
from chalicelib.store import clients
from chalicelib.store.calls.usage import UsageStore
from chalicelib.store.table import Table
from chalicelib.wiring.gateway import Gateway
from chalicelib.wiring.ingest import Ingest
from chalicelib.wiring.usage import usage_service
from tests.gateways import MINUTE, NOW, Stage, number, subscriber

HOUR = hour_at(NOW)
TURN = zlib.crc32(b"demo") % SLICES * MINUTE
"""When in an hour it is the app's turn."""
SETTLED = HOUR + SETTLES_MS
CALL = Usage(calls=1, connected=1, minutes=1)


@pytest.fixture
def gateway(here: Stage) -> Gateway:
    """Of an app that is sent no event of a call."""
    here.app("demo", [number(0)], wants={EventKind.SMS_SENT})
    return here.instance()


@pytest.fixture
def usage(gateway: Gateway) -> UsageService:
    return service(gateway)


def service(gateway: Gateway, trouble: Callable[[Exception], None] | None = None) -> UsageService:
    made = usage_service(gateway)
    made._trouble = trouble or _raise
    return made


def _raise(error: Exception) -> None:
    raise error


def call(at: int, name: str = "call") -> list[Event]:
    """A call of less than a minute."""
    about: dict[str, Any] = {
        "carrier": "switch",
        "call_id": name,
        "number": number(0),
        "caller": Subscriber(subscriber(1)),
        "callee": Subscriber(subscriber(2)),
    }
    kinds = (EventKind.CALL_STARTED, EventKind.CALL_ANSWERED, EventKind.CALL_ENDED)
    return [
        Event(id=f"{name} {kind}", kind=kind, at=at + n * 10_000, received=at + n * 10_000, **about)
        for n, kind in enumerate(kinds)
    ]


def received(events: list[Event], now: int) -> list[Event]:
    return [replace(each, received=now) for each in events]


def run(usage: UsageService, now: int, *, pages: int = 10**6) -> Counted:
    """One run at `now`, which has time for so many pages."""
    left = iter(range(pages))
    return usage.run(now=now, time_left=lambda: next(left, None) is not None)


def turn_after(moment: int) -> int:
    """When it is the app's turn next."""
    turn = hour_at(moment) + TURN
    return turn if turn >= moment else turn + HOUR_MS


def hours(here: Stage) -> list[dict[str, Any]]:
    return [item for item in here.items() if item["pk"]["S"] == "U#demo"]


@contextmanager
def writes() -> Iterator[Counter[str]]:
    """What is written to the items of usage, by operation."""
    seen: Counter[str] = Counter()
    call = Table._call

    def counted(self: Table, operation: str, **more: Any) -> Any:
        if "U#demo" in str(more) and operation != "query":
            seen[operation] += 1
        return call(self, operation, **more)

    with patch.object(Table, "_call", counted):
        yield seen


def test_an_hour_is_counted_once_it_is_settled_with_one_write(
    here: Stage, gateway: Gateway, usage: UsageService
) -> None:
    with writes() as seen:
        gateway.shared(Ingest).events.record(call(HOUR))
        assert seen == {}
        run(usage, turn_after(HOUR + HOUR_MS))
        # An app that is new: as far back as its calls are kept there is nothing.
        assert seen == {"update_item": 1}
        assert run(usage, turn_after(SETTLED)).hours == 1
        assert seen == {"update_item": 2}
        assert run(usage, turn_after(SETTLED + HOUR_MS)).hours == 0
        assert seen == {"update_item": 2}
    report = usage.report("demo", since=HOUR, until=SETTLED, now=turn_after(SETTLED))
    assert (report.total, report.complete_until) == (CALL, HOUR + HOUR_MS)
    assert [item["sk"]["S"] for item in hours(here)][-1] == f"{HOUR:015d}"


def test_an_idle_app_costs_one_write_a_day(usage: UsageService) -> None:
    run(usage, turn_after(HOUR))
    with writes() as seen:
        for hour in range(49):
            run(usage, turn_after(HOUR + hour * HOUR_MS))
    assert seen["update_item"] == 2


def test_what_was_not_counted_yet_is_counted_for_a_report(
    here: Stage, gateway: Gateway, usage: UsageService
) -> None:
    gateway.shared(Ingest).events.record(call(HOUR))
    with writes() as seen:
        early = usage.report("demo", since=HOUR, until=SETTLED + 9, now=SETTLED - 1)
        report = usage.report("demo", since=HOUR + 1, until=SETTLED + 9, now=SETTLED)
    assert (early.total, early.complete_until, early.days) == (Usage(), HOUR, {})
    assert (report.total, report.complete_until) == (CALL, HOUR + HOUR_MS)
    assert (report.since, report.until) == (HOUR, hour_at(SETTLED))
    assert report.days == {HOUR // DAY_MS * DAY_MS: CALL}
    assert seen == {}
    assert hours(here) == []


def test_a_report_does_not_count_for_long(gateway: Gateway, usage: UsageService) -> None:
    for hour in range(4):
        gateway.shared(Ingest).events.record(call(HOUR + hour * HOUR_MS, f"call {hour}"))
    now = SETTLED + DAY_MS
    # When it begins, and before each page.
    usage._monotonic = iter([0, 1, REPORT_S - 1, REPORT_S]).__next__
    report = usage.report("demo", since=HOUR, until=now, now=now)
    assert report.complete_until == HOUR + 2 * HOUR_MS
    assert report.total == CALL + CALL


def test_a_report_has_every_day(usage: UsageService) -> None:
    now = HOUR + 2 * DAY_MS
    report = usage.report("demo", since=HOUR, until=now, now=now)
    first = HOUR // DAY_MS * DAY_MS
    assert list(report.days) == [first, first + DAY_MS, first + 2 * DAY_MS]
    assert report.complete_until == hour_at(now - SETTLES_MS) + HOUR_MS


def test_a_late_event_takes_its_hour_out_until_it_was_counted_again(
    gateway: Gateway, usage: UsageService
) -> None:
    started, answered, ended = call(HOUR)
    gateway.shared(Ingest).events.record([started, answered])
    run(usage, turn_after(SETTLED))
    late = SETTLED + DAY_MS
    with writes() as seen:
        for _ in range(3):
            gateway.shared(Ingest).events.record(received([ended], late))
    # With the day, which could be exported already; the repeats find it noted.
    assert seen == {"transact_write_items": 1}

    def report(now: int) -> tuple[int, Usage]:
        found = usage.report("demo", since=HOUR, until=SETTLED, now=now)
        return found.complete_until, found.total

    assert report(late) == (HOUR, Usage())
    assert run(usage, late + MARGIN_MS - 1).hours == 0
    counted = late + 2 * MARGIN_MS
    assert report(counted) == (hour_at(SETTLED), CALL)
    assert run(usage, counted).hours == 1
    assert report(counted) == (hour_at(SETTLED), CALL)
    assert run(usage, counted + HOUR_MS - TURN).hours == 0


def test_an_event_that_comes_while_its_hour_is_counted_is_not_lost(
    gateway: Gateway, usage: UsageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, answered, ended = call(HOUR)
    gateway.shared(Ingest).events.record([started, answered])
    late = turn_after(SETTLED)
    count = UsageStore.count

    def after_an_event(self: UsageStore, *args: Any, **more: Any) -> bool:
        monkeypatch.setattr(UsageStore, "count", count)
        gateway.shared(Ingest).events.record(received([ended], late))
        return count(self, *args, **more)

    run(usage, turn_after(HOUR + HOUR_MS))
    monkeypatch.setattr(UsageStore, "count", after_an_event)
    assert run(usage, late).hours == 0
    assert run(usage, late + 2 * MARGIN_MS).hours == 1
    report = usage.report("demo", since=HOUR, until=HOUR + HOUR_MS, now=late + 2 * MARGIN_MS)
    assert report.total == CALL


def test_a_count_without_time_goes_on_where_it_was(
    here: Stage, gateway: Gateway, usage: UsageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "PAGE", 2)
    for place in range(9):
        gateway.shared(Ingest).events.record(call(HOUR + place, f"call {place}"))
    now = turn_after(SETTLED)
    run(usage, now - HOUR_MS)
    counted = []
    for _ in range(2):
        assert run(usage, now, pages=3) == Counted(unfinished=1)
        (partial,) = [item["partial"]["M"] for item in hours(here) if "partial" in item]
        counted.append(int(partial["usage"]["M"]["calls"]["N"]))
    assert 0 < counted[0] < counted[1] < 9
    assert run(usage, now + CLAIM_MS).hours == 2
    report = usage.report("demo", since=HOUR, until=HOUR + HOUR_MS, now=now + CLAIM_MS)
    assert (report.total.calls, report.complete_until) == (9, HOUR + HOUR_MS)
    assert not any("partial" in item or "due_at" in item for item in hours(here))


def test_a_count_begins_anew_if_its_hour_changed_meanwhile(
    gateway: Gateway, usage: UsageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "PAGE", 2)
    for place in range(9):
        started, answered, ended = call(HOUR + place, f"call {place}")
        gateway.shared(Ingest).events.record(
            [started, answered] if place == 0 else [started, answered, ended]
        )
    now = turn_after(SETTLED)
    run(usage, now - HOUR_MS)
    assert run(usage, now, pages=4).unfinished == 1
    gateway.shared(Ingest).events.record(received(call(HOUR, "call 0"), now))
    later = now + 2 * MARGIN_MS
    run(usage, later)
    report = usage.report("demo", since=HOUR, until=HOUR + HOUR_MS, now=later)
    assert report.total == Usage(calls=9, connected=9, minutes=9)


def test_two_runs_do_not_count_one_hour_at_once(gateway: Gateway, usage: UsageService) -> None:
    gateway.shared(Ingest).events.record(received(call(HOUR), SETTLED))
    now = SETTLED + 2 * MARGIN_MS
    claimed = UsageStore(gateway.table)
    (due,) = claimed.due(now=now)
    assert claimed.claim(due, until=now + CLAIM_MS, now=now) is not None
    assert run(usage, now).hours == 0
    assert run(usage, now + CLAIM_MS).hours == 1


def test_bindings_that_are_not_kept_any_more_stay_counted(
    here: Stage, gateway: Gateway, usage: UsageService
) -> None:
    app = here.apps["demo"]
    assert app.bind(gateway, subscriber(1), subscriber(2), now=HOUR)["code"] == 200
    now = turn_after(SETTLED)
    run(usage, now)
    (binding,) = [item for item in here.items() if item["pk"]["S"].startswith("B#")]
    key = {name: binding[name] for name in ("pk", "sk")}
    clients.dynamodb().delete_item(TableName=gateway.settings.table_name, Key=key)
    gateway.shared(Ingest).events.record(received(call(HOUR), now))
    later = now + 2 * MARGIN_MS
    run(usage, later)
    report = usage.report("demo", since=HOUR, until=HOUR + HOUR_MS, now=later)
    assert report.total == Usage(bindings=1) + CALL


def test_a_day_of_bindings_without_calls_is_counted(
    here: Stage, gateway: Gateway, usage: UsageService
) -> None:
    app = here.apps["demo"]
    assert app.bind(gateway, subscriber(1), subscriber(2), now=HOUR)["code"] == 200
    now = HOUR + 2 * DAY_MS
    run(usage, turn_after(now))
    report = usage.report("demo", since=HOUR - DAY_MS, until=now, now=turn_after(now))
    assert report.total == Usage(bindings=1)


def test_what_fails_for_one_app_does_not_keep_the_others_waiting(
    here: Stage, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = next(name for name in map(str, range(10**4)) if _turn_of(f"app{name}") == TURN)
    here.app(f"app{other}", [number(1)])
    troubles: list[Exception] = []
    usage = service(here.instance(), troubles.append)
    sweep = UsageStore.swept_until

    def failing(self: UsageStore, app: str) -> int | None:
        if app == "demo":
            raise StoreUnavailable("query: InternalServerError")
        return sweep(self, app)

    monkeypatch.setattr(UsageStore, "swept_until", failing)
    assert run(usage, turn_after(HOUR)) == Counted(hours=0, failed=1)
    assert [str(each) for each in troubles] == ["query: InternalServerError"]
    assert [item["pk"]["S"] for item in here.items() if item["pk"]["S"][:2] == "U#"] == [
        f"U#app{other}"
    ]


def _turn_of(app: str) -> int:
    return zlib.crc32(app.encode()) % SLICES * MINUTE


def test_the_first_turn_of_an_app_goes_back_as_far_as_calls_are_kept(
    gateway: Gateway, usage: UsageService
) -> None:
    old = HOUR - FINAL_MS + 2 * DAY_MS
    gateway.shared(Ingest).events.record(call(old))
    assert run(usage, turn_after(HOUR)).hours == 1
    report = usage.report("demo", since=old, until=HOUR, now=turn_after(HOUR))
    assert report.total == CALL
