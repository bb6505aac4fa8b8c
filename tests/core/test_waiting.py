"""Who is waited for, and how long."""

import pytest

from chalicelib.services.webhooks.waiting import BusyEndpoints


class Seconds:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def test_who_is_waited_for_so_long_is_told_once(seconds: Seconds) -> None:
    waiting = BusyEndpoints(seconds)
    with waiting.on("slow"):
        seconds.now += 0.9
        with waiting.on("quick"):
            assert waiting.longer_than(1) == set()
            seconds.now += 0.1
            assert waiting.longer_than(1) == {"slow"}
            assert waiting.longer_than(1) == set()
    seconds.now += 9
    assert waiting.longer_than(1) == set()


def test_every_wait_counts_by_itself(seconds: Seconds) -> None:
    waiting = BusyEndpoints(seconds)
    with waiting.on("slow"), waiting.on("slow"), waiting.on("other"):
        seconds.now += 2
        assert waiting.longer_than(1) == {"slow", "other"}
        with waiting.on("slow"):
            seconds.now += 2
            assert waiting.longer_than(1) == {"slow"}


def test_a_wait_ends_however_it_ends(seconds: Seconds) -> None:
    waiting = BusyEndpoints(seconds)
    with pytest.raises(TimeoutError), waiting.on("slow"):
        raise TimeoutError
    seconds.now += 2
    assert waiting.longer_than(1) == set()
