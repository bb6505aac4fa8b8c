"""Bindings of ten days, and without end, on an interline that is told to keep them for one day at a
time: whether it takes a second lease beside the first or not, it always connects."""

from collections.abc import Iterator

import pytest

from chalicelib.core.bindings.lease import LeaseWork
from chalicelib.core.durations import DAY_MS
from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.developers import Developer, developer
from tests.gateways import MINUTE, NOW, Stage, number, subscriber
from tests.interline_here import (
    ACCOUNT,
    BIND,
    END_TRANSFER,
    RELEASE,
    TRANSFER,
    InterlineHere,
    account_at,
    interline_here,
)

X = number(0).removeprefix("86")
A, B, C = (subscriber(i).removeprefix("86") for i in range(3))
LATENCY = 250
"""How much later than ours the vendor's clock is, as if every request took as long (ms)."""
SECOND = 1000
STEP = 30 * MINUTE
TEN_DAYS = 10 * DAY_MS
DUTIES: tuple[LeaseWork, ...] = ("pending", "lease")


@pytest.fixture(params=[True, False], ids=["beside", "in its place"])
def overlap(request: pytest.FixtureRequest) -> bool:
    """Whether the carrier takes a second lease beside the first."""
    taken: bool = request.param
    return taken


@pytest.fixture
def vendor(here: Stage, overlap: bool) -> Iterator[InterlineHere]:
    with interline_here([X], now=NOW + LATENCY, overlap=overlap) as vendor:
        account_at(vendor.url)
        yield vendor


@pytest.fixture
def app(here: Stage, vendor: InterlineHere) -> Developer:
    return developer("demo", [X], carrier=ACCOUNT, cooling_s=600)


def attend(gateway: Gateway, *, now: int) -> None:
    """What the schedules run every minute."""
    for duty in DUTIES:
        gateway.shared(schedules.lease_jobs).run(duty, now=now, time_left=lambda: True)


def pass_time(gateway: Gateway, vendor: InterlineHere, *ids: str, since: int, until: int) -> None:
    """Lets the schedule run, every minute when a lease is about to end; just before it does, and
    afterwards, the vendor has these bindings, each once."""
    now = since
    wanted = sorted((each, X) for each in ids)
    while now < until:
        vendor.clock.now_ms = now + LATENCY
        assert vendor.live() == wanted, f"let go after {(now - NOW) / DAY_MS:.3f} days"
        attend(gateway, now=now)
        assert vendor.live() == wanted, f"not as it was after {(now - NOW) / DAY_MS:.3f} days"
        soonest = min(each["expires"] for each in vendor.told())
        now += MINUTE if soonest - now <= STEP + 5 * MINUTE else STEP


def test_ten_days_on_leases_of_one(
    here: Stage, app: Developer, vendor: InterlineHere, overlap: bool
) -> None:
    gateway = here.instance()
    ttl = TEN_DAYS // 1000
    pair = app.bind(gateway, X, A, B, now=NOW, reqid="pair", ttl=ttl)["subid"]
    transfer = app.transfer(gateway, X, C, now=NOW, reqid="transfer", ttl=ttl)["subid"]
    assert {each["expires"] for each in vendor.told()} == {NOW + LATENCY + DAY_MS}
    end = NOW + TEN_DAYS
    pass_time(gateway, vendor, pair, transfer, since=NOW, until=end)
    # A lease is made longer a quarter of a day before it ends; or, where no second one is taken,
    # in the last minutes.
    longer = {True: 12, False: 10}
    assert vendor.asked[RELEASE] == longer[overlap]
    assert vendor.asked[END_TRANSFER] == longer[False]
    # Before the last minutes it is tried once, and refused; and then once more, for a transfer too.
    tries = {True: 1, False: 3}
    assert vendor.asked[BIND] == 1 + tries[overlap] * longer[overlap]
    assert vendor.asked[TRANSFER] == 1 + tries[False] * longer[False]

    vendor.clock.now_ms = end - 1 + LATENCY
    assert len(vendor.live()) == 2
    # It counts in seconds.
    vendor.clock.now_ms = end + SECOND + LATENCY
    assert not vendor.live()
    attend(gateway, now=end)
    gateway.cleaner.clean(now=end + LATER_MS, time_left=lambda: True)
    assert here.quota_used("demo") == 0


def test_a_transfer_without_end_is_carried_on_until_it_is_released(
    here: Stage, app: Developer, vendor: InterlineHere
) -> None:
    gateway = here.instance()
    transfer = app.transfer(gateway, X, A, now=NOW, reqid="for good")["subid"]
    later = NOW + TEN_DAYS + 5 * MINUTE
    pass_time(gateway, vendor, transfer, since=NOW, until=later)
    vendor.clock.now_ms = later + LATENCY
    assert app.release_transfer(gateway, X, now=later) == 0
    assert not vendor.told()
    attend(gateway, now=later + DAY_MS)
    assert not vendor.told()
    assert here.quota_used("demo") == 0


def test_a_second_transfer_is_not_let_in_between_two_leases(
    here: Stage, app: Developer, vendor: InterlineHere
) -> None:
    gateway = here.instance()
    transfer = app.transfer(gateway, X, A, now=NOW, reqid="for good")["subid"]
    last = NOW + DAY_MS - 2 * MINUTE
    pass_time(gateway, vendor, transfer, since=NOW, until=last)
    for now in range(last, last + 6 * MINUTE, MINUTE):
        vendor.clock.now_ms = now + LATENCY
        assert app.transfer(gateway, X, B, now=now, reqid=str(now))["error"] == 1302
        attend(gateway, now=now)
        assert vendor.live() == [(transfer, X)]
