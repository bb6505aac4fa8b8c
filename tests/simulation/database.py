"""DynamoDB in memory, as far as store/table.py calls it; test_database.py compares it with Amazon's
own engine."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.simulation.expressions import Item, condition, update

RESOURCES = Path(__file__).resolve().parents[2] / "infra" / "resources.json"
MOST_IN_TRANSACTION = 100

Key = tuple[str, str]


class Database:
    """One table. An item that was written is never changed, a write puts another in its place: so
    what was read once may be kept, and a copy of the table costs next to nothing.

    Not simulated: capacity, limits of size, TTL, pages. Of the index everybody reads the newest
    state, or (`stale`) the one before the last write.
    """

    def __init__(self) -> None:
        table = json.loads(RESOURCES.read_text())["Resources"]["Table"]["Properties"]
        self._indexes = {
            each["IndexName"]: _Index(each) for each in table["GlobalSecondaryIndexes"]
        }
        self._digests: dict[Key, tuple[Item, bytes]] = {}
        self.restore({})

    def restore(self, items: Mapping[Key, Item]) -> None:
        """Puts the table into a state that `items` once had."""
        self.items = dict(items)
        self._before = self.items
        self._tokens: dict[str, Any] = {}

    def digest(self) -> bytes:
        """Stands for the content; transaction tokens are not part of it, they are used once."""
        whole = hashlib.blake2b(digest_size=16)
        for key in sorted(self.items):
            item = self.items[key]
            known = self._digests.get(key)
            if known is None or known[0] is not item:
                text = repr(sorted(item.items())).encode()
                known = self._digests[key] = (item, hashlib.blake2b(text, digest_size=16).digest())
            whole.update(known[1])
        return whole.digest()

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool) -> Item:  # noqa: N803
        """As boto3's."""
        found = self.items.get(_key(Key))
        return {"Item": dict(found)} if found is not None else {}

    def batch_get_item(self, *, RequestItems: Item) -> Item:  # noqa: N803
        """As boto3's; answers everything at once."""
        answers: dict[str, list[Item]] = {}
        for table, asked in RequestItems.items():
            keys = [_key(each) for each in asked["Keys"]]
            if len({*keys}) < len(keys):
                raise error("ValidationException", "a key came twice")
            answers[table] = [dict(self.items[key]) for key in keys if key in self.items]
        return {"Responses": answers, "UnprocessedKeys": {}}

    def query(self, *, stale: bool = False, **asked: Any) -> Item:
        """As boto3's, all in one page."""
        names, values = _placeholders(asked)
        index = self._indexes[asked["IndexName"]] if "IndexName" in asked else None
        if index is not None and asked.get("ConsistentRead"):
            raise error("ValidationException", "an index has no consistent reads")
        items = self._before if stale and index is not None else self.items
        # A key condition begins with the partition: `pk = :pk AND ...`.
        partition, _, wanted = asked["KeyConditionExpression"].split(maxsplit=3)[:3]
        name, value = names.get(partition, partition), values[wanted]
        there = [item for item in items.values() if item.get(name) == value]
        matches = condition(asked["KeyConditionExpression"])
        found = [item for item in there if matches(item, names, values)]
        order = index.range if index is not None else "sk"
        if index is not None:
            found = [index.projected(item) for item in found if index.holds(item)]
        found.sort(key=lambda item: _ordered(item[order]))
        # A limit counts what was looked at, before the filter: then pages would be needed.
        if "FilterExpression" in asked:
            kept = condition(asked["FilterExpression"])
            found = [item for item in found if kept(item, names, values)]
        return {"Items": [dict(item) for item in found]}

    def put_item(self, *, TableName: str, **put: Any) -> Item:  # noqa: N803
        """As boto3's."""
        self._check(put, _key(put["Item"]))
        self._write({_key(put["Item"]): dict(put["Item"])})
        return {}

    def update_item(self, *, TableName: str, **asked: Any) -> Item:  # noqa: N803
        """As boto3's."""
        key = _key(asked["Key"])
        self._check(asked, key)
        after = self._updated(asked)
        self._write({key: after})
        return {"Attributes": dict(after)} if asked.get("ReturnValues") == "ALL_NEW" else {}

    def transact_write_items(
        self,
        *,
        TransactItems: Sequence[Item],  # noqa: N803
        ClientRequestToken: str,  # noqa: N803
    ) -> Item:
        """As boto3's. A token that was carried out is answered alike, and nothing is done again."""
        if ClientRequestToken in self._tokens:
            if self._tokens[ClientRequestToken] != TransactItems:
                raise error("IdempotentParameterMismatchException", "other content, same token")
            return {}
        writes: dict[Key, Any] = {}
        reasons: list[Item] = []
        for member in TransactItems:
            ((kind, asked),) = member.items()
            key = _key(asked["Item"] if kind == "Put" else asked["Key"])
            if key in writes:
                raise error("ValidationException", "one item can't come twice in a transaction")
            writes[key] = self.items.get(key)
            reasons.append(self._reason(asked, key))
            if kind == "Put":
                writes[key] = dict(asked["Item"])
            elif kind == "Update" and reasons[-1]["Code"] == "None":
                writes[key] = self._updated(asked)
            elif kind == "Delete":
                writes[key] = None
        if len(writes) > MOST_IN_TRANSACTION:
            raise error("ValidationException", "more than 100 items")
        if any(reason["Code"] != "None" for reason in reasons):
            raise cancelled(reasons)
        self._write(writes)
        self._tokens[ClientRequestToken] = TransactItems
        return {}

    def _write(self, writes: Mapping[Key, Item | None]) -> None:
        self._before, self.items = self.items, {**self.items}
        for key, item in writes.items():
            if item is None:
                self.items.pop(key, None)
            elif self.items.get(key) is not item:
                self.items[key] = item

    def _updated(self, asked: Item) -> Item:
        names, values = _placeholders(asked)
        before: Item = self.items.get(_key(asked["Key"])) or asked["Key"]
        return update(asked["UpdateExpression"])(before, names, values)

    def _check(self, asked: Item, key: Key) -> None:
        reason = self._reason(asked, key)
        if reason["Code"] != "None":
            seen = {"Item": reason["Item"]} if "Item" in reason else {}
            raise error("ConditionalCheckFailedException", reason["Message"], **seen)

    def _reason(self, asked: Item, key: Key) -> Item:
        """Why a write can't be done, as a transaction tells it; code None if it can."""
        there = self.items.get(key)
        if "ConditionExpression" not in asked:
            return {"Code": "None"}
        names, values = _placeholders(asked)
        if condition(asked["ConditionExpression"])(there or {}, names, values):
            return {"Code": "None"}
        failed = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
        told = asked.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
        return failed | ({"Item": dict(there)} if told and there is not None else {})


class _Index:
    """A global secondary index, as infra/resources.json describes it."""

    def __init__(self, described: Item) -> None:
        keys = {each["KeyType"]: each["AttributeName"] for each in described["KeySchema"]}
        self.hash, self.range = keys["HASH"], keys["RANGE"]
        self._shown = {"pk", "sk", *keys.values()}
        self._shown.update(described["Projection"].get("NonKeyAttributes", ()))

    def holds(self, item: Item) -> bool:
        return self.hash in item and self.range in item

    def projected(self, item: Item) -> Item:
        return {name: value for name, value in item.items() if name in self._shown}


def error(code: str, message: str, **more: Any) -> ClientError:
    """What botocore raises."""
    response: Any = {"Error": {"Code": code, "Message": message}, **more}
    return ClientError(response, "simulated")


def cancelled(reasons: Sequence[Item]) -> ClientError:
    """What botocore raises for a transaction that was not carried out."""
    return error("TransactionCanceledException", "cancelled", CancellationReasons=list(reasons))


def _key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _placeholders(asked: Item) -> tuple[Mapping[str, str], Item]:
    return asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})


def _ordered(value: Item) -> Any:
    return int(value["N"]) if "N" in value else value["S"]
