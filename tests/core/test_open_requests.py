"""Requests that wait for an endpoint, and how long."""

import pytest

from chalicelib.services.webhooks.delivery import OpenRequests


class Seconds:
    """A clock that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def test_who_is_waited_for_so_long_is_told_once(seconds: Seconds) -> None:
    open_requests = OpenRequests(seconds)
    with open_requests.to("slow"):
        seconds.now += 0.9
        with open_requests.to("quick"):
            assert open_requests.take_older_than(1) == set()
            seconds.now += 0.1
            assert open_requests.take_older_than(1) == {"slow"}
            assert open_requests.take_older_than(1) == set()
    seconds.now += 9
    assert open_requests.take_older_than(1) == set()


def test_every_wait_counts_by_itself(seconds: Seconds) -> None:
    open_requests = OpenRequests(seconds)
    with open_requests.to("slow"), open_requests.to("slow"), open_requests.to("other"):
        seconds.now += 2
        assert open_requests.take_older_than(1) == {"slow", "other"}
        with open_requests.to("slow"):
            seconds.now += 2
            assert open_requests.take_older_than(1) == {"slow"}


def test_a_wait_ends_however_it_ends(seconds: Seconds) -> None:
    open_requests = OpenRequests(seconds)
    with pytest.raises(TimeoutError), open_requests.to("slow"):
        raise TimeoutError
    seconds.now += 2
    assert open_requests.take_older_than(1) == set()
