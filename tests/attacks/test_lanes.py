"""Many leases at real vendors over HTTP, on threads, and a carrier that is removed."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from click.testing import CliRunner

from admin.__main__ import cli
from chalicelib.core.bindings.lease import LeaseWork
from chalicelib.core.durations import DAY_MS
from chalicelib.stage_settings import settings
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.gateways import MINUTE, NOW, Backend, Stage, forget_caches, number, subscriber
from tests.owners import mend, spoil
from tests.vendor_here import VendorHere, account_at, vendor_here

SCALE = 10
"""A tenth of the time that it would take."""
SLOW_S = 3.9 / SCALE
LEASES = 200
DUE = NOW + DAY_MS * 3 // 4
COOLING_S = 600


class Slow:
    """Lets a vendor take its time for each answer, and counts how many wait at once."""

    def __init__(self, here: VendorHere) -> None:
        self.answers_in_s = 0.0
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        self._answer = here.vendor.answer
        here.vendor.answer = self._slowly  # type: ignore[method-assign]

    def _slowly(self, *arguments: Any, **more: Any) -> Any:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            time.sleep(self.answers_in_s)
            return self._answer(*arguments, **more)
        finally:
            with self._lock:
                self._now -= 1


@pytest.fixture
def vendors() -> Iterator[Callable[..., VendorHere]]:
    """Makes vendors at which numbers are, and our account with each."""
    with ExitStack() as stack:

        def make(name: str, numbers: list[str]) -> VendorHere:
            vendor = stack.enter_context(vendor_here(numbers, now=NOW))
            account_at(vendor.url, name=name)
            return vendor

        yield make


def bind(gateway: Gateway, app: Backend, people: range) -> list[str]:
    """A binding of three days for every two of these people; their ids."""
    ids = []
    for i in people:
        reply = app.bind(gateway, subscriber(2 * i), subscriber(2 * i + 1), now=NOW, minutes=4320)
        assert reply["code"] == 200, reply
        ids.append(reply["bindId"])
    return ids


def kept_until(vendor: VendorHere) -> list[int]:
    """Until when the vendor connects what it has, the soonest first."""
    told = vendor.vendor.privacy.all()
    return sorted(each["expireTime"] for each in told if each["state"] == "live")


def test_two_hundred_leases_at_a_slow_carrier_a_dead_one_and_a_quick_one(
    here: Stage, vendors: Callable[..., VendorHere]
) -> None:
    numbers = {name: [number(100 * i + j) for j in range(20)] for i, name in enumerate("sdq")}
    slow, dead, quick = (vendors(name, numbers[name]) for name in "sdq")
    gateway = here.instance()
    apps = {name: here.app(f"app-{name}", numbers[name], carrier=name) for name in "sdq"}
    for i, (name, many) in enumerate((("s", LEASES), ("d", LEASES), ("q", 20))):
        bind(gateway, apps[name], range(1000 * i, 1000 * i + many))
    slowed = Slow(slow)
    slowed.answers_in_s = SLOW_S
    dead.vendor.faults.add("*", "hang_before")
    for vendor in (slow, dead, quick):
        vendor.clock.now_ms = DUE

    ran: list[Any] = []
    run = threading.Thread(
        target=lambda: ran.append(
            gateway.shared(schedules.lease_jobs).run("lease", now=DUE, time_left=lambda: True)
        )
    )
    began = time.monotonic()
    run.start()
    while not all(until > NOW + 2 * DAY_MS - DAY_MS // 2 for until in kept_until(quick)):
        assert run.is_alive()
        time.sleep(0.05)
    quick_took_s = time.monotonic() - began
    dead.vendor.faults.clear()
    dead.vendor.faults.add("*", "refuse")
    run.join()
    took_s = time.monotonic() - began

    (seen,) = ran
    assert seen.done == LEASES + 20
    assert (seen.put_off, seen.left, seen.silent) == (3, LEASES - 3, ["d"])
    assert kept_until(slow)[0] > DUE + DAY_MS * 3 // 4
    assert slowed.most_at_once <= settings().carrier_workers
    # Two requests each; one after the other it would have been 156 s.
    assert quick_took_s < took_s < LEASES * 2 * SLOW_S / 4

    # It answers again: the next run agrees with it.
    dead.vendor.faults.clear()
    duties: tuple[tuple[LeaseWork, int], ...] = (("lease", LEASES - 3), ("pending", 3))
    for duty, due in duties:
        again = (
            here.instance()
            .shared(schedules.lease_jobs)
            .run(duty, now=DUE + MINUTE, time_left=lambda: True)
        )
        assert (again.done, again.put_off, again.left, again.silent) == (due, 0, 0, [])


def test_what_a_removed_carrier_keeps_ends_and_gives_its_quota_back(
    here: Stage, vendors: Callable[..., VendorHere]
) -> None:
    x = number(1)
    vendor = vendors("acme", [x])
    gateway = here.instance()
    app = here.app("demo", [x], carrier="acme", cooling_s=COOLING_S)
    (bound,) = bind(gateway, app, range(1))
    (until,) = kept_until(vendor)
    assert here.quota_used("demo") == 1

    refused = CliRunner().invoke(cli, ["carrier-remove", "acme"])
    assert (refused.exit_code, "app demo" in refused.output) == (1, True)
    removed = CliRunner().invoke(cli, ["carrier-remove", "acme", "--force"])
    assert removed.exit_code == 0, removed.output
    vendor.clock.now_ms = DUE
    forget_caches()
    seen = (
        here.instance().shared(schedules.lease_jobs).run("lease", now=DUE, time_left=lambda: True)
    )
    assert (seen.done, seen.put_off, seen.silent) == (1, 0, [])
    assert here.quota_used("demo") == 0
    assert here.live("demo", now=DUE) == 0
    assert not list(here.instance().bindings.due_at_carriers("lease", now=DUE + DAY_MS))

    # The carrier was told nothing: as long as it may connect these two, X leads them to no others.
    assert vendor.live() == [(bound, x)]
    routes = [item for item in here.items() if item["sk"]["S"].startswith("L#")]
    assert len(routes) == 2
    for route in routes:
        assert int(route["reusable_at"]["N"]) >= until + COOLING_S * 1000
        assert int(route["expires"]["N"]) == DUE


@pytest.mark.parametrize("broken", ["not JSON {", "{}", "[]"])
def test_an_account_that_cannot_be_read_ends_nothing(
    here: Stage, vendors: Callable[..., VendorHere], broken: str
) -> None:
    x = number(1)
    vendor = vendors("acme", [x])
    gateway = here.instance()
    app = here.app("demo", [x], carrier="acme")
    bind(gateway, app, range(1))
    before = spoil("carrier/acme", broken)
    vendor.clock.now_ms = DUE
    forget_caches()
    seen = (
        here.instance().shared(schedules.lease_jobs).run("lease", now=DUE, time_left=lambda: True)
    )
    assert (seen.done, seen.put_off) == (0, 1)
    assert here.live("demo", now=DUE) == here.quota_used("demo") == 1

    mend("carrier/acme", before)
    forget_caches()
    vendor.clock.now_ms = DUE + MINUTE
    seen = (
        here.instance()
        .shared(schedules.lease_jobs)
        .run("lease", now=DUE + MINUTE, time_left=lambda: True)
    )
    assert (seen.done, seen.put_off) == (1, 0)
    assert kept_until(vendor)[0] > DUE + DAY_MS * 3 // 4
