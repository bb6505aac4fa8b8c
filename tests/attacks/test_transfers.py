"""An XA at a carrier is released by its X: no release meant for one of them ends another, and none
comes back after its end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from chalicelib.carriers.registry import carrier
from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.bindings.lease import Lease, Operation
from chalicelib.core.bindings.lease_rules import LOOK_MS
from chalicelib.core.bindings.model import Ask, Binding
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.durations import DAY_MS
from chalicelib.core.ports import BindingCarrier, Carrier
from chalicelib.core.requests import RequestId
from chalicelib.core.subscribers import Subscriber
from chalicelib.core.tenants import App
from chalicelib.services.bindings.service import BindingService
from chalicelib.wiring.api import Api
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import OVER_MS, attend
from tests.carriers.interline.platform import Platform, serving
from tests.carriers.vendor import Told, egress
from tests.gateways import MINUTE, NOW, Stage, lend, number, subscriber

X = number(0)
A = Subscriber(subscriber(0))
SECOND = 1000
DUE = NOW + DAY_MS * 3 // 4
"""When a lease of a day is made longer."""


@dataclass
class Held:
    """Stands before the platform's keeper: `before` is run once, before a lease is renewed."""

    keeper: BindingCarrier
    before: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.keeper, name)

    def renew(
        self, binding: Binding, asked: Operation, *, until: int, last: bool, now: int
    ) -> Lease:
        before, self.before = self.before, None
        if before:
            before()
        return self.keeper.renew(binding, asked, until=until, last=last, now=now)


@dataclass
class World:
    """A gateway over a platform, and an app with one X."""

    here: Stage
    platform: Platform
    gateway: Gateway
    app: App

    @property
    def service(self) -> BindingService:
        return self.gateway.shared(Api).binding_service

    @property
    def held(self) -> Held:
        keeper = self.gateway.carriers.of("any").bindings
        assert isinstance(keeper, Held)
        return keeper

    def instance(self) -> Gateway:
        """One more process."""
        return _over(self.here, self.platform)

    def bind(self, request: str, *, at: int, lifetime_ms: int | None = None) -> Binding:
        self.platform.now = at
        ask = Ask(A, None, X, None, lifetime_ms, record=False, user_data="")
        same = RequestId(request.ljust(22, "-"), "c" * 22, explicit=True)
        return self.service.bind(self.app, ask, same, now=at)

    def end(self, *, at: int) -> None:
        self.platform.now = at
        self.service.release_transfer(self.app, X, now=at)

    def schedules(self, *, at: int) -> None:
        self.platform.now = at
        for duty in ("pending", "lease"):
            attend(self.gateway, duty, now=at)  # type: ignore[arg-type]

    def has(self) -> list[str]:
        """Whose bindings the platform has, by our ids."""
        return [each.parameters["userData"] for each in self.platform.live()]


@dataclass(frozen=True)
class Only:
    """Fulfils the port Carriers: every carrier is this one."""

    carrier: Carrier

    def of(self, name: str) -> Carrier:
        return self.carrier


def _over(here: Stage, platform: Platform) -> Gateway:
    account = CarrierAccount(
        "ours", "interline", "10000000", ("key",), (platform.url,), app_id="app"
    )
    made = carrier(account, timeout_s=2, log_call=Told(), egress=egress, runtime=SYSTEM)
    assert made.bindings
    kept = Carrier("ours", "interline", bindings=Held(made.bindings), transfers=True)  # type: ignore[arg-type]
    gateway = here.instance()
    lend(gateway, Only(kept))
    return gateway


@pytest.fixture(params=[False, True], ids=["forgets refusals", "remembers refusals"])
def world(here: Stage, request: pytest.FixtureRequest) -> Iterator[World]:
    here.app("demo", [X], cooling_s=600)
    with serving(Platform(NOW, overlap=False, remembers=request.param)) as platform:
        gateway = _over(here, platform)
        app = gateway.apps.get("demo")
        assert app
        yield World(here, platform, gateway, app)


def test_settling_one_that_ran_out_leaves_its_successor_alone(world: World) -> None:
    world.platform.lost = ["after"]
    with pytest.raises(errors.Unavailable):
        world.bind("first", at=NOW, lifetime_ms=30 * SECOND)
    # It has still to be ended there, by the same X.
    with pytest.raises(errors.NumberTaken):
        world.bind("second", at=NOW + 31 * SECOND)
    for minutes in range(1, 6):
        world.schedules(at=NOW + minutes * MINUTE)
    second = world.bind("second", at=NOW + OVER_MS + SECOND)
    for minutes in range(6, 12):
        world.schedules(at=NOW + minutes * MINUTE)
    assert world.has() == [second.id]
    assert world.here.quota_used("demo") == 1


@pytest.mark.parametrize("lost", ["before", "after"])
def test_settling_one_that_ran_out_ends_it(world: World, lost: str) -> None:
    world.platform.lost = [lost]
    with pytest.raises(errors.Unavailable):
        world.bind("first", at=NOW, lifetime_ms=30 * SECOND)
    world.schedules(at=NOW + LOOK_MS + SECOND)
    assert not world.has()
    world.schedules(at=NOW + OVER_MS + SECOND)
    assert not world.has()
    assert world.here.quota_used("demo") == 0


