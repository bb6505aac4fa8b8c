"""DynamoDB in this process, behind boto3's client: for tests where nobody races anybody.

The engine is the simulation's, which is held to Amazon's own (tests/simulation/test_database.py),
with the calls, pages and refusals that the simulation does not need. SIZE=large and every race have
DynamoDB Local instead (tests/gateways.py).
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from threading import RLock
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from tests.simulation.database import Database, Key, error
from tests.simulation.expressions import Item, condition

MOST_BYTES = 400 * 1024
"""An item's size, by the developer guide (Constraints)."""
PAGE_BYTES = 1024 * 1024
_EXPRESSIONS = (
    "ConditionExpression",
    "UpdateExpression",
    "KeyConditionExpression",
    "FilterExpression",
    "ProjectionExpression",
)
_WORD = re.compile(r"[#:]?\w+")
_LANGUAGE = {
    *("AND", "OR", "NOT", "IN", "BETWEEN", "SET", "REMOVE", "ADD", "DELETE"),
    *("attribute_exists", "attribute_not_exists", "begins_with", "if_not_exists"),
}
_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("S", "N"), str),
    **dict.fromkeys(("BOOL", "NULL"), bool),
    **dict.fromkeys(("SS", "NS", "BS", "L"), list),
    "B": bytes,
    "M": dict,
}
_current: list["Engine"] = []


