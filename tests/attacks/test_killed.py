"""A process that binds over NetEase is killed (SIGKILL) at each step: in the end gateway and
carrier agree, and a repeat of the client's request gives the one binding."""

import time
from collections.abc import Iterator

import pytest

from chalicelib.core.bindings.lease_rules import LOOK_MS
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import OVER_MS
from tests.attacks.killing import PATIENCE_S, Victim, own_stage
from tests.attacks.victim import POINTS
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber
from tests.simulator.outside import wait_until
from tests.vendor_here import ACCOUNT, VendorHere, account_at, vendor_here

X = number(0)
A, B, C = (subscriber(i) for i in range(3))


@pytest.fixture(scope="module")
def stage(dynamodb_local: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with own_stage(dynamodb_local, tmp_path_factory.mktemp("logs")) as own:
        yield own


@pytest.fixture(scope="module")
def vendor(stage: Stage) -> Iterator[VendorHere]:
    with vendor_here([X], now=NOW) as vendor:
        account_at(vendor.url)
        yield vendor


@pytest.fixture
def app(stage: Stage, vendor: VendorHere, request: pytest.FixtureRequest) -> Iterator[Backend]:
    """An app whose one number is free again afterwards."""
    vendor.clock.now_ms = NOW
    vendor.vendor.faults.clear()
    app = stage.apps.get("demo") or stage.app("demo", [X], carrier=ACCOUNT, cooling_s=300)
    yield app
    vendor.clock.now_ms = NOW


def shown(gateway: Gateway, app: Backend, *, now: int) -> list[tuple[str, str]]:
    """(id, X) of what the gateway shows, as VendorHere.live has it."""
    answer = app.call(gateway, "query", now=now, opType=0, phoneX=X)
    return sorted((info["bindId"], info["phoneX"]) for info in answer["bindInfos"])


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("repeat", ["before the schedule", "after the schedule"])
def test_gateway_and_carrier_agree_after_a_kill(
    stage: Stage, app: Backend, vendor: VendorHere, point: str, repeat: str
) -> None:
    now = NOW + 3 * 24 * 60 * MINUTE * (1 + POINTS.index(point) + 10 * ("after" in repeat))
    vendor.clock.now_ms = now
    request_id = f"{point} {repeat}"
    if point == "after the effect":
        vendor.vendor.faults.add("/smallphone/axb/bind", "hang_after", 1)
    request = app.request(
        {"phoneA": A, "phoneB": B, "expiration": 60}, now=now, request_id=request_id
    )
    victim = Victim(point, "/smallphone/axb/bind", request, now=now)
    if point == "after the effect":
        assert wait_until(lambda: bool(vendor.live()), timeout_s=PATIENCE_S)
        # It waits for the reply now.
        time.sleep(0.2)
    else:
        victim.wait_for(f"at {point}")
    victim.kill()
    vendor.vendor.faults.clear()

    effect = point != "before the request"
    assert bool(vendor.live()) == effect
    gateway = stage.instance()
    assert shown(gateway, app, now=now) == (vendor.live() if point == "after the commit" else [])
    # Whatever became of it, nobody else is let onto these legs meanwhile.
    assert app.bind(gateway, A, C, now=now)["code"] == 603

    # Then nothing of what it asked is on its way any more.
    later = now + OVER_MS
    vendor.clock.now_ms = later
    if repeat == "after the schedule":
        gateway.shared(schedules.lease_jobs).run("pending", now=later, time_left=lambda: True)
        assert shown(gateway, app, now=later) == vendor.live()
        assert bool(vendor.live()) == effect
    again = app.bind(gateway, A, B, now=later, minutes=60, request_id=request_id)
    assert again["code"] == 200
    assert shown(gateway, app, now=later) == vendor.live() == [(again["bindId"], X)]
    assert app.bind(gateway, A, B, now=later, minutes=60, request_id=request_id) == again
    gateway.shared(schedules.lease_jobs).run("pending", now=later + LOOK_MS, time_left=lambda: True)
    assert vendor.live() == [(again["bindId"], X)]
    assert stage.quota_used("demo") == 1
    assert app.call(gateway, "unbind", now=later, bindId=again["bindId"])["code"] == 200
    assert not vendor.live()
    assert stage.quota_used("demo") == 0
