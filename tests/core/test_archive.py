"""Records, page by page."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.core.calls.search import Found, Search
from chalicelib.services.calls.records import Archive


def test_a_page_whose_calls_are_gone_is_not_the_last_one() -> None:
    # An index lags behind: what TTL has collected is still listed for a moment.
    events: Any = SimpleNamespace(find=lambda _, **__: Found([], "place"))
    page = Archive(events).find(Search("demo", 0, 1), limit=1, now=0)
    assert (page.entries, page.after) == ([], "place")


@pytest.mark.parametrize("read", range(7))
@pytest.mark.parametrize("moving", "abcdef")
def test_a_call_that_moves_while_the_index_is_read_is_listed_once(moving: str, read: int) -> None:
    """More that is known of a call makes it begin earlier: it moves when `read` were read."""
    index = {name: 10 * place for place, name in enumerate("abcdef", 1)}

    def listed(search: Search) -> Iterator[str]:
        assert search.newest_first
        behind, met = search.until, 0
        while ahead := [(at, name) for name, at in index.items() if at < behind]:
            if met == read:
                index[moving] = 5
            behind, name = max(ahead)
            met += 1
            yield name

    events: Any = SimpleNamespace(listed=listed)
    calls = Archive(events).listed("demo", since=0, until=1_000)
    assert sorted(calls) == list("abcdef")
    assert [each for each in calls if each != moving] == sorted(set("abcdef") - {moving})
