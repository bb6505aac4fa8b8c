"""Listens to AWS clients: which requests really went out, and what each costs in capacity."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.capacity import Index, Item, Units, item_size, read_units, write

_WRITES = {"Put": "Item", "Update": "Key", "Delete": "Key", "ConditionCheck": "Key"}


@dataclass
class Call:
    """One API call, from its parameters to the raw answer; `round_trips` counts HTTP requests."""

    service: str
    operation: str
    kwargs: dict[str, Any]
    round_trips: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    units: Units = field(default_factory=Units)
    sizes: tuple[int, ...] = ()


class Meter:
    """Records the calls of the clients that it is attached to; for one thread.

    Items are fetched around each call through a client of its own, so that sizes are those that
    the engine really had before and after.
    """

    def __init__(self, probe: Any, indexes: Sequence[Index]) -> None:
        self._probe = probe
        self._indexes = indexes
        self._calls: list[Call] | None = None
        self._in_units = True
        self._before: list[Item | None] = []

    def attach(self, client: Any) -> None:
        """Starts to listen to a boto3 client."""
        events = client.meta.events
        service = client.meta.service_model.service_id.hyphenize()
        events.register(f"before-parameter-build.{service}", self._asked)
        # First, because a stand-in that answers in this process ends the chain of handlers.
        events.register_first(f"before-send.{service}", self._sent)
        events.register(f"after-call.{service}", self._answered)

    @contextmanager
    def recording(self, *, units: bool = True) -> Iterator[list[Call]]:
        """The calls that are made inside of the block, in order; without `units` items are not
        fetched, which is quicker."""
        calls = self._calls = []
        self._in_units = units
        try:
            yield calls
        finally:
            self._calls = None

    def _asked(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        if self._calls is None:
            return
        call = Call(model.service_model.service_id.hyphenize(), model.name, dict(params))
        self._calls.append(call)
        if self._in_units:
            self._before = [self._fetch(*place) for place in _written(call)]

    def _sent(self, **_: Any) -> None:
        if self._calls:
            self._calls[-1].round_trips += 1

    def _answered(self, http_response: Any, **_: Any) -> None:
        if not self._calls:
            return
        call = self._calls[-1]
        call.status = http_response.status_code
        call.headers = dict(http_response.headers.items())
        call.body = http_response.content
        if self._in_units and call.service == "dynamodb":
            call.units, call.sizes = self._measure(call)

    def _fetch(self, table: str, key: Item) -> Item | None:
        item: Item | None = self._probe.get_item(TableName=table, Key=key, ConsistentRead=True).get(
            "Item"
        )
        return item

    def _measure(self, call: Call) -> tuple[Units, tuple[int, ...]]:
        kwargs = call.kwargs
        match call.operation:
            case "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems":
                return self._measure_writes(call)
            case "GetItem":
                wanted = [(kwargs["TableName"], kwargs["Key"], kwargs.get("ConsistentRead"))]
                return self._measure_reads(wanted)
            case "BatchGetItem":
                wanted = [
                    (table, key, asked.get("ConsistentRead"))
                    for table, asked in kwargs["RequestItems"].items()
                    for key in asked["Keys"]
                ]
                return self._measure_reads(wanted)
            case "Query":
                size = sum(item_size(item) for item in self._gone_through(kwargs))
                consistent = bool(kwargs.get("ConsistentRead"))
                return Units(read=read_units(size, consistent=consistent)), (size,)
            case _:
                raise ValueError(f"no capacity rule for {call.operation}")

    def _measure_writes(self, call: Call) -> tuple[Units, tuple[int, ...]]:
        """A refused write counts in full: the item that stood there was read for the condition."""
        transactional = call.operation == "TransactWriteItems"
        total, sizes = Units(), []
        for before, place in zip(self._before, _written(call), strict=True):
            after = self._fetch(*place)
            total += write(before, after, self._indexes, transactional=transactional)
            sizes.append(max(item_size(before), item_size(after)))
        return total, tuple(sizes)

    def _measure_reads(
        self, wanted: Iterable[tuple[str, Item, bool | None]]
    ) -> tuple[Units, tuple[int, ...]]:
        total, sizes = Units(), []
        for table, key, consistent in wanted:
            size = item_size(self._fetch(table, key))
            total += Units(read=read_units(size, consistent=bool(consistent)))
            sizes.append(size)
        return total, tuple(sizes)

    def _gone_through(self, kwargs: dict[str, Any]) -> Iterator[Item]:
        """What a Query reads before its filter: that is what counts."""
        left_out = {
            "FilterExpression",
            "ProjectionExpression",
            "Select",
            "ExpressionAttributeNames",
        }
        key_only = {name: value for name, value in kwargs.items() if name not in left_out}
        used = {
            name: value
            for name, value in kwargs.get("ExpressionAttributeValues", {}).items()
            if name in kwargs["KeyConditionExpression"].replace(",", " ").replace(")", " ").split()
        }
        names = {
            name: value
            for name, value in kwargs.get("ExpressionAttributeNames", {}).items()
            if name in kwargs["KeyConditionExpression"]
        }
        key_only["ExpressionAttributeValues"] = used
        if names:
            key_only["ExpressionAttributeNames"] = names
        yield from self._probe.query(**key_only)["Items"]


def _written(call: Call) -> list[tuple[str, Item]]:
    """Table and key of every item that the call writes or checks."""
    kwargs = call.kwargs
    if call.operation == "TransactWriteItems":
        found = []
        for write_item in kwargs["TransactItems"]:
            ((kind, body),) = write_item.items()
            found.append((body["TableName"], _key(body[_WRITES[kind]])))
        return found
    if call.operation == "PutItem":
        return [(kwargs["TableName"], _key(kwargs["Item"]))]
    if call.operation in {"UpdateItem", "DeleteItem"}:
        return [(kwargs["TableName"], kwargs["Key"])]
    return []


def _key(item: Item) -> Item:
    return {name: item[name] for name in ("pk", "sk")}
