"""Leases at a platform that can neither be asked what it has nor told to keep it for longer."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.carriers.interline.client import carrier
from chalicelib.clock import SYSTEM
from chalicelib.core import errors
from chalicelib.core.credentials import CarrierAccount
from chalicelib.core.ports import Keeper
from chalicelib.core.values import DAY_MS, MINUTE_MS, NEVER, Binding, Kept, Renewal, Subscriber
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


def keeper(platform: Platform, told: Told | None = None, lease_ms: int = HOUR_MS) -> Keeper:
    account = CarrierAccount(
        "ours", "interline", "10000000", ("key",), (platform.url,), lease_ms, app_id="app"
    )
    made = carrier(account, timeout_s=2, told=told or Told(), egress=egress, runtime=SYSTEM).keeper
    assert made
    return made


def bound_at(platform: Platform, bound: Binding, *, lease_ms: int = HOUR_MS) -> Binding:
    """The binding as it is kept."""
    kept = keeper(platform).bind(bound, lease_ms=lease_ms, now=NOW)
    return replace(bound, carrier_id=kept.id, lease=kept.until)


def renewing(bound: Binding, *, began: int) -> Binding:
    return replace(bound, renewal=Renewal(began, HOUR_MS), at_most=began + 2 * HOUR_MS)


@BOTH
@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_bind_without_an_answer_is_found_and_there_is_one(
    bound: Binding, lost: str, make: Make
) -> None:
    platform = make(lost=[lost])
    with pytest.raises(errors.Unavailable):
        keeper(platform).bind(bound, lease_ms=HOUR_MS, now=NOW)
    platform.now = later = NOW + 5 * MINUTE_MS
    found = keeper(platform).find(bound, now=later)
    (held,) = platform.live()
    assert found
    # Whenever it took effect: it is kept at least and at most for as long as it says.
    assert found.until <= held.until <= (found.at_most or 0)
    assert (found.until, found.at_most) == (NOW + HOUR_MS, later + HOUR_MS)
    assert found.id == (held.subid if bound.b else f"transfer/{X}")


@BOTH
def test_one_that_is_found_soon_has_one_end(bound: Binding, make: Make) -> None:
    platform = make(lost=["after"])
    with pytest.raises(errors.Unavailable):
        keeper(platform).bind(bound, lease_ms=HOUR_MS, now=NOW)
    found = keeper(platform).find(bound, now=NOW + MINUTE_MS)
    assert found == Kept(found.id if found else "", until=NOW + HOUR_MS)


def test_what_stands_in_the_way_says_that_it_was_not_done(make: Make) -> None:
    platform = make()
    keeper(platform).bind(replace(PAIR, id="9" * 26), lease_ms=HOUR_MS, now=NOW)
    other = replace(PAIR, b=Subscriber("8610010000003"))
    assert keeper(platform).find(other, now=NOW) is None
    assert len(platform.live()) == 1


@BOTH
@pytest.mark.parametrize("lost", ["before", "after"])
def test_nothing_of_a_bind_takes_effect_after_its_end(
    bound: Binding, lost: str, make: Make
) -> None:
    bound = replace(bound, expires=NOW + 10 * MINUTE_MS)
    platform = make(lost=[lost])
    with pytest.raises(errors.Unavailable):
        keeper(platform).bind(bound, lease_ms=10 * MINUTE_MS, now=NOW)
    platform.now = bound.expires - 1
    platform.lost = ["after"]
    with pytest.raises(errors.Unavailable):
        keeper(platform).find(bound, now=platform.now)
    platform.now = bound.expires
    assert keeper(platform).find(bound, now=platform.now) is None
    assert not platform.live()
    # What was under way for all that time does nothing any more.
    keeper(platform).bind(bound, lease_ms=10 * MINUTE_MS, now=NOW)
    assert not platform.live()


def test_a_lease_that_is_known_is_not_asked_for(make: Make) -> None:
    platform = make()
    kept = replace(bound_at(platform, PAIR), at_most=NOW + 2 * HOUR_MS)
    asked = len(platform.calls)
    expected = Kept("sub-1", until=NOW + HOUR_MS, at_most=NOW + 2 * HOUR_MS)
    assert keeper(platform).find(kept, now=NOW) == expected
    assert len(platform.calls) == asked


def test_a_longer_lease_stands_before_the_old_one_goes(make: Make) -> None:
    platform = make()
    kept = bound_at(platform, PAIR)
    platform.now = later = NOW + 45 * MINUTE_MS
    told = Told()
    renewed = keeper(platform, told).renew(
        renewing(kept, began=later), until=0, last=False, now=later
    )
    assert renewed == Kept("sub-2", until=later + HOUR_MS)
    assert [held.subid for held in platform.live()] == ["sub-2"]
    assert [call.partition(" ")[0] for call in platform.calls] == ["PUT", "PUT", "DELETE"]
    assert "interline.rebind" not in [operation for operation, _ in told.lines]


LOSSES = [[lost] for lost in ("before", "after")] + [[None, lost] for lost in ("before", "after")]


@pytest.mark.parametrize("lost", LOSSES, ids=str)
def test_a_longer_lease_may_be_asked_for_again(lost: list[str | None], make: Make) -> None:
    platform = make()
    kept = renewing(bound_at(platform, PAIR), began=NOW + 45 * MINUTE_MS)
    platform.now = NOW + 45 * MINUTE_MS
    platform.lost = list(lost)
    with pytest.raises(errors.Unavailable):
        keeper(platform).renew(kept, until=0, last=False, now=platform.now)
    assert platform.live()
    platform.now += 3 * MINUTE_MS
    renewed = keeper(platform).renew(kept, until=0, last=False, now=platform.now)
    (held,) = platform.live()
    assert (renewed.id, renewed.until) == (held.subid, NOW + 105 * MINUTE_MS)
    assert renewed.until <= held.until <= (renewed.at_most or 0)


@pytest.mark.parametrize("lost", LOSSES, ids=str)
@pytest.mark.parametrize("overlap", [True, False])
@BOTH
def test_what_was_being_renewed_is_found_and_can_be_ended(
    bound: Binding, overlap: bool, lost: list[str | None], make: Make
) -> None:
    platform = make(overlap=overlap)
    kept = renewing(bound_at(platform, bound), began=NOW + 45 * MINUTE_MS)
    platform.now, platform.lost = NOW + 45 * MINUTE_MS, list(lost)
    with pytest.raises(errors.GatewayError):
        keeper(platform).renew(kept, until=0, last=False, now=platform.now)
    platform.lost = []
    found = keeper(platform).find(kept, now=platform.now)
    assert found
    for carrier_id in (found.id, kept.carrier_id or ""):
        keeper(platform).release(carrier_id, now=platform.now)
    assert not platform.live()


@BOTH
@pytest.mark.parametrize("remembers", [True, False])
def test_where_no_second_lease_is_taken_the_first_is_given_up_at_the_last_moment_only(
    bound: Binding, remembers: bool, make: Make
) -> None:
    platform = make(overlap=False, remembers=remembers)
    kept = renewing(bound_at(platform, bound), began=NOW + 45 * MINUTE_MS)
    platform.now = NOW + 45 * MINUTE_MS
    with pytest.raises(errors.NotBeside):
        keeper(platform).renew(kept, until=0, last=False, now=platform.now)
    assert [held.subid for held in platform.live()] == ["sub-1"]

    platform.now = began = NOW + 59 * MINUTE_MS
    told = Told()
    kept = renewing(kept, began=began)
    renewed = keeper(platform, told).renew(kept, until=0, last=True, now=began)
    (held,) = platform.live()
    assert held.subid != "sub-1"
    assert renewed.id == (held.subid if bound.b else f"transfer/{X}")
    assert renewed.until == held.until == began + HOUR_MS
    assert dict(told.lines)["interline.rebind"] == {
        "account": "ours",
        "why": "no second lease beside the first",
    }
    assert X not in repr(told.lines)


@BOTH
@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("lost", [0, 1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
def test_wherever_the_last_moment_is_cut_off_it_can_be_gone_on_with_or_ended(
    bound: Binding, remembers: bool, lost: int, when: str, make: Make
) -> None:
    for finish in ("renew", "end"):
        platform = make(overlap=False, remembers=remembers)
        kept = renewing(bound_at(platform, bound), began=NOW + 59 * MINUTE_MS)
        platform.now = NOW + 59 * MINUTE_MS
        platform.lost = [None] * lost + [when]
        try:
            keeper(platform).renew(kept, until=0, last=True, now=platform.now)
        except errors.Unavailable:
            platform.now += 30_000
        platform.lost = []
        if finish == "renew":
            # As the core counts it before it asks again.
            more = replace(kept, attempts=1)
            renewed = keeper(platform).renew(more, until=0, last=True, now=platform.now)
            (held,) = platform.live()
            assert renewed.id == (held.subid if bound.b else f"transfer/{X}")
            assert renewed.until <= held.until
        else:
            found = keeper(platform).find(kept, now=platform.now)
            assert found
            for carrier_id in (found.id, kept.carrier_id or ""):
                keeper(platform).release(carrier_id, now=platform.now)
            assert not platform.live()


def test_what_the_carrier_has_lost_is_bound_anew(make: Make) -> None:
    platform = make(overlap=False)
    kept = renewing(bound_at(platform, PAIR), began=NOW + 45 * MINUTE_MS)
    platform.held.clear()
    platform.now = NOW + 45 * MINUTE_MS
    keeper(platform).renew(kept, until=0, last=False, now=platform.now)
    assert len(platform.live()) == 1


@BOTH
def test_what_is_gone_is_released(bound: Binding, make: Make) -> None:
    platform = make()
    carrier_id = bound_at(platform, bound).carrier_id or ""
    for _ in range(2):
        keeper(platform).release(carrier_id, now=NOW)
    assert not platform.live()


def test_a_binding_without_end_is_kept_by_leases(make: Make) -> None:
    platform = make(lost=["after"])
    with pytest.raises(errors.Unavailable):
        keeper(platform, lease_ms=DAY_MS).bind(XA, lease_ms=DAY_MS, now=NOW)
    found = keeper(platform, lease_ms=DAY_MS).find(XA, now=NOW)
    assert found == Kept(f"transfer/{X}", until=NOW + DAY_MS)
    (held,) = platform.live()
    assert held.parameters["ttl"] == "86400"
