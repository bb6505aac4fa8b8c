"""The one DynamoDB table: calls, outcomes of conditional writes, retries of conflicts."""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.clock import Runtime
from chalicelib.core.errors import Contended, ItemTooLarge, StoreUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]
"""Attribute name -> typed value, as DynamoDB's wire has it."""

CONFLICT_TRIES = 10
"""A transaction that conflicts with another is sent again after a random delay of 2 ms, doubling up
to 100 ms."""

_RUNNING = "TransactionInProgressException"
"""A transaction with the same token is being carried out: not a conflict, it may yet succeed."""
_FAILED_CONDITION = "ConditionalCheckFailed"
_PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})


def s(value: str) -> Item:
    """A string attribute."""
    return {"S": value}


def n(value: int) -> Item:
    """A number attribute."""
    return {"N": str(value)}


def key(pk: str, sk: str) -> Item:
    """A primary key."""
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def put(item: Item, condition: str, values: Item | None = None) -> Item:
    """Puts a whole item if the condition holds for the one that stands there. Like the functions
    below it makes a member of TransactItems; `#name` in a condition is the attribute of that
    name."""
    return {"Put": {"Item": item, **_if(condition, values), **_RETURN_OLD}}


def remove(item_key: Item, condition: str, values: Item) -> Item:
    """Deletes an item for which the condition holds."""
    return {"Delete": {"Key": item_key, **_if(condition, values)}}


def check(item_key: Item, condition: str, values: Item) -> Item:
    """Writes nothing; the transaction fails unless the condition holds."""
    return {"ConditionCheck": {"Key": item_key, **_if(condition, values), **_RETURN_OLD}}


def update(
    item_key: Item,
    changes: Item,
    condition: str = "",
    values: Item | None = None,
    *,
    initial: Item | None = None,
    removed: Collection[str] = (),
    added: Item | None = None,
) -> Item:
    """Sets the `changes`, sets the `initial` attributes where there are none, removes the `removed`
    ones, and adds `added` to numbers and sets, if the condition holds for the item there."""
    initial, added = initial or {}, added or {}
    token = {name: str(i) for i, name in enumerate((*changes, *initial, *removed, *added))}
    assigned = [f"#{token[name]} = :{token[name]}" for name in changes]
    assigned += [f"#{i} = if_not_exists(#{i}, :{i})" for i in map(token.__getitem__, initial)]
    sections = {
        "SET": assigned,
        "REMOVE": [f"#{token[name]}" for name in removed],
        "ADD": [f"#{token[name]} :{token[name]}" for name in added],
    }
    expression = " ".join(f"{name} {', '.join(parts)}" for name, parts in sections.items() if parts)
    names = {f"#{i}": name for name, i in token.items()}
    set_to = {f":{token[name]}": value for name, value in (changes | initial | added).items()}
    body = _if(condition, (values or {}) | set_to, names)
    return {"Update": {"Key": item_key, "UpdateExpression": expression, **body}}


_RETURN_OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
_NAME = re.compile(r"#(\w+)")


def _if(condition: str, values: Item | None, names: Item | None = None) -> Item:
    parts = {
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {f"#{name}": name for name in _NAME.findall(condition)}
        | (names or {}),
        "ExpressionAttributeValues": values,
    }
    return {name: part for name, part in parts.items() if part}


class Failed:
    """A condition that did not hold, with the item that stands there (None: not returned)."""

    __slots__ = ("item",)

    def __init__(self, item: Item | None) -> None:
        self.item = item


class Seen:
    """An item as it stands (None: not returned); `done` if the update was carried out."""

    __slots__ = ("done", "item")

    def __init__(self, item: Item | None, *, done: bool) -> None:
        self.item = item
        self.done = done


