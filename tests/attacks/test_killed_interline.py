"""A process that binds over interline, for an app of interline's API, is killed (SIGKILL) at each
step: whoever repeats the request, or the schedule, finds the one binding."""

import time
from collections.abc import Iterator
from itertools import count, product

import pytest

from chalicelib.core.bindings.lease_rules import LOOK_MS
from chalicelib.core.durations import DAY_MS
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import OVER_MS
from tests.attacks.killing import PATIENCE_S, Victim, own_stage
from tests.attacks.victim import POINTS
from tests.developers import INTERLINE, Developer, developer
from tests.gateways import NOW, Stage, number, subscriber
from tests.interline_here import (
    ACCOUNT,
    BIND,
    TRANSFER,
    InterlineHere,
    account_at,
    interline_here,
)
from tests.simulator.outside import wait_until
from tests.sizes import some

X = number(0).removeprefix("86")
A, B, C = (subscriber(i).removeprefix("86") for i in range(3))
_turns = count(1)
REPEATS = ("at once", "before the schedule", "after the schedule")


@pytest.fixture(scope="module")
def stage(dynamodb_local: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with own_stage(dynamodb_local, tmp_path_factory.mktemp("logs")) as own:
        yield own


@pytest.fixture(scope="module")
def vendor(stage: Stage) -> Iterator[InterlineHere]:
    with interline_here([X], now=NOW) as vendor:
        account_at(vendor.url)
        yield vendor


@pytest.fixture(scope="module")
def app(stage: Stage, vendor: InterlineHere) -> Developer:
    """An app with one number, which is free at once after a binding."""
    return developer("demo", [X], carrier=ACCOUNT, cooling_s=300)


class Ask:
    """An AXB or an XA of A's, which the process that is killed asks for, and those after it."""

    def __init__(self, app: Developer, *, transfer: bool, reqid: str) -> None:
        self._app = app
        self._transfer = transfer
        self._reqid = reqid
        self.path = TRANSFER if transfer else BIND

    def begin(self, point: str, *, now: int) -> Victim:
        """Asks in a process that stands still at this point."""
        asked = {"anum": A, "ttl": 3600, "reqid": self._reqid}
        asked |= {} if self._transfer else {"bnum": B}
        request = self._app.request("PUT", asked, now=now)
        path = f"{INTERLINE}/{X}/transfer" if self._transfer else f"{INTERLINE}/{X}"
        return Victim(point, path, request, now=now)

    def again(self, gateway: Gateway, *, now: int) -> dict[str, object]:
        """The reply to the same."""
        if self._transfer:
            return self._app.transfer(gateway, X, A, now=now, reqid=self._reqid, ttl=3600)
        return self._app.bind(gateway, X, A, B, now=now, reqid=self._reqid, ttl=3600)

    def others(self, gateway: Gateway, *, now: int) -> int:
        """The code that somebody else hears who wants what this would take."""
        reqid = f"other {self._reqid}"
        if self._transfer:
            return int(self._app.transfer(gateway, X, C, now=now, reqid=reqid)["error"])
        return int(self._app.bind(gateway, X, A, C, now=now, reqid=reqid)["error"])

    def end(self, gateway: Gateway, subid: str, *, now: int) -> int:
        """The code of its release."""
        if self._transfer:
            return self._app.release_transfer(gateway, X, now=now)
        return self._app.release(gateway, subid, now=now)


# Of a death in this process the gate has all (test_deaths.py).
@pytest.mark.parametrize(
    ("transfer", "point", "repeat"), some(product([False, True], POINTS, REPEATS), gate=8)
)
def test_one_binding_in_the_end(
    stage: Stage, app: Developer, vendor: InterlineHere, transfer: bool, point: str, repeat: str
) -> None:
    now = NOW + 3 * DAY_MS * next(_turns)
    vendor.clock.now_ms = now
    ask = Ask(app, transfer=transfer, reqid=f"{transfer} {point} {repeat}")
    if point == "after the effect":
        vendor.vendor.faults.add(ask.path, "hang_after", 1)
    victim = ask.begin(point, now=now)
    if point == "after the effect":
        assert wait_until(lambda: bool(vendor.live()), timeout_s=PATIENCE_S)
        # It waits for the reply now.
        time.sleep(0.2)
    else:
        victim.wait_for(f"at {point}")
    victim.kill()
    vendor.vendor.faults.clear()

    assert bool(vendor.live()) == (point != "before the request")
    gateway = stage.instance()
    # Whatever became of it, nobody else is let onto these legs meanwhile.
    assert ask.others(gateway, now=now) == 1302

    later = now if repeat == "at once" else now + LOOK_MS
    vendor.clock.now_ms = later
    if repeat == "after the schedule":
        gateway.shared(schedules.lease_jobs).run("pending", now=later, time_left=lambda: True)
        assert len(vendor.live()) == 1
    again = ask.again(gateway, now=later)
    assert again["error"] == 0
    subid = str(again["subid"])
    assert vendor.live() == [(subid, X)]
    assert ask.again(stage.instance(), now=later) == again
    gateway.shared(schedules.lease_jobs).run("pending", now=later + OVER_MS, time_left=lambda: True)
    assert vendor.live() == [(subid, X)]
    assert stage.quota_used("demo") == stage.live("demo", now=later) == 1
    assert ask.end(gateway, subid, now=later) == 0
    assert not vendor.live()
    assert stage.quota_used("demo") == 0