class Engine(Database):
    """One table under its name, for any number of threads."""

    def __init__(self, table_name: str) -> None:
        super().__init__()
        self.name = table_name
        self._lock = RLock()
        self._sizes: dict[Key, tuple[Item, int]] = {}

    def call(self, operation: str, asked: Mapping[str, Any]) -> Item:
        """An operation under its name in the API."""
        method = getattr(self, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())
        with self._lock:
            self._check_names(asked)
            answer: Item = method(**asked)
            return answer

    def create_table(self, *, TableName: str, **_: Any) -> Item:  # noqa: N803
        return {"TableDescription": {"TableName": TableName, "TableStatus": "ACTIVE"}}

    def delete_table(self, *, TableName: str) -> Item:  # noqa: N803
        self.name = ""
        return {}

    def list_tables(self, **_: Any) -> Item:
        return {"TableNames": [self.name] * bool(self.name)}

    def describe_table(self, *, TableName: str) -> Item:  # noqa: N803
        return {"Table": {"TableName": TableName, "TableStatus": "ACTIVE"}}

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool = False) -> Item:  # noqa: N803
        found = super().get_item(TableName=TableName, Key=Key, ConsistentRead=ConsistentRead)
        return {name: _copy(item) for name, item in found.items()}

    def batch_get_item(self, *, RequestItems: Item) -> Item:  # noqa: N803
        answer = super().batch_get_item(RequestItems=RequestItems)
        found = {name: [*map(_copy, items)] for name, items in answer["Responses"].items()}
        return answer | {"Responses": found}

    def put_item(self, *, TableName: str, **put: Any) -> Item:  # noqa: N803
        before = self.items.get(_key(put["Item"]))
        super().put_item(TableName=TableName, **put)
        return _told(put, before)

    def delete_item(self, *, TableName: str, **asked: Any) -> Item:  # noqa: N803
        before = self.items.get(_key(asked["Key"]))
        self._check(asked, _key(asked["Key"]))
        self._write({_key(asked["Key"]): None})
        return _told(asked, before)

    def update_item(self, *, TableName: str, **asked: Any) -> Item:  # noqa: N803
        before = self.items.get(_key(asked["Key"]))
        if "UpdateExpression" not in asked:
            # The older way to say it, which tests know.
            changes = asked.get("AttributeUpdates", {})
            after = {**(before or asked["Key"])}
            for name, change in changes.items():
                after.pop(name, None)
                if change.get("Action", "PUT") == "PUT":
                    after[name] = change["Value"]
            return self.put_item(TableName=TableName, Item=after)
        answer = super().update_item(TableName=TableName, **asked)
        return {name: _copy(item) for name, item in answer.items()} or _told(asked, before)

    def batch_write_item(self, *, RequestItems: Item) -> Item:  # noqa: N803
        writes: dict[Key, Item | None] = {}
        for request in next(iter(RequestItems.values())):
            ((kind, asked),) = request.items()
            put: bool = kind == "PutRequest"
            key = _key(asked["Item"] if put else asked["Key"])
            if key in writes:
                raise error("ValidationException", "Provided list of item keys contains duplicates")
            writes[key] = asked["Item"] if put else None
        if not 0 < len(writes) <= 25:
            raise error("ValidationException", "1 to 25 items")
        self._write(writes)
        return {"UnprocessedItems": {}}

    def transact_write_items(
        self,
        *,
        TransactItems: Sequence[Item],  # noqa: N803
        ClientRequestToken: str = "",  # noqa: N803
    ) -> Item:
        try:
            answer = super().transact_write_items(
                TransactItems=TransactItems, ClientRequestToken=ClientRequestToken
            )
        except _TooLarge as found:
            reasons: list[Item] = [{"Code": "None"} for _ in TransactItems]
            for reason, member in zip(reasons, TransactItems, strict=True):
                ((kind, asked),) = member.items()
                if _key(asked.get("Item") or asked["Key"]) == found.key:
                    if kind == "Put":
                        # What is too large as it comes is no matter of the table's content.
                        raise
                    reason |= {"Code": "ValidationError", "Message": str(found)}
            told = {"CancellationReasons": reasons}
            raise error("TransactionCanceledException", "cancelled", **told) from None
        if not ClientRequestToken:
            self._tokens.pop("", None)
        return answer

    def query(self, *, stale: bool = False, **asked: Any) -> Item:
        forward = asked.get("ScanIndexForward", True)
        index = self._indexes.get(asked.get("IndexName", ""))
        order = index.range if index is not None else "sk"
        unfiltered = {name: value for name, value in asked.items() if name != "FilterExpression"}
        found = super().query(stale=stale, **unfiltered)["Items"]
        found.sort(key=lambda item: _place(item, order), reverse=not forward)
        if after := asked.get("ExclusiveStartKey"):
            place = _place(after, order)
            found = [
                item
                for item in found
                if (_place(item, order) > place if forward else _place(item, order) < place)
            ]
        keys = {"pk", "sk"} | ({index.hash, index.range} if index is not None else set())
        return self._page(found, asked, keys)

    def scan(self, *, TableName: str, **asked: Any) -> Item:  # noqa: N803
        found = [item for _, item in sorted(self.items.items())]
        if after := asked.get("ExclusiveStartKey"):
            found = [item for item in found if _key(item) > _key(after)]
        if asked.get("IndexName"):
            index = self._indexes[asked["IndexName"]]
            found = [index.projected(item) for item in found if index.holds(item)]
        return self._page(found, asked, {"pk", "sk"})

    def _page(self, found: list[Item], asked: Item, keys: set[str]) -> Item:
        """As much of it as fits; a filter is applied to what was read."""
        read, size, last = 0, 0, None
        for item in found:
            read, size = read + 1, size + self._size(item)
            if read == asked.get("Limit") or size > PAGE_BYTES:
                last = {name: item[name] for name in keys}
                break
        page = found[:read]
        if "FilterExpression" in asked:
            names = asked.get("ExpressionAttributeNames", {})
            values = asked.get("ExpressionAttributeValues", {})
            holds = condition(asked["FilterExpression"])
            page = [item for item in page if holds(item, names, values)]
        if "ProjectionExpression" in asked:
            shown = [name.strip() for name in asked["ProjectionExpression"].split(",")]
            page = [{name: item[name] for name in shown if name in item} for item in page]
        answer: Item = {"Count": len(page), "ScannedCount": read}
        answer["Items"] = [_copy(item) for item in page]
        return answer | ({"LastEvaluatedKey": last} if last is not None else {})

    def _size(self, item: Item) -> int:
        known = self._sizes.get(_key(item))
        return known[1] if known is not None and known[0] is item else _size(item)

    def _write(self, writes: Mapping[Key, Item | None]) -> None:
        copies = dict(writes)
        for key, item in writes.items():
            if item is None or self.items.get(key) is item:
                continue
            copies[key] = copy = _copy(item)
            size = _size(copy)
            if size > MOST_BYTES:
                raise _TooLarge(key)
            self._check_keys(copy)
            self._sizes[key] = copy, size
        super()._write(copies)

    def _check_keys(self, item: Item) -> None:
        for name in ("pk", "sk", *(each.hash for each in self._indexes.values())):
            if name in item and not item[name].get("S"):
                raise error("ValidationException", f"the key {name} must be a string with content")

    def _check_names(self, asked: Mapping[str, Any]) -> None:
        for each in (asked, *(next(iter(m.values())) for m in asked.get("TransactItems", ()))):
            if each.get("TableName", self.name) != self.name:
                raise error("ResourceNotFoundException", "Requested resource not found")
            texts = tuple(each[name] for name in _EXPRESSIONS if name in each)
            names = each.get("ExpressionAttributeNames", {})
            values = each.get("ExpressionAttributeValues", {})
            _copy(values)
            used = _placeholders(texts)
            if used != {*names, *values}:
                odd = used ^ {*names, *values}
                raise error("ValidationException", f"unused or not defined: {sorted(odd)}")
        for name in asked.get("RequestItems", ()):
            if name != self.name:
                raise error("ResourceNotFoundException", "Requested resource not found")