def test_ending_one_that_ran_out_leaves_its_successor_alone(world: World) -> None:
    world.platform.lost = ["before"]
    with pytest.raises(errors.Unavailable):
        world.bind("first", at=NOW, lifetime_ms=10 * MINUTE)
    # It takes effect late, so the platform keeps it for too long.
    first = world.bind("first", at=NOW + 5 * MINUTE, lifetime_ms=10 * MINUTE)
    world.schedules(at=NOW + 6 * MINUTE)
    ended = NOW + 10 * MINUTE
    world.platform.now = ended
    assert world.has() == [first.id]
    world.platform.lost = ["after"]
    world.schedules(at=ended)
    assert not world.has()
    # It is not known yet that it was ended there, by the same X.
    with pytest.raises(errors.NumberTaken):
        world.bind("second", at=ended + 30 * SECOND)
    world.schedules(at=ended + MINUTE)
    second = world.bind("second", at=ended + MINUTE)
    for minutes in range(2, 10):
        world.schedules(at=ended + minutes * MINUTE)
    assert world.has() == [second.id]


def test_an_end_that_is_gone_on_with_leaves_a_later_one_alone(world: World) -> None:
    world.bind("first", at=NOW, lifetime_ms=10 * MINUTE)
    world.platform.lost = ["before"]
    with pytest.raises(errors.Unavailable):
        world.end(at=NOW + 9 * MINUTE)
    # No schedule ran until X is free again.
    later = NOW + 24 * MINUTE
    second = world.bind("second", at=later)
    for minutes in range(6):
        world.schedules(at=later + minutes * MINUTE)
    assert world.has() == [second.id]
    assert world.here.quota_used("demo") == 1


def test_the_end_of_one_that_ran_out_leaves_the_next_one_alone(world: World) -> None:
    first = world.bind("first", at=NOW, lifetime_ms=30 * SECOND)
    second = world.bind("second", at=NOW + 31 * SECOND)
    world.service.release(world.app, first.id, now=NOW + 32 * SECOND)
    assert world.has() == [second.id]
    assert world.here.quota_used("demo") == 1
    world.schedules(at=NOW + 2 * MINUTE)
    assert world.has() == [second.id]


def test_the_end_by_a_clock_that_is_fast_reaches_the_carrier(world: World) -> None:
    world.bind("first", at=NOW, lifetime_ms=10 * MINUTE)
    world.platform.now = NOW + 8 * MINUTE
    world.service.release_transfer(world.app, X, now=NOW + 10 * MINUTE)
    assert not world.has()


def test_one_that_was_ended_while_it_was_renewed_does_not_come_back(world: World) -> None:
    world.bind("first", at=NOW)
    other = world.instance()
    world.held.before = lambda: other.shared(Api).binding_service.release_transfer(
        world.app, X, now=DUE
    )
    world.platform.now = DUE
    attend(world.gateway, "lease", now=DUE)
    assert not world.has()


def test_one_that_nobody_knows_whether_it_stands_can_be_ended(world: World) -> None:
    world.platform.lost = ["after"]
    with pytest.raises(errors.Unavailable):
        world.bind("first", at=NOW)
    world.end(at=NOW + SECOND)
    for minutes in range(1, 5):
        world.schedules(at=NOW + minutes * MINUTE)
    assert not world.has()
    assert world.here.quota_used("demo") == 0


def test_one_that_was_renewed_in_vain_is_ended_even_if_the_carrier_takes_nothing_new(
    world: World,
) -> None:
    world.bind("first", at=NOW)
    world.platform.lost = ["before"]
    world.schedules(at=DUE)
    world.platform.refuses = 1110
    with pytest.raises(errors.CarrierRefused):
        world.end(at=DUE + SECOND)
    assert not world.has()
    world.platform.refuses = None
    for minutes in range(1, 5):
        world.schedules(at=DUE + minutes * MINUTE)
    assert not world.has()
    assert world.here.quota_used("demo") == 0


LAST = NOW + DAY_MS - MINUTE
"""When a lease of a day is given up for another one, as no second is taken beside it."""


@pytest.mark.parametrize("finish", ["gone on with", "ended"])
@pytest.mark.parametrize("requests", [0, 1, 2])
@pytest.mark.parametrize("lost", ["before", "after"])
def test_wherever_the_last_moment_of_a_lease_is_cut_off_it_can_be_gone_on_with_or_ended(
    world: World, lost: str, requests: int, finish: str
) -> None:
    bound = world.bind("first", at=NOW)
    world.schedules(at=DUE)
    assert world.has() == [bound.id]
    world.platform.lost = [None] * requests + [lost]
    world.schedules(at=LAST)
    assert world.platform.lost == []
    if finish == "ended":
        world.end(at=LAST + 30 * SECOND)
        assert not world.has()
    for minutes in range(1, 6):
        world.schedules(at=LAST + minutes * MINUTE)
    assert world.has() == ([] if finish == "ended" else [bound.id])
    assert world.here.quota_used("demo") == (finish != "ended")
