"""The same deaths over a carrier that can only be asked for another lease: what a binding needs is
there without a gap for as long as it lasts, and nothing else is there in the end."""

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import pytest

from chalicelib.core import errors
from chalicelib.core.bindings.lease import LeaseWork
from chalicelib.core.bindings.lease_rules import LAST_MS
from chalicelib.core.durations import DAY_MS
from chalicelib.wiring.gateway import Gateway
from tests.attacks.dying import (
    ACTIONS,
    COOLING_S,
    LONG,
    RENEWAL,
    World,
    bound_for,
    dying,
    keeper,
    recover,
    unbind,
)
from tests.attacks.keepers import attend, fails
from tests.attacks.swapping import SwappingBook
from tests.gateways import MINUTE, NOW, Stage, number

LAST = NOW + DAY_MS - MINUTE
"""When a lease that nothing was to be had beside is given up for another one."""
DUTIES: tuple[LeaseWork, ...] = ("pending", "lease")
VENDORS: dict[str, Callable[[], SwappingBook]] = {
    "beside": SwappingBook,
    "alone": partial(SwappingBook, beside=False),
    "alone and stubborn": partial(SwappingBook, beside=False, stubborn=True),
}
Action = tuple[Callable[[World], None], Callable[[World, Gateway], None], int]


def attends(*, now: int) -> Callable[[World, Gateway], None]:
    """One run of each schedule that asks carriers."""

    def run(_: World, gateway: Gateway) -> None:
        for duty in DUTIES:
            attend(gateway, duty, now=now)

    return run


def unbinds(*, now: int) -> Callable[[World, Gateway], None]:
    return lambda world, gateway: (
        world.app.call(gateway, "unbind", now=now, bindId=world.bound),
        None,
    )[1]


def delays(*, now: int, minutes: int) -> Callable[[World, Gateway], None]:
    return lambda world, gateway: (
        world.app.call(gateway, "delay", now=now, bindId=world.bound, delta=minutes),
        None,
    )[1]


def until_last(world: World) -> None:
    """Bound for days; the schedule has been there once."""
    bound_for(LONG)(world)
    attend(world.instance(), "lease", now=RENEWAL)


def half_renewed(point: str) -> Callable[[World], None]:
    """The carrier did not answer when it was asked for another lease."""

    def start(world: World) -> None:
        bound_for(LONG)(world)
        gateway = world.instance()
        setattr(keeper(gateway), point, fails("bind", errors.Unavailable("silence")))
        attend(gateway, "lease", now=RENEWAL)

    return start


MORE: dict[str, Action] = {
    "last renewal": (until_last, attends(now=LAST), LAST),
    "unbind before the last renewal": (until_last, unbinds(now=LAST), LAST),
    "delay beyond the lease": (bound_for(1430), delays(now=NOW, minutes=1440), NOW),
    "renewal that may have been": (
        half_renewed("after"),
        attends(now=RENEWAL + 6 * MINUTE),
        RENEWAL + 6 * MINUTE,
    ),
    "renewal that was not": (
        half_renewed("before"),
        attends(now=RENEWAL + 6 * MINUTE),
        RENEWAL + 6 * MINUTE,
    ),
    "unbind of what may have been renewed": (
        half_renewed("after"),
        unbinds(now=RENEWAL + 1),
        RENEWAL,
    ),
    "delay of what may have been renewed": (
        half_renewed("after"),
        delays(now=RENEWAL + 1, minutes=60),
        RENEWAL,
    ),
}


def due_next(here: Stage, name: str) -> int | None:
    """When a carrier has to be asked about a binding of this app."""
    due = [
        int(item["due_at"]["N"])
        for item in here.items()
        if item["pk"]["S"].startswith("B#")
        and item["app"]["S"] == name
        and "due_shard" in item
        and not item["due_shard"]["S"].startswith("expiry")
    ]
    return min(due, default=None)


def live_on(world: World, gateway: Gateway, *, now: int, until: int) -> int:
    """The schedules, each minute in which one has something to do."""
    for _ in range(40):
        due = due_next(world.here, world.app.name)
        if due is None or due > until:
            return until
        now = max(now + MINUTE, now - (now - due) // MINUTE * MINUTE)
        for duty in DUTIES:
            attend(gateway, duty, now=now)
    raise AssertionError("the schedules find no end")


def _settled(world: World, gateway: Gateway, *, now: int) -> dict[str, Any] | None:
    """What is shown, once it is what the carrier has."""
    shown = world.shown(gateway, now=now)
    at_carrier = [entry for entry in world.book.live(now=now) if entry.id != "theirs"]
    assert [entry.ours for entry in at_carrier] == [info["bindId"] for info in shown]
    return shown[0] if shown else None


@pytest.mark.parametrize(
    ("vendor", "action"),
    [
        *((vendor, action) for vendor in ("beside", "alone") for action in (*ACTIONS, *MORE)),
        # A refusal that is remembered matters where one is asked again.
        *(("alone and stubborn", action) for action in MORE if "last renewal" in action),
    ],
)
def test_a_death_at_any_step_is_made_good(here: Stage, vendor: str, action: str) -> None:
    start, act, at = (ACTIONS | MORE)[action]
    # Whoever dies after a call might as well die before the next one.
    for step in count(step=2):
        book, name = VENDORS[vendor](), f"app{step}"
        world = World(here, here.app(name, [number(step)], cooling_s=COOLING_S), number(step), book)
        start(world)
        gateway = world.instance()
        with dying(gateway, step) as steps:
            act(world, gateway)
        told = f"{vendor}, {action}, died at {step} {steps[-1:]}"
        try:
            _made_good(world, act, now=at, again=action.endswith("at once"))
        except AssertionError as error:
            error.add_note(told)
            raise
        if len(steps) <= step:
            break
    assert step > 4


def _made_good(
    world: World, act: Callable[[World, Gateway], None], *, now: int, again: bool
) -> None:
    book, healthy = world.book, world.instance()
    assert isinstance(book, SwappingBook)
    if again:
        act(world, healthy)
    now = recover(healthy, now=now)
    info = _settled(world, healthy, now=now)
    assert world.here.quota_used(world.app.name) == (info is not None)
    # Until it ends by itself; the carrier is never without it before.
    while info is not None:
        end = info["expireTime"]
        now = live_on(world, healthy, now=now, until=end - 1)
        assert _settled(world, healthy, now=end - 1) == info
        _no_gaps(book, info["bindId"], until=end)
        now = live_on(world, healthy, now=now, until=end + 5 * MINUTE)
        info = _settled(world, healthy, now=now)
    assert due_next(world.here, world.app.name) is None
    healthy.cleaner.clean(now=now, time_left=lambda: True)
    assert world.here.quota_used(world.app.name) == 0
    assert not book.mismatches
    # Nothing stays reserved longer than it cools.
    free = world.app.bind(healthy, *("447700900801", "447700900802"), now=now)
    assert free["code"] == 200
    assert world.app.call(healthy, "unbind", now=now, bindId=free["bindId"])["code"] == 200
    unbind(world, healthy)


def _no_gaps(book: SwappingBook, ours: str, *, until: int) -> None:
    leases = [lease for lease in book.leases if lease.ours == ours]
    first = min(lease.since for lease in leases)
    for begin, end in book.gaps(ours, since=first, until=until):
        assert not book.beside, f"nothing there for {end - begin} ms"
        # Only where a lease would have ended, and until the next schedule.
        assert any(0 <= each.planned - begin <= LAST_MS for each in leases)
        assert end - begin <= 3 * MINUTE
