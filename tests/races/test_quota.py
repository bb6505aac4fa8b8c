"""The quota is exact whoever races for it: binders, unbinders, delayers and two cleaners."""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chalicelib.services.bindings.clean_expired import LATER_MS
from chalicelib.store.bindings.bindings import BindingStore
from chalicelib.wiring.gateway import Gateway
from tests.gateways import MINUTE, NOW, Backend, Stage, number, subscriber
from tests.races.crowd import Crowd, crowd
from tests.sizes import seeds

THREADS = 32
CONFLICTS = 0.15
NUMBERS = [number(i) for i in range(40)]
SEEDS = seeds()


def _pair(i: int) -> tuple[str, str]:
    return subscriber(2 * i), subscriber(2 * i + 1)


def _bind(gateway: Gateway, app: Backend, i: int, now: int, minutes: int) -> dict[str, Any]:
    """Binds the i-th pair; comes again as long as it is told to."""
    while (reply := app.bind(gateway, *_pair(i), now=now, minutes=minutes))["code"] == 416:
        pass
    return reply


def _binds(
    everybody: Crowd, app: Backend, *, first: int, now: int, minutes: int = 10
) -> list[dict[str, Any]]:
    return everybody.at_once(
        [partial(_bind, app=app, i=first + i, now=now, minutes=minutes) for i in range(THREADS)]
    )


@pytest.mark.parametrize("quota", [1, 20, 230])
@pytest.mark.parametrize("seed", SEEDS)
def test_exactly_so_many_are_bound(here: Stage, quota: int, seed: int) -> None:
    """230 are spread over two counters: none of them may be left over, none handed out twice."""
    app = here.app("demo", NUMBERS, quota=quota)
    codes: Counter[int] = Counter()
    with crowd(here, THREADS) as everybody, here.conflicts(CONFLICTS, random.Random(seed)):
        for first in range(0, quota + 1, THREADS):
            replies = _binds(everybody, app, first=first, now=NOW)
            codes += Counter(reply["code"] for reply in replies)
    assert codes.keys() == {200, 601}, f"seed {seed}"
    assert codes[200] == quota, f"seed {seed}"
    assert here.live("demo", now=NOW) == here.quota_used("demo") == quota, f"seed {seed}"


@pytest.mark.parametrize("seed", SEEDS)
def test_expired_bindings_make_room_without_the_job(here: Stage, seed: int) -> None:
    app = here.app("demo", NUMBERS, quota=20)
    end = NOW + 10 * MINUTE
    with crowd(here, THREADS) as everybody, here.conflicts(CONFLICTS, random.Random(seed)):
        _binds(everybody, app, first=0, now=NOW)
        early = _binds(everybody, app, first=100, now=end - 1)
        assert {reply["code"] for reply in early} == {601}, f"seed {seed}"
        room = end + LATER_MS
        late = Counter(r["code"] for r in _binds(everybody, app, first=200, now=room))
    assert late == {200: 20, 601: 12}, f"seed {seed}"
    assert here.quota_used("demo") == here.live("demo", now=room) == 20, f"seed {seed}"


@pytest.mark.parametrize("seed", SEEDS)
def test_cleaners_unbinders_and_delayers_agree_in_the_end(here: Stage, seed: int) -> None:
    """Requests that were sent in the last millisecond race with cleaners of the next."""
    app = here.app("demo", NUMBERS, quota=250)
    rng = random.Random(seed)
    end = NOW + 10 * MINUTE

    def changing(operation: str, binding: str) -> Callable[[Gateway], int]:
        more = {"delta": 1} if operation == "delay" else {}

        def change(gateway: Gateway) -> int:
            reply = app.call(gateway, operation, now=end - 1, bindId=binding, **more)
            return int(reply["code"])

        return change

    def cleaning(gateway: Gateway) -> int:
        return gateway.cleaner.clean(now=end + LATER_MS, time_left=lambda: True)

    with crowd(here, THREADS) as everybody:
        bound = [r["bindId"] for r in _binds(everybody, app, first=0, now=NOW)]
        bound += [r["bindId"] for r in _binds(everybody, app, first=100, now=NOW)]
        with here.conflicts(CONFLICTS, rng):
            changes = [
                changing(rng.choice(["unbind", "delay"]), binding)
                for binding in rng.sample(bound, THREADS - 2)
            ]
            codes = everybody.at_once([cleaning, *changes, cleaning])[1:-1]
            assert set(codes) <= {200, 404, 416}, f"seed {seed}"
    gateway = here.instance()
    gateway.cleaner.clean(now=end + LATER_MS, time_left=lambda: True)
    assert here.quota_used("demo") == here.live("demo", now=end), f"seed {seed}"
    gateway.cleaner.clean(now=end + 5 * MINUTE + LATER_MS, time_left=lambda: True)
    for binding in bound:
        app.call(gateway, "unbind", now=end + 5 * MINUTE, bindId=binding)
    assert here.quota_used("demo") == 0, f"seed {seed}"


@pytest.mark.parametrize("operation", ["unbind", "delay"])
def test_a_request_that_a_cleaner_overtakes_counts_nothing_twice(
    here: Stage, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It read a live binding; before it writes, the next millisecond brings a cleaner."""
    app = here.app("demo", NUMBERS)
    gateway, other = here.instance(), here.instance()
    bound = app.bind(gateway, *_pair(0), now=NOW)["bindId"]
    end = NOW + 10 * MINUTE
    change = BindingStore.change
    cleaned: list[int] = []

    def overtaken(self: BindingStore, *args: Any) -> Any:
        cleaned.append(other.cleaner.clean(now=end + LATER_MS, time_left=lambda: True))
        return change(self, *args)

    monkeypatch.setattr(BindingStore, "change", overtaken)
    more = {"delta": 1} if operation == "delay" else {}
    reply = app.call(gateway, operation, now=end - 1, bindId=bound, **more)
    assert cleaned[0] == 1
    assert reply["code"] == (200 if operation == "unbind" else 404)
    monkeypatch.undo()
    assert here.quota_used("demo") == here.live("demo", now=end) == 0
    for later in (end + LATER_MS, end + LATER_MS + MINUTE):
        other.cleaner.clean(now=later, time_left=lambda: True)
        app.call(gateway, "unbind", now=later, bindId=bound)
        assert here.quota_used("demo") == 0


def test_two_cleaners_do_nothing_twice(here: Stage) -> None:
    app = here.app("demo", NUMBERS)
    with crowd(here, THREADS) as everybody:
        for first in range(0, 128, THREADS):
            _binds(everybody, app, first=first, now=NOW)
        end = NOW + 10 * MINUTE
        done = everybody.at_once(
            [lambda gateway: gateway.cleaner.clean(now=end + LATER_MS, time_left=lambda: True)] * 2
        )
    assert sum(done) == 128
    assert here.quota_used("demo") == 0