class _TooLarge(ClientError):
    """An item would be larger than DynamoDB takes."""

    def __init__(self, key: Key) -> None:
        message = "Item size to update has exceeded the maximum allowed size"
        super().__init__({"Error": {"Code": "ValidationException", "Message": message}}, "here")
        self.key = key


@cache
def _placeholders(texts: tuple[str, ...]) -> frozenset[str]:
    """Those of an item's expressions. No attribute may be called by a reserved word."""
    words = [word for text in texts for word in _WORD.findall(text)]
    reserved = {*ReservedKeywords.get_reserved_keywords()}
    for word in words:
        if word not in _LANGUAGE and word.upper() in reserved:
            raise error("ValidationException", f"Attribute name is a reserved keyword: {word}")
    return frozenset(word for word in words if word[0] in "#:")


def _told(asked: Item, before: Item | None) -> Item:
    wanted = asked.get("ReturnValues") == "ALL_OLD" and before is not None
    return {"Attributes": _copy(before)} if wanted and before is not None else {}


def _place(item: Item, order: str) -> tuple[Any, Key]:
    value = item[order]
    return int(value["N"]) if "N" in value else value["S"], _key(item)


def _key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]


def _copy(item: Item) -> Item:
    return {name: _copied(value) for name, value in item.items()}


def _copied(value: Item) -> Item:
    """A typed value, of a type that DynamoDB's wire knows."""
    ((kind, content),) = value.items()
    known = _TYPES.get(kind)
    if known is None or not isinstance(content, known):
        raise error("SerializationException", f"{kind} can't be {type(content).__name__}")
    if kind == "M":
        return {kind: _copy(content)}
    if kind == "L":
        return {kind: [*map(_copied, content)]}
    return {kind: list(content) if isinstance(content, list) else content}


def _size(item: Item) -> int:
    return sum(len(name.encode()) + _size_of(value) for name, value in item.items())


def _size_of(value: Item) -> int:
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + sum(1 + len(name) + _size_of(each) for name, each in content.items())
    if kind == "L":
        return 3 + sum(1 + _size_of(each) for each in content)
    if kind in ("SS", "NS", "BS"):
        return sum(map(len, content))
    if kind == "S":
        return len(content.encode())
    return len(content) if kind in ("B", "N") else 1


class _Request(dict[str, Any]):
    """What a listener to botocore's events gets; the body is made for who wants it."""

    def __init__(self, asked: Item) -> None:
        self._asked = asked

    def __missing__(self, name: str) -> Any:
        if name != "body":
            raise KeyError(name)
        return json.dumps(self._asked, default=lambda value: b64encode(value).decode()).encode()


def attach(client: Any) -> Any:
    """Lets a client of DynamoDB ask the engine that is in use, if one is; the client. Of what
    botocore does for a call only the events before and after it are left: the rest costs ten times
    what the engine does."""
    through, events = client._make_api_call, client.meta.events

    def call(operation: str, asked: Item) -> Any:
        if not _current:
            return through(operation, asked)
        model, context = client.meta.service_model.operation_model(operation), {}
        events.emit(
            f"before-parameter-build.dynamodb.{operation}",
            params=asked,
            model=model,
            context=context,
        )
        _, given = events.emit_until_response(
            f"before-call.dynamodb.{operation}",
            model=model,
            params=_Request(asked),
            request_signer=None,
            context=context,
        )
        status, parsed = given or _answer(operation, asked)
        events.emit(
            f"after-call.dynamodb.{operation}",
            http_response=status,
            parsed=parsed,
            model=model,
            context=context,
        )
        if status.status_code >= 300:
            error_class = client.exceptions.from_code(parsed["Error"]["Code"])
            raise error_class(parsed, operation)
        return parsed

    client._make_api_call = call
    return client


def _answer(operation: str, asked: Item) -> tuple[SimpleNamespace, Item]:
    try:
        answer = _current[-1].call(operation, asked)
    except ClientError as refused:
        return SimpleNamespace(status_code=400), dict(refused.response)
    meta = {"ResponseMetadata": {"HTTPStatusCode": 200, "RetryAttempts": 0}}
    return SimpleNamespace(status_code=200), meta | answer


@contextmanager
def engine(table_name: str) -> Iterator[Engine]:
    """An empty table, which every attached client has as long as the block lasts."""
    _current.append(Engine(table_name))
    try:
        yield _current[-1]
    finally:
        _current.pop()
