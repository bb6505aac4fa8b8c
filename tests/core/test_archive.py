"""Records, page by page."""

from types import SimpleNamespace
from typing import Any

from chalicelib.core.archive import Archive
from chalicelib.core.event_ports import Found, Search


def test_a_page_whose_calls_are_gone_is_not_the_last_one() -> None:
    # An index lags behind: what TTL has collected is still listed for a moment.
    events: Any = SimpleNamespace(find=lambda _, **__: Found([], "place"))
    page = Archive(events).find(Search("demo", 0, 1), limit=1, now=0)
    assert (page.entries, page.after) == ([], "place")
