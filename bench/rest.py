"""Our own API's operations over bindings."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from bench.operations import Measured, measured
from bench.world import Client, World

LISTED = 20
EMOJI = "\U0001f4de"
"""A character of four bytes, the most that UTF-8 has."""


class RestOperations:
    """Brings about and measures. Needs an app with at least ten numbers on our own switch."""

    def __init__(self, world: World, client: Client) -> None:
        self._world = world
        self._client = client
        self._people = (f"+86100{each:08d}" for each in count(80_000_001))

    def primer(self) -> Measured:
        """The first request of a process."""
        return self._measured("first request, REST", "POST", "/v1/bindings", self._new())

    def all(self) -> Iterator[Measured]:
        """Every operation of the report."""
        bound = self._measured("bind, REST", "POST", "/v1/bindings", self._new())
        yield bound
        referred = self._new() | {"reference": "order-4711"}
        yield self._measured("bind with a reference, REST", "POST", "/v1/bindings", referred)
        texts = {"reference": EMOJI * 256, "user_data": EMOJI * 1_024}
        prompts = dict.fromkeys(("a", "b", "others", "on_answer"), EMOJI * 64)
        largest = self._new() | texts | {"prompts": prompts}
        yield self._measured("bind, largest request, REST", "POST", "/v1/bindings", largest)
        path = f"/v1/bindings/{bound.answer['id']}"
        yield self._measured("get a binding, REST", "GET", path)
        for _ in range(LISTED):
            self._client.send("/v1/bindings", self._new())
        yield self._measured(f"list {LISTED} bindings, REST", "GET", "/v1/bindings", limit=LISTED)
        number = bound.answer["number"]
        yield self._measured("list by number, REST", "GET", "/v1/bindings", number=number)
        reference = referred["reference"]
        yield self._measured("list by reference, REST", "GET", "/v1/bindings", reference=reference)
        person = {"person": bound.content["a"]}
        yield self._measured("search a person, REST", "POST", "/v1/bindings/search", person)
        call = {"number": number, "from": bound.content["a"]}
        yield self._measured("explain a call, REST", "POST", "/v1/explain", call)
        yield self._measured("extend, REST", "PATCH", path, {"extend_s": 60})
        yield self._measured("change of B, REST", "PATCH", path, {"b": next(self._people)})
        earlier = call | {"at": bound.answer["created_at"]}
        yield self._measured("explain the past, REST", "POST", "/v1/explain", earlier)
        yield self._measured("release, REST", "DELETE", path)

    def _new(self) -> dict[str, Any]:
        people = {"a": next(self._people), "b": next(self._people)}
        return people | {"ttl_s": 3600, "user_data": "order 4711"}

    def _measured(
        self, name: str, method: str, path: str, content: Any = None, **query: Any
    ) -> Measured:
        sent = content if content is not None else query
        return measured(self._world, self._client, name, method, path, sent)
