"""The rate limiter: one second deep, exact, and by app."""

from dataclasses import replace

import pytest

from chalicelib.core.errors import RateExceeded
from chalicelib.services.rate_limit import RateLimiter
from tests.core.samples import app_with

TEN = replace(app_with({}), rate=10)


def granted(limiter: RateLimiter, *, now: int, tries: int, app: object = TEN) -> int:
    done = 0
    for _ in range(tries):
        try:
            limiter.take(app, now=now)  # type: ignore[arg-type]
        except RateExceeded:
            continue
        done += 1
    return done


def test_a_burst_of_one_second_and_not_one_more() -> None:
    assert granted(RateLimiter(), now=1000, tries=50) == 10


@pytest.mark.parametrize(("later", "more"), [(99, 0), (100, 1), (250, 2), (1000, 10), (9000, 10)])
def test_tokens_come_back_with_time_and_never_pile_up(later: int, more: int) -> None:
    limiter = RateLimiter()
    granted(limiter, now=1000, tries=10)
    assert granted(limiter, now=1000 + later, tries=50) == more


def test_refusals_cost_nothing() -> None:
    limiter = RateLimiter()
    granted(limiter, now=1000, tries=1000)
    assert granted(limiter, now=1100, tries=5) == 1


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    limiter = RateLimiter()
    granted(limiter, now=5000, tries=10)
    assert granted(limiter, now=1000, tries=5) == 0
    assert granted(limiter, now=5100, tries=5) == 1


def test_one_apps_rate_is_not_anothers() -> None:
    limiter = RateLimiter()
    granted(limiter, now=1000, tries=10)
    assert granted(limiter, now=1000, tries=50, app=replace(TEN, name="other", rate=3)) == 3


def test_a_lowered_rate_holds_at_once() -> None:
    limiter = RateLimiter()
    limiter.take(TEN, now=1000)
    assert granted(limiter, now=2000, tries=50, app=replace(TEN, rate=2)) == 2
