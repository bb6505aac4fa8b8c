"""Exports: one item for each, which says how far it is, and how often a day changed."""

from chalicelib.core.calls.export_days import changed_days, date_of
from chalicelib.core.calls.exports import KEPT_MS, Export, ExportRequest
from chalicelib.core.calls.model import Call
from chalicelib.core.durations import DAY_MS
from chalicelib.store import codec
from chalicelib.store.table import Item, Table, key, n, update

CHANGED_MS = 30 * DAY_MS
"""How long it is remembered that a day changed: longer than an export of before is kept."""


def days_changed(before: Call, after: Call, *, now: int) -> list[Item]:
    """The writes, as `Table.transact` takes them, that make the next export of each day another one
    than those before, as far as what is stored under one key changed the day's records.

    They belong into the transaction of that change, or after it and before the change is
    acknowledged: an export that was made in between would be taken for up to date."""
    if after.app is None:
        return []
    ttl, once = {"ttl": n((now + CHANGED_MS) // 1000)}, {"revision": n(1)}
    days = changed_days(before, after, now=now)
    return [update(_day_key(after.app, day), ttl, added=once) for day in days]


class ExportStore:
    """`D#<app>`/`<id>` says how far an export is, `DAY#<app>`/`<date>` how often a day changed,
    `DR#<app>`/`<request>` a request. Every method may raise Unavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def revision(self, app: str, day: int) -> int:
        """How often records of the day changed after it could be exported. One consistent read."""
        item = self._table.get(_day_key(app, day))
        return int(item["revision"]["N"]) if item else 0

    def claim(self, app: str, request: str, requested: ExportRequest, *, now: int) -> ExportRequest:
        """The first request of this name (a digest) within KEPT_MS. One write."""
        put: Item = {
            "Item": key(f"DR#{app}", request)
            | codec.write(requested)
            | {"created": n(now), "ttl": n((now + KEPT_MS) // 1000)},
            **_new(now),
        }
        taken = self._table.put_if(put)
        if taken is None or taken.item is None:
            return requested
        return codec.read(ExportRequest, taken.item)

    def add(self, export: Export, *, now: int) -> Export:
        """The one that stands under this id from now on: this, or an earlier one that is
        still available. One write."""
        taken = self._table.put_if({"Item": _item(export), **_new(now)})
        return export if taken is None or taken.item is None else _export(taken.item)

    def note_queued(self, export: Export) -> None:
        """Notes that it is in the workers' queue, unless a worker has changed it. One write."""
        as_it_is = {":created": n(export.created), ":version": n(export.version)}
        queued = {"queued": codec.attribute(True)}
        self._table.update_if(update(_key(export.app, export.id), queued, _AS, as_it_is))

    def get(self, app: str, export_id: str, *, now: int) -> Export | None:
        """One consistent read."""
        item = self._table.get(_key(app, export_id))
        export = _export(item) if item else None
        return export if export and export.created > now - KEPT_MS else None

    def of(self, app: str, *, now: int) -> list[Export]:
        """All of an app, the latest first. One query."""
        items = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": _key(app, "")["pk"]},
            ConsistentRead=True,
        )
        exports = [each for each in map(_export, items) if each.created > now - KEPT_MS]
        return sorted(exports, key=lambda each: (-each.created, each.id))

    def note(self, export: Export) -> Export | None:
        """Notes the next version; what stands there then. One write."""
        put: Item = {
            "Item": _item(export),
            "ConditionExpression": _AS,
            "ExpressionAttributeValues": {
                ":created": n(export.created),
                ":version": n(export.version - 1),
            },
        }
        moved = self._table.put_if(put)
        if moved is None:
            return export
        return _export(moved.item) if moved.item is not None else None


_AS = "created = :created AND version = :version"
"""One state of one export: an id may be used again once the export under it is over."""


def _new(now: int) -> Item:
    """The condition of what is written anew: TTL takes its time, so what is over does not count."""
    return {
        "ConditionExpression": "attribute_not_exists(pk) OR created <= :old",
        "ExpressionAttributeValues": {":old": n(now - KEPT_MS)},
    }


def _day_key(app: str, day: int) -> Item:
    return key(f"DAY#{app}", date_of(day))


def _key(app: str, export_id: str) -> Item:
    return key(f"D#{app}", export_id)


def _item(export: Export) -> Item:
    ttl = {"ttl": n((export.created + KEPT_MS) // 1000)}
    return _key(export.app, export.id) | codec.write(export, without={"id", "app"}) | ttl


def _export(item: Item) -> Export:
    app = item["pk"]["S"].removeprefix("D#")
    return codec.read(Export, item, id=item["sk"]["S"], app=app)
