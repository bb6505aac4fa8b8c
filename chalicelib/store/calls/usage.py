"""Usage: one item for each hour of an app that was counted, or that has to be counted again."""

from collections.abc import Iterator

from chalicelib.core.calls.model import Call
from chalicelib.core.calls.usage import (
    HOUR_MS,
    KEPT_MS,
    MARGIN_MS,
    HourCount,
    Partial,
    Usage,
    changed_hours,
    may_be_counted,
)
from chalicelib.store import codec, work_index
from chalicelib.store.calls.exports import days_changed
from chalicelib.store.table import Item, Table, key, n, s, update
from chalicelib.store.work_index import WorkIndex

PAGE = 10
"""Hours that are read at a time to find the last one that was swept."""


def late_changes(before: Call, after: Call, *, now: int) -> tuple[list[Item], list[Item]]:
    """What has to be noted where what is stored under one key changes late: of each day whose next
    export is another one, and of each hour that has to be counted again. As writes, as
    `Table.transact` takes them.

    They belong into the transaction of that change, or after it and before the change is
    acknowledged: a count that was made in between would be taken for up to date."""
    app = after.app
    if app is None or not may_be_counted(after, now=now):
        # The usual case: more events make a call only earlier.
        return [], []
    hours = changed_hours(before, after, now=now)
    return days_changed(before, after, now=now), [_changed(app, hour, now=now) for hour in hours]


def _changed(app: str, hour: int, *, now: int) -> Item:
    # Not at once: the index in which the calls are looked up follows the table.
    due = work_index.entry("usage", f"{app}/{hour}", at=now + MARGIN_MS)
    changes = {"changed": n(now), "ttl": _ttl(hour)}
    return update(_key(app, hour), changes, initial=due, added={"revision": n(1)})


class UsageStore:
    """`U#<app>`/`<hour>`, the hour in epoch ms. Every method may raise Unavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._work = WorkIndex(table)

    def hours(self, app: str, *, since: int) -> Iterator[HourCount]:
        """What is stored of the hours of an app from `since` on, in order. One consistent query."""
        return self._query(app, since=since, ConsistentRead=True)

    def swept_until(self, app: str) -> int | None:
        """Up to when all hours of an app were counted; None if none was yet. One query."""
        latest = self._query(app, since=0, ScanIndexForward=False, Limit=PAGE)
        return next((each.hour + HOUR_MS for each in latest if each.swept), None)

    def due(self, *, now: int) -> Iterator[HourCount]:
        """The hours that have to be counted now. What is stored of them is not read: it is what
        `claim` returns."""
        for item in self._work.due("usage", now=now):
            yield HourCount(*_name(item))

    def claim(self, hour: HourCount, *, until: int, now: int) -> HourCount | None:
        """Takes an hour that is due: nobody else does before `until` (epoch ms). None if it is not
        due any more. One write."""
        item = self._work.claim(_key(hour.app, hour.hour), due_by=now, until=until)
        return _hour(item) if item is not None else None

    def put_off(self, hour: HourCount, *, until: int) -> None:
        """Makes an hour due at `until` (epoch ms), if it is due at all. One write."""
        due = {"due_at": n(until)}
        self._table.update_if(update(_key(hour.app, hour.hour), due, "attribute_exists(due_at)"))

    def count(self, hour: HourCount, usage: Usage, *, swept: bool) -> bool:
        """Notes the count of an hour; `swept`: all hours before it were counted. False if it
        changed since it was read. One write."""
        counted = {"counted": codec.attribute(usage), "as_of": n(hour.revision)}
        if swept:
            counted["swept"] = codec.attribute(True)
        return self._note(hour, counted, removed=("partial", *work_index.ENTRY))

    def interrupt(self, hour: HourCount, partial: Partial, *, now: int) -> None:
        """Notes how far a count has come, which the next run goes on with, unless the hour changed
        since it was read. One write."""
        due = work_index.entry("usage", f"{hour.app}/{hour.hour}", at=now)
        self._note(hour, {"partial": codec.attribute(partial)} | due)

    def _note(self, hour: HourCount, changes: Item, *, removed: tuple[str, ...] = ()) -> bool:
        same, values = "attribute_not_exists(revision)", None
        if hour.revision:
            same, values = "revision = :revision", {":revision": n(hour.revision)}
        changes["ttl"] = _ttl(hour.hour)
        write = update(_key(hour.app, hour.hour), changes, same, values, removed=removed)
        return self._table.update_if(write) is not None

    def _query(self, app: str, *, since: int, **more: object) -> Iterator[HourCount]:
        items = self._table.query(
            KeyConditionExpression="pk = :pk AND sk >= :since",
            ExpressionAttributeValues={":pk": s(f"U#{app}"), ":since": _key(app, since)["sk"]},
            **more,
        )
        return map(_hour, items)


def _key(app: str, hour: int) -> Item:
    return key(f"U#{app}", f"{hour:015d}")


def _name(item: Item) -> tuple[str, int]:
    return item["pk"]["S"].removeprefix("U#"), int(item["sk"]["S"])


def _hour(item: Item) -> HourCount:
    app, hour = _name(item)
    return codec.read(HourCount, item, app=app, hour=hour)


def _ttl(hour: int) -> Item:
    return n((hour + KEPT_MS) // 1000)
