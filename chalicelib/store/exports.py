"""Exports: one item for each, which says how far it is."""

from chalicelib.core.exporting import KEPT_MS, Export
from chalicelib.store.table import Item, Table, key, n, s


class DynamoExports:
    """Fulfils the port Exports. `D#<app>`/`<id>` says how far an export is."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, export: Export, *, now: int) -> Export:
        """See the port."""
        put: Item = {
            "Item": _item(export),
            # TTL takes its time: what is over is as good as not there.
            "ConditionExpression": "attribute_not_exists(pk) OR created <= :old",
            "ExpressionAttributeValues": {":old": n(now - KEPT_MS)},
        }
        taken = self._table.put_if(put)
        return export if taken is None or taken.item is None else _export(taken.item)

    def get(self, app: str, export_id: str, *, now: int) -> Export | None:
        """See the port."""
        item = self._table.get(_key(app, export_id))
        export = _export(item) if item else None
        return export if export and export.created > now - KEPT_MS else None

    def of(self, app: str, *, now: int) -> list[Export]:
        """See the port."""
        items = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": _key(app, "")["pk"]},
            ConsistentRead=True,
        )
        exports = [each for each in map(_export, items) if each.created > now - KEPT_MS]
        return sorted(exports, key=lambda each: (-each.created, each.id))

    def note(self, export: Export) -> Export | None:
        """See the port."""
        put: Item = {
            "Item": _item(export),
            "ConditionExpression": "version = :before",
            "ExpressionAttributeValues": {":before": n(export.version - 1)},
        }
        moved = self._table.put_if(put)
        if moved is None:
            return export
        return _export(moved.item) if moved.item is not None else None


def _key(app: str, export_id: str) -> Item:
    return key(f"D#{app}", export_id)


def _item(export: Export) -> Item:
    return (
        _key(export.app, export.id)
        | {
            # Not `day`: that is a key of the calls' index.
            "begins": n(export.day),
            "format": s(export.format),
            "created": n(export.created),
            "changed": n(export.changed),
            "parts": s(" ".join(export.parts)),
            "records": n(export.records),
            "done": {"BOOL": export.done},
            "failures": n(export.failures),
            "version": n(export.version),
            "ttl": n((export.created + KEPT_MS) // 1000),
        }
        | ({"after": s(export.after)} if export.after is not None else {})
    )


def _export(item: Item) -> Export:
    return Export(
        id=item["sk"]["S"],
        app=item["pk"]["S"].removeprefix("D#"),
        day=int(item["begins"]["N"]),
        format=item["format"]["S"],
        created=int(item["created"]["N"]),
        changed=int(item["changed"]["N"]),
        parts=tuple(item["parts"]["S"].split()),
        records=int(item["records"]["N"]),
        after=item["after"]["S"] if "after" in item else None,
        done=item["done"]["BOOL"],
        failures=int(item["failures"]["N"]),
        version=int(item["version"]["N"]),
    )
