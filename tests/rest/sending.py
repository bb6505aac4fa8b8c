"""Requests of the contract's operations, and what is made of their answers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from tests.rest.contract import Row, Watched, contract
from tests.rest.world import NOBODYS_NUMBER, NOW, YESTERDAY, World
from tests.stage import X1, A, Answer, Stage, refusal

E, F, G = "447700900005", "447700900006", "447700900007"
ANY = "any code, or none"
FORMATS = ("csv", "jsonl")
UNKNOWN = {
    "binding_id": "12202601151600000123456789",
    "number": f"+{NOBODYS_NUMBER}",
    "record_id": "A" * 22,
    "event_id": f"{'A' * 22}.{'A' * 22}",
    "export_id": "A" * 22,
    "call_id": "4c7e9f38-7a1d-5b6c-8e10-0b9a8f2e6d0f",
    "key_id": "key_" + "A" * 22,
}
ROWS = contract().rows


def nobody(world: World) -> Watched:
    """Without a key."""
    return world.signed("nobody", "nothing")


def ok(answer: Answer, status: int = 200) -> Any:
    assert answer.status == status, answer.text
    return answer.json if answer.text else None


def refused(answer: Answer, status: int, word: str = "", code: str | None = None) -> Any:
    assert answer.status == status, answer.text
    problem = answer.json
    assert word in problem["type"]
    assert code == ANY or problem.get("code") == code
    return problem


def pointers(answer: Answer) -> set[str]:
    return {each["pointer"] for each in refused(answer, 400, "bad-parameter")["errors"]}


def ask(world: World, row: Row) -> tuple[Watched, str, Any]:
    """Who sends it, where and what: a request that succeeds, with another body each time."""
    app = world.apps["shop" if row.path.startswith("/v1/calls") else "demo"]
    world.asked += 1
    own = OWN_BODIES.get(row.name)
    body = own(world, app) if own is not None else body_of(world, row)
    return app, path_of(row, world.ids), body


def bind_request(world: World, _: Watched) -> Any:
    """Of two people whom nothing is in the way of."""
    return {"a": world.person(), "b": world.person(), "ttl_s": 3_600}


def key_request(world: World, app: Watched) -> Any:
    """An app has only so many."""
    made = [each for each in ok(app.get("/v1/keys"))["data"] if each["name"].isdecimal()]
    for each in made[:-4]:
        ok(app.send("DELETE", f"/v1/keys/{each['id']}"), 204)
    return {"name": str(world.asked)}


def trial_request(world: World, _: Watched) -> Any:
    """There is one test event a second."""
    world.clock.advance(s=1)
    return {"kind": ("call.ended", "call.started")[world.asked % 2]}


def rotation(_: World, app: Watched) -> Any:
    """Not while there is a previous secret."""
    ok(app.send("POST", "/v1/webhook/secret/drop_previous"))


OWN_BODIES: Mapping[str, Callable[[World, Watched], Any]] = {
    "POST /v1/bindings": bind_request,
    "PATCH /v1/bindings/{binding_id}": lambda world, _: {"extend_s": world.asked},
    "POST /v1/explain": lambda *_: {"number": f"+{X1}", "from": f"+{A}"},
    "POST /v1/calls": lambda world, _: {"parties": [world.person(), world.person()]},
    "POST /v1/exports": lambda world, _: {"day": YESTERDAY, "format": FORMATS[world.asked % 2]},
    "POST /v1/keys": key_request,
    "POST /v1/webhook/test": trial_request,
    "POST /v1/webhook/secret/rotate": rotation,
    "POST /v1/events/redeliver": lambda world, _: {"since": world.asked, "until": NOW},
    "PUT /v1/webhook": lambda world, _: {"url": world.inbox.url},
}


def path_of(row: Row, ids: Mapping[str, str]) -> str:
    return row.path.format_map(ids).replace("+", "%2B")


def body_of(world: World, row: Row) -> Any:
    """The document's example."""
    described = world.seen.document["paths"][row.path][row.method.lower()]
    if "requestBody" not in described:
        return None
    (content,) = described["requestBody"]["content"].values()
    return dict(content["example"])


@contextmanager
def outage(stage: Stage) -> Iterator[None]:
    """No request to the table succeeds."""
    error = refusal("InternalServerError")

    def refuse(**_: Any) -> Any:
        return SimpleNamespace(status_code=500), error[1]

    events = stage.dynamodb.meta.events
    names = [
        f"before-call.dynamodb.{each}"
        for each in stage.dynamodb.meta.method_to_api_mapping.values()
    ]
    for name in names:
        events.register_first(name, refuse)
    try:
        yield
    finally:
        for name in names:
            events.unregister(name, refuse)


def binds(world: World, **more: Any) -> Answer:
    people = {"a": world.person(), "b": world.person(), "ttl_s": 600}
    return world.apps["demo"].send("POST", "/v1/bindings", {**people, **more})


def changes(world: World, **change: Any) -> Answer:
    path = f"/v1/bindings/{world.ids['binding_id']}"
    return world.apps["demo"].send("PATCH", path, change)


def calls(world: World, app: str = "shop", **more: Any) -> Answer:
    ask = {"parties": [world.person(), world.person()], **more}
    return world.apps[app].send("POST", "/v1/calls", ask)


def listed(app: Watched, row: Row, **members: Any) -> Answer:
    """A request for a list with these parameters."""
    if row.method == "GET":
        query = "&".join(f"{name}={each}" for name, each in members.items())
        return app.get(f"{row.path}?{query}")
    person = {"person": f"+{A}"} if row.path == "/v1/bindings/search" else {}
    return app.send("POST", row.path, {**person, **members})


KEYED = [each.name for each in ROWS if each.takes_key]