class Table:
    """Calls on the table. Every method raises Unavailable when DynamoDB does not answer. The stores
    take their `runtime` from here."""

    def __init__(self, client: "Callable[[], DynamoDBClient]", name: str, runtime: Runtime) -> None:
        self._client = client
        self._name = name
        self.runtime = runtime

    def get(self, item_key: Item) -> Item | None:
        """One item, strongly consistent."""
        found = self._call("get_item", TableName=self._name, Key=item_key, ConsistentRead=True)
        item: Item | None = found.get("Item")
        return item

    def get_many(self, keys: Sequence[Item]) -> list[Item]:
        """Up to 100 items in any order, strongly consistent; those that exist."""
        found: list[Item] = []
        pending: Any = {self._name: {"Keys": list(keys), "ConsistentRead": True}}
        for delay in self._delays():
            answer = self._call("batch_get_item", RequestItems=pending)
            found += answer.get("Responses", {}).get(self._name, [])
            pending = answer.get("UnprocessedKeys")
            if not pending:
                return found
            self.runtime.sleep(delay)
        raise StoreUnavailable("the table is overloaded")

    def query(self, **kwargs: Any) -> Iterator[Item]:
        """All items of a query, page by page as they are asked for."""
        kwargs["TableName"] = self._name
        while True:
            page = self._call("query", **kwargs)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            kwargs["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def count(self, *, most: int, most_pages: int, **kwargs: Any) -> tuple[int, bool]:
        """How many items a query has, up to `most`, and whether there may be more. At most so many
        pages of 1 MB are looked at."""
        kwargs["TableName"] = self._name
        counted, page = 0, 0
        while True:
            found = self._call("query", Select="COUNT", **kwargs)
            counted, page = counted + found["Count"], page + 1
            ended = "LastEvaluatedKey" not in found
            if ended or counted > most or page == most_pages:
                return min(counted, most), counted > most or not ended
            kwargs["ExclusiveStartKey"] = found["LastEvaluatedKey"]

    def put_new(self, item: Item) -> Failed | None:
        """Puts an item unless its key is taken; None when done."""
        return self.put_if({"Item": item, "ConditionExpression": "attribute_not_exists(pk)"})

    def put_if(self, put: Item) -> Failed | None:
        """One conditional put, as `transact` takes it; None when done."""
        try:
            self._call("put_item", TableName=self._name, **_RETURN_OLD | put)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise StoreUnavailable("put_item: conflict") from None
            response: Any = error.response
            return Failed(response.get("Item"))
        return None

    def claim(self, write: Item) -> Failed | None:
        """One conditional put, a member of TransactItems; None when done, also when it was sent a
        second time because its answer was lost."""
        mark = {"claim": {"B": self.runtime.random_bytes(8)}}
        put = write["Put"]
        taken = self.put_if(put | {"Item": put["Item"] | mark})
        met = taken.item if taken is not None else None
        return None if met is not None and met.get("claim") == mark["claim"] else taken

    def update_if(self, update: Item) -> Item | None:
        """One conditional update, as `transact` takes it; the item as it stands then, None if the
        condition did not hold. Conflicts with transactions are retried. Raises Contended."""
        seen = self._update_if(update, "NONE")
        return seen.item if seen.done else None

    def update_and_see(self, update: Item) -> tuple[Item, bool]:
        """The same; the item as it stands in either case, and whether the condition held. Raises
        ItemTooLarge."""
        seen = self._update_if(update, "ALL_OLD")
        if seen.item is None:
            raise StoreUnavailable("update_item: the item was not returned")
        return seen.item, seen.done

    def _update_if(self, update: Item, on_failure: str) -> "Seen":
        for delay in self._delays():
            try:
                updated = self._call(
                    "update_item",
                    TableName=self._name,
                    ReturnValues="ALL_NEW",
                    **update["Update"] | {"ReturnValuesOnConditionCheckFailure": on_failure},
                )
            except ClientError as error:
                response: Any = error.response
                if response["Error"]["Code"] == "ConditionalCheckFailedException":
                    return Seen(response.get("Item"), done=False)
                self.runtime.sleep(delay)
            else:
                return Seen(updated["Attributes"], done=True)
        raise Contended("many requests want the same rows")

    def transact(self, writes: Sequence[Item]) -> Sequence[Failed | None] | None:
        """All writes or none; None when done, else for each write whether its condition failed.

        `writes` are members of TransactItems without TableName. Conflicts with other transactions
        are retried; raises Contended if they don't end, ItemTooLarge.

        All tries have one ClientRequestToken, which DynamoDB carries out once: a try whose answer
        was lost or wrong is not carried out again.
        """
        items = [
            {kind: {"TableName": self._name, **body} for kind, body in write.items()}
            for write in writes
        ]
        token, running = self.runtime.new_id(), False
        for delay in self._delays():
            try:
                self._call("transact_write_items", TransactItems=items, ClientRequestToken=token)
            except ClientError as error:
                running = error.response["Error"]["Code"] == _RUNNING
                reasons: list[Any] = error.response.get("CancellationReasons", [])
                codes = {reason["Code"] for reason in reasons}
                if _FAILED_CONDITION in codes:
                    return [
                        Failed(reason.get("Item")) if reason["Code"] == _FAILED_CONDITION else None
                        for reason in reasons
                    ]
                if any(map(_too_large, reasons)):
                    raise ItemTooLarge("transact_write_items") from None
                if reasons and not codes & _PASSING:
                    raise StoreUnavailable("the table refused a transaction") from None
                self.runtime.sleep(delay)
            else:
                return None
        if running:
            raise StoreUnavailable("a transaction was still running, its outcome is not known")
        raise Contended("many requests want the same rows")

    def _delays(self) -> Iterator[float]:
        for attempt in range(CONFLICT_TRIES):
            yield self.runtime.uniform(0.5, 1) * min(0.1, 0.002 * 2**attempt)

    def _call(self, operation: str, **kwargs: Any) -> Any:
        """One call. Raises ClientError for the outcome of a condition, Unavailable for any other
        failure, without its text, which may hold values."""
        try:
            return getattr(self._client(), operation)(**kwargs)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _OUTCOMES:
                raise
            if code == "ValidationException" and "size" in error.response["Error"]["Message"]:
                raise ItemTooLarge(f"{operation}: {code}") from None
            raise StoreUnavailable(f"{operation}: {code}") from None
        except BotoCoreError as error:
            raise StoreUnavailable(f"{operation}: {type(error).__name__}") from None


_OUTCOMES = frozenset(
    {
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
        "TransactionConflictException",
        _RUNNING,
    }
)


def _too_large(reason: Item) -> bool:
    return reason["Code"] == "ValidationError" and "size" in (reason.get("Message") or "")
