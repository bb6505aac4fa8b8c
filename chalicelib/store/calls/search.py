"""Calls looked for: the entries of an index in order, and the calls that they stand for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import chain

from chalicelib.core.calls.model import Call
from chalicelib.core.calls.search import Found, Search
from chalicelib.core.calls.splitting import split, started_at
from chalicelib.core.durations import DAY_MS, NEVER
from chalicelib.store.calls.index import ORPHANED, day_of, listed, number_of, place
from chalicelib.store.calls.items import call_id_of, call_key, read_call
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.table import Item, Table, s


class CallSearch:
    """Calls as an app, an operator or an export looks for them."""

    def __init__(self, table: Table, encryption: Callable[[], FieldEncryption]) -> None:
        self._table = table
        self._encryption = encryption

    def dead(self, search: Search, *, limit: int) -> Found:
        """Calls with events that were dead-lettered, what stands under one key together; `since`
        and `until` are about the time of the first of them. Of the search's others only
        `after` counts."""
        entries = self._places(search, "dead", "dead_shard", search.app, "dead_at", limit=limit)
        places, after = _page(entries, "dead_at", limit=limit)
        found = self._calls([call_id for call_id, _ in places])
        return Found([found[call_id] for call_id, _ in places if call_id in found], after)

    def orphaned(self, *, after: str | None, limit: int) -> Found:
        """Calls with events that are nobody's, the latest first."""
        return self.dead(Search(ORPHANED, 0, NEVER, after=after), limit=limit)

    def find(self, search: Search, *, limit: int) -> Found:
        """Calls as searched for, each by itself: a query for each index that may know, and
        one read."""
        sources = (
            self._places(search, *each, "place", limit=limit) for each in self._indexes(search)
        )
        entries: Iterator[Item] = chain.from_iterable(sources)
        if search.person is not None:
            newest = search.newest_first
            entries = merge(*sources, key=lambda item: item["place"]["S"], reverse=newest)
        places, after = _page(entries, "place", limit=limit)
        found = self._calls([call_id for call_id, _ in places])
        return Found(list(_one_by_one(places, found)), after)

    def listed(self, search: Search) -> Iterator[str]:
        """The ids of all calls as searched for, of an app or of a binding, an X; from the
        index alone. One that moves in it meanwhile may come twice."""
        for each in self._indexes(search):
            for item in self._places(search, *each, "place", limit=None):
                yield call_id_of(item)

    def calls(self, call_ids: Sequence[str]) -> list[Call]:
        """Those calls, in this order, without those that are not there. One consistent read
        for a hundred."""
        found = self._calls(call_ids)
        return [found[each] for each in call_ids if each in found]

    def _indexes(self, search: Search) -> Iterator[tuple[str, str, str]]:
        """Where to look: index, its attribute, and the value of it."""
        if search.binding is not None:
            yield "by_binding", "binding_of", f"{search.app}#{search.binding}"
        elif search.number is not None:
            number = number_of(search.app, search.number, self._encryption())
            yield "by_number", "number_of", number
        elif search.person is not None:
            for person in self._encryption().person_everywhere(search.person.digits):
                yield "by_caller", "caller_of", f"{search.app}#{person}"
                yield "by_callee", "callee_of", f"{search.app}#{person}"
        else:
            for day in _days(search):
                yield "by_day", "day", day_of(search.app, day)

    def _places(
        self, search: Search, index: str, name: str, value: str, order: str, *, limit: int | None
    ) -> Iterator[Item]:
        low, high = f"{max(0, search.since):015d}", f"{max(0, search.until):015d}"
        if search.after is not None and search.newest_first:
            high = min(high, search.after)
        elif search.after is not None:
            low = max(low, search.after)
        if low > high:
            return
        # The place that was seen already, the page, and one to know whether there are more.
        page = {"Limit": limit + 2} if limit is not None else {}
        for item in self._table.query(
            IndexName=index,
            KeyConditionExpression=f"#of = :of AND {order} BETWEEN :low AND :high",
            ExpressionAttributeNames={"#of": name},
            ExpressionAttributeValues={":of": s(value), ":low": s(low), ":high": s(high)},
            ScanIndexForward=not search.newest_first,
            **page,
        ):
            if item[order]["S"] not in (search.after, high):
                yield item

    def _calls(self, call_ids: Sequence[str]) -> dict[str, Call]:
        """What is stored under those keys."""
        encryption, found = self._encryption(), {}
        ids = list(dict.fromkeys(call_ids))
        for start in range(0, len(ids), 100):
            keys = [call_key(each) for each in ids[start : start + 100]]
            for item in self._table.get_many(keys):
                found[call_id_of(item)] = read_call(item, encryption)
        return found


_Place = tuple[str, str]
"""A call's digest, and its place among others."""


def _page(entries: Iterator[Item], order: str, *, limit: int) -> tuple[list[_Place], str | None]:
    """The places of a page, and the last one if there are more."""
    seen: dict[_Place, None] = {}
    for item in entries:
        found = call_id_of(item), item[order]["S"]
        if len(seen) == limit and found not in seen:
            return list(seen), next(reversed(seen))[1]
        seen[found] = None
    return list(seen), None


def _one_by_one(places: Sequence[_Place], found: Mapping[str, Call]) -> Iterator[Call]:
    """The calls at those places. One that has moved meanwhile is where it is now, if it is the only
    one of its key."""
    for call_id, at in places:
        calls = split(found[call_id]) if call_id in found else ()
        for call in calls:
            if len(calls) == 1 or place(started_at(listed(call)), call.name) == at:
                yield call


def _days(search: Search) -> Iterator[int]:
    """A moment of each day (UTC) that is searched, in order."""
    first, last = max(0, search.since) // DAY_MS, max(0, search.until - 1) // DAY_MS
    days = range(first, last + 1)
    for day in reversed(days) if search.newest_first else days:
        yield day * DAY_MS
