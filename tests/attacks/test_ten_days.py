"""A binding of ten days on a carrier that is told to keep it for one day at a time."""

from collections.abc import Iterator

import pytest

from chalicelib.core.bindings.lease import LeaseWork
from chalicelib.core.bindings.model import Ask
from chalicelib.core.durations import DAY_MS, NEVER
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.wiring import schedules
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import Gateway
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber
from tests.vendor_here import ACCOUNT, VendorHere, account_at, vendor_here

X = number(0)
A, B, C = (subscriber(i) for i in range(3))
TEN_DAYS = 10 * DAY_MS
DUTIES: tuple[LeaseWork, ...] = ("pending", "lease")
LATENCY = 250
"""How much later than ours the vendor's clock is, as if every request took as long (ms)."""


@pytest.fixture
def vendor(here: Stage) -> Iterator[VendorHere]:
    with vendor_here([X], now=NOW + LATENCY) as vendor:
        account_at(vendor.url)
        yield vendor


@pytest.fixture
def app(here: Stage, vendor: VendorHere) -> Backend:
    return here.app("demo", [X], carrier=ACCOUNT, cooling_s=600)


def attend(gateway: Gateway, *, now: int) -> None:
    """What the schedules run every minute."""
    for duty in DUTIES:
        gateway.shared(schedules.lease_jobs).run(duty, now=now, time_left=lambda: True)


def pass_time(gateway: Gateway, vendor: VendorHere, *, since: int, until: int, step: int) -> None:
    """Lets the schedules run; at every step, and just before the schedules do, the vendor must
    still connect."""
    for now in range(since, until, step):
        vendor.clock.now_ms = now + LATENCY
        assert vendor.live(), f"let go after {(now - NOW) / DAY_MS:.3f} days"
        attend(gateway, now=now)


def asked(vendor: VendorHere) -> dict[str, int]:
    return {
        path.rpartition("/")[2]: count for path, count in sorted(vendor.vendor.requests.items())
    }


def test_ten_days_on_leases_of_one(here: Stage, app: Backend, vendor: VendorHere) -> None:
    gateway = here.instance()
    bound = app.bind(gateway, A, B, now=NOW, minutes=TEN_DAYS // MINUTE)
    assert bound["code"] == 200
    (entry,) = vendor.vendor.privacy.all()
    assert entry["expireTime"] == NOW + LATENCY + DAY_MS
    end = NOW + TEN_DAYS
    pass_time(gateway, vendor, since=NOW, until=end, step=30 * MINUTE)
    # Nine more days, one extend each: found out first, then extended.
    assert asked(vendor) == {"bind": 1, "delay": 9, "query": 9}
    vendor.clock.now_ms = end - 1 + LATENCY
    assert vendor.live() == [(bound["bindId"], X)]
    vendor.clock.now_ms = end + LATENCY
    assert not vendor.live()
    attend(gateway, now=end)
    gateway.cleaner.clean(now=end + LATER_MS, time_left=lambda: True)
    (info,) = app.call(gateway, "query", now=end - 1, opType=0, phoneX=X)["bindInfos"]
    assert info["expireTime"] == end
    assert not app.call(gateway, "query", now=end, opType=0, phoneX=X)["bindInfos"]
    assert here.quota_used("demo") == 0
    assert asked(vendor) == {"bind": 1, "delay": 9, "query": 9}


def test_a_carrier_that_is_down_for_hours_is_extended_in_time(
    here: Stage, app: Backend, vendor: VendorHere
) -> None:
    gateway = here.instance()
    assert app.bind(gateway, A, B, now=NOW, minutes=3 * 1440)["code"] == 200
    down_hours = 5
    # Down when the first lease is to be made longer, and up again before it ends.
    due = NOW + DAY_MS * 3 // 4
    pass_time(gateway, vendor, since=NOW, until=due, step=30 * MINUTE)
    vendor.vendor.faults.add("*", "502", 10_000)
    up = due + down_hours * 60 * MINUTE
    pass_time(gateway, vendor, since=due, until=up, step=MINUTE)
    tried = asked(vendor)["query"]
    # In each run: whoever is back is agreed with at once.
    assert tried == down_hours * 60
    vendor.vendor.faults.clear()
    pass_time(gateway, vendor, since=up, until=NOW + 3 * DAY_MS, step=30 * MINUTE)
    assert asked(vendor)["delay"] == 2
    vendor.clock.now_ms = NOW + 3 * DAY_MS + LATENCY
    assert not vendor.live()


def test_a_binding_that_the_carrier_lost_is_bound_there_again(
    here: Stage, app: Backend, vendor: VendorHere
) -> None:
    gateway = here.instance()
    bound = app.bind(gateway, A, B, now=NOW, minutes=3 * 1440)
    (entry,) = vendor.vendor.privacy.all()
    lost = vendor.vendor.privacy.get(entry["bindId"])
    assert lost is not None
    lost.ended = NOW
    at = NOW + DAY_MS * 3 // 4
    vendor.clock.now_ms = at + LATENCY
    attend(gateway, now=at)
    assert vendor.live() == [(bound["bindId"], X)]
    assert app.call(gateway, "unbind", now=at, bindId=bound["bindId"])["code"] == 200
    assert not vendor.live()


def test_a_delay_is_carried_to_the_carrier_at_once_when_its_lease_is_short(
    here: Stage, app: Backend, vendor: VendorHere
) -> None:
    gateway = here.instance()
    bound = app.bind(gateway, A, B, now=NOW, minutes=10)["bindId"]
    assert app.call(gateway, "delay", now=NOW, bindId=bound, delta=20)["code"] == 200
    pass_time(gateway, vendor, since=NOW, until=NOW + 30 * MINUTE, step=MINUTE)
    vendor.clock.now_ms = NOW + 30 * MINUTE + LATENCY
    assert not vendor.live()
    assert asked(vendor)["delay"] == 1


def test_one_without_an_end_is_carried_on_until_it_is_released(
    here: Stage, app: Backend, vendor: VendorHere
) -> None:
    gateway = here.instance()
    ask = Ask(
        a=Subscriber(A),
        b=Subscriber(B),
        number=X,
        area=None,
        lifetime_ms=NEVER - NOW,
        record=False,
        user_data="",
    )
    request = RequestId(key="k" * 22, content="c" * 22, explicit=True)
    demo = gateway.apps.get("demo")
    assert demo is not None
    bound = gateway.shared(Api).binding_service.bind(demo, ask, request, now=NOW)
    later = NOW + 12 * DAY_MS
    pass_time(gateway, vendor, since=NOW, until=later, step=3 * 60 * MINUTE)
    assert asked(vendor)["delay"] == 12
    vendor.clock.now_ms = later + LATENCY
    gateway.shared(Api).binding_service.release(demo, bound.id, now=later)
    assert not vendor.live()
