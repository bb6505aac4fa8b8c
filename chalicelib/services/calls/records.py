"""The records of an app's calls, looked up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from chalicelib.core.calls.follow_up import look_at
from chalicelib.core.calls.merging import Record, record_of
from chalicelib.core.calls.missing_events import Gap, gaps_of
from chalicelib.core.calls.model import Call
from chalicelib.core.calls.search import Search
from chalicelib.core.calls.splitting import split
from chalicelib.core.errors import UnknownRecord
from chalicelib.store.calls.calls import CallStore


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, and what it lacks that should be there by now."""

    record: Record
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries, and where the next page goes on (None: there are no more)."""

    entries: Sequence[Entry]
    after: str | None


class Archive:
    """Shows apps their records. Times are epoch ms; every method may raise Unavailable."""

    def __init__(self, events: CallStore) -> None:
        self._events = events

    def find(self, search: Search, *, limit: int, now: int) -> Page:
        """At most `limit` records as searched for; somebody else's binding has none."""
        found = self._events.find(search, limit=limit)
        entries = [entry for call in found.calls if (entry := entry_of(call, now=now))]
        return Page(entries, found.after)

    def listed(self, app: str, *, since: int, until: int) -> list[str]:
        """The keys under which calls are stored that began from `since` until before `until`, as
        far as the index knows, each once, the earliest first."""
        # The latest first: what comes to be known later makes a call only earlier, so one that
        # moves while the index is read is met again, never missed.
        met = dict.fromkeys(self._events.listed(Search(app, since, until)))
        return list(reversed(met))

    def entries(
        self, app: str, call_ids: Sequence[str], *, since: int, until: int, now: int
    ) -> list[Entry]:
        """The records of what is stored under these keys, in their order, that are the app's and
        began from `since` until before `until`."""
        calls = (call for call in self._events.calls(call_ids) if call.app == app)
        found = (entry_of(each, now=now) for call in calls for each in split(call))
        return [each for each in found if each and since <= each.record.started < until]

    def get(self, app: str, record_id: str, *, now: int) -> Entry:
        """One record. Raises UnknownRecord."""
        call_id, _, part = record_id.partition(".")
        call = self._events.call(call_id)
        calls = split(call) if call and call.app == app else ()
        entries = [entry_of(each, now=now) for each in calls if each.part == part]
        if not entries or entries[0] is None:
            raise UnknownRecord("no such record")
        return entries[0]


def entry_of(call: Call, *, now: int) -> Entry | None:
    """The entry of one call; None for one of which nobody understood anything."""
    record = record_of(call)
    if record is None:
        return None
    # That it was looked over already makes it no more complete.
    at = look_at(replace(call, looked=0))
    due = at is not None and at <= now
    return Entry(record, tuple(gaps_of(call)) if due else ())
