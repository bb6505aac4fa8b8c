"""Calls looked for: the entries of an index in order, and the calls that they stand for."""

from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import chain

from chalicelib.core.event_ports import Found, Search
from chalicelib.core.events import Call
from chalicelib.core.values import DAY_MS
from chalicelib.store.call_items import call_id_of, call_key, day_of, read_call
from chalicelib.store.table import Item, Table, s
from chalicelib.store.vault import Vault


class CallSearch:
    """Searches of the port Events."""

    def __init__(self, table: Table, vault: Callable[[], Vault]) -> None:
        self._table = table
        self._vault = vault

    def dead(self, search: Search, *, limit: int) -> Found:
        """As Events has it."""
        entries = self._places(search, "dead", "dead_shard", search.app, "dead_at", limit=limit)
        return self._page(entries, "dead_at", limit=limit)

    def find(self, search: Search, *, limit: int) -> Found:
        """As Events has it."""
        sources = (
            self._places(search, *each, "place", limit=limit) for each in self._indexes(search)
        )
        if search.person is None:
            return self._page(chain.from_iterable(sources), "place", limit=limit)
        newest = search.newest_first
        entries = merge(*sources, key=lambda item: item["place"]["S"], reverse=newest)
        return self._page(entries, "place", limit=limit)

    def listed(self, search: Search) -> Iterator[str]:
        """As Events has it."""
        for each in self._indexes(search):
            for item in self._places(search, *each, "place", limit=None):
                yield call_id_of(item)

    def calls(self, call_ids: Sequence[str]) -> list[Call]:
        """As Events has it."""
        vault, found = self._vault(), {}
        for start in range(0, len(call_ids), 100):
            keys = [call_key(each) for each in call_ids[start : start + 100]]
            for item in self._table.get_many(keys):
                found[call_id_of(item)] = read_call(item, vault)
        return [found[each] for each in call_ids if each in found]

    def _indexes(self, search: Search) -> Iterator[tuple[str, str, str]]:
        """Where to look: index, its attribute, and the value of it."""
        if search.binding is not None:
            yield "by_binding", "binding_of", f"{search.app}#{search.binding}"
        elif search.number is not None:
            yield "by_number", "number_of", f"{search.app}#{search.number}"
        elif search.person is not None:
            for person in self._vault().person_everywhere(search.person.digits):
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

    def _page(self, entries: Iterator[Item], order: str, *, limit: int) -> Found:
        seen: dict[str, str] = {}
        for item in entries:
            if len(seen) == limit and call_id_of(item) not in seen:
                break
            seen[call_id_of(item)] = item[order]["S"]
        else:
            return Found(self.calls(list(seen)), None)
        return Found(self.calls(list(seen)), next(reversed(seen.values())))


def _days(search: Search) -> Iterator[int]:
    """A moment of each day (UTC) that is searched, in order."""
    first, last = max(0, search.since) // DAY_MS, max(0, search.until - 1) // DAY_MS
    days = range(first, last + 1)
    for day in reversed(days) if search.newest_first else days:
        yield day * DAY_MS
