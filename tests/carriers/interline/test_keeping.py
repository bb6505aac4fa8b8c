"""Leases at a platform that can neither be asked what it has nor told to keep it for longer."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.carriers.registry import carrier
from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.bindings.lease import CarrierLease, Lease, Operation
from chalicelib.core.bindings.model import Binding
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.durations import DAY_MS, MINUTE_MS, NEVER
from chalicelib.core.ports import BindingCarrier
from chalicelib.core.subscribers import Subscriber
from tests.carriers.interline.platform import Platform, serving
from tests.carriers.vendor import Told, egress
from tests.core.samples import binding

NOW = 1_768_464_000_123
HOUR_MS = 60 * MINUTE_MS
X = "8610000000001"
PAIR = binding(
    id="12202601151600000123456789",
    number=X,
    a=Subscriber("8610010000001"),
    b=Subscriber("8610010000002"),
    created=NOW,
    expires=NOW + 10 * HOUR_MS,
)
XA = replace(PAIR, b=None, expires=NEVER)
BOTH = pytest.mark.parametrize("bound", [PAIR, XA], ids=["axb", "xa"])
Make = Callable[..., Platform]


@pytest.fixture
def make() -> Iterator[Make]:
    """A platform that listens, with what a test says of it."""
    opened = []

    def made(**open_questions: Any) -> Platform:
        opened.append(serving(Platform(NOW, **open_questions)))
        return opened[-1].__enter__()

    yield made
    for each in opened:
        each.__exit__(None, None, None)


def keeper(platform: Platform, told: Told | None = None, lease_ms: int = HOUR_MS) -> BindingCarrier:
    account = CarrierAccount(
        "ours", "interline", "10000000", ("key",), (platform.url,), lease_ms, app_id="app"
    )
    made = carrier(
        account, timeout_s=2, log_call=told or Told(), egress=egress, runtime=SYSTEM
    ).bindings
    assert made
    return made


def first(lease_ms: int = HOUR_MS) -> Operation:
    """The bind."""
    return Operation("first", "bind", NOW, NOW, lease_ms, "first")


def longer(since: int, request: str = "longer") -> Operation:
    """A lease beside the first."""
    return Operation(request, "extend", since, since, HOUR_MS, request)


def bound_at(platform: Platform, bound: Binding) -> Binding:
    """The binding as it is kept."""
    kept = keeper(platform).bind(bound, first(), now=NOW)
    return replace(bound, lease=CarrierLease(kept.id, kept.until, kept.until))


def only(found: Sequence[Lease]) -> Lease:
    (kept,) = found
    return kept


@BOTH
@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_bind_without_an_answer_is_found_and_there_is_one(
    bound: Binding, lost: str, make: Make
) -> None:
    platform = make(lost=[lost])
    with pytest.raises(errors.Unavailable):
        keeper(platform).bind(bound, first(), now=NOW)
    platform.now = later = NOW + 5 * MINUTE_MS
    found = only(keeper(platform).find(bound, [first()], now=later))
    (held,) = platform.live()
    # Whenever it took effect: it is kept at least and at most for as long as it says.
    assert found.until <= held.until <= (found.at_most or 0)
    assert (found.until, found.at_most) == (NOW + HOUR_MS, later + HOUR_MS)
    assert found.id == (held.subid if bound.b else f"transfer/{X}")


@BOTH
def test_one_that_is_found_soon_has_one_end(bound: Binding, make: Make) -> None:
    platform = make(lost=["after"])
    with pytest.raises(errors.Unavailable):
        keeper(platform).bind(bound, first(), now=NOW)
    found = only(keeper(platform).find(bound, [first()], now=NOW + MINUTE_MS))
    assert found == Lease(found.id, until=NOW + HOUR_MS)


def test_what_stands_in_the_way_says_that_it_was_not_done(make: Make) -> None:
    platform = make()
    keeper(platform).bind(replace(PAIR, id="9" * 26), first(), now=NOW)
    other = replace(PAIR, b=Subscriber("8610010000003"))
    assert keeper(platform).find(other, [first()], now=NOW) == []
    assert len(platform.live()) == 1


@BOTH
@pytest.mark.parametrize("lost", ["before", "after"])
def test_nothing_of_a_bind_takes_effect_after_it_was_looked_for_and_ended(
    bound: Binding, lost: str, make: Make
) -> None:
    platform = make(lost=[lost])
    asked = first(10 * MINUTE_MS)
    with pytest.raises(errors.Unavailable):
        keeper(platform).bind(bound, asked, now=NOW)
    platform.now = NOW + 10 * MINUTE_MS - 1
    platform.lost = ["after"]
    with pytest.raises(errors.Unavailable):
        keeper(platform).find(bound, [asked], now=platform.now)
    platform.now += 1
    for kept in keeper(platform).find(bound, [asked], now=platform.now):
        keeper(platform).release(kept.id, now=platform.now)
    assert not platform.live()
    # What was under way for all that time does nothing any more.
    keeper(platform).bind(bound, asked, now=NOW)
    assert not platform.live()


def test_a_lease_that_is_known_is_not_asked_for(make: Make) -> None:
    platform = make()
    kept = bound_at(platform, PAIR)
    lease = CarrierLease("sub-1", NOW + HOUR_MS, at_most=NOW + 2 * HOUR_MS)
    asked = len(platform.calls)
    expected = Lease("sub-1", until=NOW + HOUR_MS, at_most=NOW + 2 * HOUR_MS)
    assert keeper(platform).find(replace(kept, lease=lease), [], now=NOW) == [expected]
    assert len(platform.calls) == asked


def test_a_longer_lease_stands_beside_the_old_one(make: Make) -> None:
    platform = make()
    kept = bound_at(platform, PAIR)
    platform.now = later = NOW + 45 * MINUTE_MS
    told = Told()
    renewed = keeper(platform, told).renew(kept, longer(later), until=0, last=False, now=later)
    assert renewed == Lease("sub-2", until=later + HOUR_MS)
    assert [held.subid for held in platform.live()] == ["sub-1", "sub-2"]
    assert [call.partition(" ")[0] for call in platform.calls] == ["PUT", "PUT"]
    assert "interline.rebind" not in [operation for operation, _ in told.lines]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_longer_lease_may_be_asked_for_again(lost: str, make: Make) -> None:
    platform = make()
    kept = bound_at(platform, PAIR)
    platform.now = NOW + 45 * MINUTE_MS
    asked = longer(platform.now)
    platform.lost = [lost]
    with pytest.raises(errors.Unavailable):
        keeper(platform).renew(kept, asked, until=0, last=False, now=platform.now)
    assert platform.live()
    platform.now += 3 * MINUTE_MS
    renewed = keeper(platform).renew(kept, asked, until=0, last=False, now=platform.now)
    old, held = platform.live()
    assert old.subid == "sub-1"
    assert (renewed.id, renewed.until) == (held.subid, NOW + 105 * MINUTE_MS)
    assert renewed.until <= held.until <= (renewed.at_most or 0)


@pytest.mark.parametrize("lost", ["before", "after", None])
@pytest.mark.parametrize("overlap", [True, False])
@BOTH
def test_what_was_being_renewed_is_found_and_can_be_ended(
    bound: Binding, overlap: bool, lost: str | None, make: Make
) -> None:
    platform = make(overlap=overlap)
    kept = bound_at(platform, bound)
    platform.now, platform.lost = NOW + 45 * MINUTE_MS, [lost]
    asked = longer(platform.now)
    with suppress(errors.GatewayError):
        keeper(platform).renew(kept, asked, until=0, last=False, now=platform.now)
    platform.lost = []
    noted, *more = keeper(platform).find(kept, [asked], now=platform.now)
    assert kept.lease is not None
    assert noted.id == kept.lease.id
    assert len(more) == (overlap and bound.b is not None)
    for each in (noted, *more):
        keeper(platform).release(each.id, now=platform.now)
    assert not platform.live()


@BOTH
@pytest.mark.parametrize("remembers", [True, False])
def test_where_no_second_lease_is_taken_the_first_is_left_alone_and_a_new_request_is_needed(
    bound: Binding, remembers: bool, make: Make
) -> None:
    platform = make(overlap=False, remembers=remembers)
    kept = bound_at(platform, bound)
    told = Told()
    for last, minutes in ((False, 45), (True, 59)):
        assert "interline.rebind" not in dict(told.lines)
        platform.now = NOW + minutes * MINUTE_MS
        with pytest.raises(errors.NotBeside):
            keeper(platform, told).renew(
                kept, longer(platform.now), until=0, last=last, now=platform.now
            )
        assert [held.subid for held in platform.live()] == ["sub-1"]
    assert dict(told.lines)["interline.rebind"] == {
        "account": "ours",
        "why": "no second lease beside the first",
    }
    assert X not in repr(told.lines)

    assert kept.lease is not None
    keeper(platform).release(kept.lease.id or "", now=platform.now)
    # It may remember its refusal as its answer to that request.
    asked = longer(platform.now, "another")
    renewed = keeper(platform).renew(kept, asked, until=0, last=True, now=platform.now)
    (held,) = platform.live()
    assert held.subid != "sub-1"
    assert renewed.id == (held.subid if bound.b else f"transfer/{X}")
    assert renewed.until == held.until == platform.now + HOUR_MS


def test_what_the_carrier_has_lost_is_bound_anew(make: Make) -> None:
    platform = make(overlap=False)
    kept = bound_at(platform, PAIR)
    platform.held.clear()
    platform.now = NOW + 45 * MINUTE_MS
    keeper(platform).renew(kept, longer(platform.now), until=0, last=False, now=platform.now)
    assert len(platform.live()) == 1


@BOTH
def test_what_is_gone_is_released(bound: Binding, make: Make) -> None:
    platform = make()
    carrier_id = keeper(platform).bind(bound, first(), now=NOW).id
    for _ in range(2):
        keeper(platform).release(carrier_id, now=NOW)
    assert not platform.live()


def test_a_binding_without_end_is_kept_by_leases(make: Make) -> None:
    platform = make(lost=["after"])
    ours = keeper(platform, lease_ms=DAY_MS)
    with pytest.raises(errors.Unavailable):
        ours.bind(XA, first(DAY_MS), now=NOW)
    found = only(ours.find(XA, [first(DAY_MS)], now=NOW))
    assert found == Lease(f"transfer/{X}", until=NOW + DAY_MS)
    (held,) = platform.live()
    assert held.parameters["ttl"] == "86400"
