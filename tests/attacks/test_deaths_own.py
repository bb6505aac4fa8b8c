"""A process that dies anywhere while it carries out a request of our own API: the same request,
sent again, does what it asks once."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from admin import provision
from admin.credentials import app as app_owner
from admin.credentials import content_of, known
from chalicelib.clock import SYSTEM
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.requests import WORKED_ON_MS
from chalicelib.wiring.gateway import Gateway, build
from tests.attacks.keepers import Died
from tests.carriers.vendor import vendor
from tests.gateways import NOW, Backend, Stage, number, subscriber

A, B, C = (f"+{subscriber(i)}" for i in range(3))
SECRET = "c3dpdGNoLXNlY3JldC0yNC1ieXRlcyEh"
LATER = NOW + WORKED_ON_MS + 1
AXB = {"a": A, "b": B, "ttl_s": 3600}

Answered = tuple[int, dict[str, Any]]


@dataclass
class World:
    """One app, and what its backend has made so far."""

    here: Stage
    app: Backend
    binding: dict[str, Any] = field(default_factory=dict)

    def send(
        self, gateway: Gateway, method: str, path: str, body: Any, key: str, *, now: int = NOW
    ) -> Answered:
        """Status and members of the answer."""
        return self.app.send(gateway, method, path, body, key, now=now)

    def bind(self, **more: Any) -> None:
        status, self.binding = self.send(
            self.here.instance(), "POST", "/v1/bindings", AXB | more, "first"
        )
        assert status == 201

    def secret(self) -> dict[str, Any]:
        owner = app_owner(self.app.name)
        return content_of(owner, known(owner))


@contextmanager
def dying(at: int) -> Iterator[list[str]]:
    """The process dies at its so-many-th step, from 0; lists the steps that it took. Steps are the
    moments before and after each request to AWS."""
    steps: list[str] = []

    def step(event_name: str, **_: Any) -> None:
        steps.append(event_name)
        if len(steps) > at:
            raise Died

    services = {"dynamodb": clients.dynamodb(), "secrets-manager": clients.secretsmanager()}
    hooks = [
        (client.meta.events, f"{moment}-call.{name}")
        for name, client in services.items()
        for moment in ("before", "after")
    ]
    for events, name in hooks:
        events.register(name, step)
    try:
        with suppress(Died):
            yield steps
    finally:
        for events, name in hooks:
            events.unregister(name, step)


def _nothing(_: World) -> None:
    pass


def _bound(world: World) -> None:
    world.bind(reference="r")


def _one_binding(world: World, answer: Answered) -> None:
    assert answer[0] in (200, 201)
    bindings = [each for each in world.here.items() if each["pk"]["S"].startswith("B#")]
    assert len(bindings) == world.here.quota_used("demo") == 1


def _longer_once(world: World, answer: Answered) -> None:
    assert answer[0] == 200
    was, now = world.binding["expires_at"], answer[1]["expires_at"]
    assert (was[11:16], now[11:16]) == ("18:46", "18:56")


def _another_b(world: World, answer: Answered) -> None:
    assert (answer[0], answer[1]["b"]) == (200, C)
    _one_binding(world, answer)


def _one_key(world: World, answer: Answered) -> None:
    assert answer[0] == 201
    assert answer[1]["secret"]
    status, listed = world.send(world.here.instance(), "GET", "/v1/keys", None, "", now=LATER)
    assert (status, [each["id"] for each in listed["data"]]) == (200, [answer[1]["id"]])


def _one_secret(world: World, answer: Answered) -> None:
    assert answer == (200, {"secret": world.secret()["callback_secret"], "previous_valid": False})


REQUESTS: dict[
    str,
    tuple[Callable[[World], None], str, str, Any, Callable[[World, Answered], None]],
] = {
    "bind": (_nothing, "POST", "/v1/bindings", AXB, _one_binding),
    "bind with a reference": (
        _nothing,
        "POST",
        "/v1/bindings",
        AXB | {"reference": "r"},
        _one_binding,
    ),
    "bind by another's reference": (
        _bound,
        "POST",
        "/v1/bindings",
        AXB | {"reference": "r"},
        _one_binding,
    ),
    "extend": (_bound, "PATCH", "/v1/bindings/{id}", {"extend_s": 600}, _longer_once),
    "change of B": (_bound, "PATCH", "/v1/bindings/{id}", {"b": C}, _another_b),
    "key": (_nothing, "POST", "/v1/keys", {"name": "ci"}, _one_key),
    "rotation": (_nothing, "POST", "/v1/webhook/secret/rotate", None, _one_secret),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_whose_process_died_is_repeated(here: Stage, what: str) -> None:
    start, method, path, body, check = REQUESTS[what]
    at, done = 0, False
    while not done:
        world = World(here, here.app("demo", [number(0), number(1)]))
        start(world)
        target = path.replace("{id}", world.binding.get("id", ""))
        first = here.instance()
        with dying(at) as steps:
            world.send(first, method, target, body, "k")
            done = True
        later = build(settings(), replace(SYSTEM, now_ms=lambda: LATER))
        answer = world.send(later, method, target, body, "k", now=LATER)
        try:
            check(world, answer)
            assert world.send(later, method, target, body, "k", now=LATER) == answer
        except AssertionError as error:
            error.add_note(f"it died at step {at}: {steps}; the repeat was answered {answer}")
            raise
        _forget(here, "/app/")
        at += 1
    assert at > 2


def test_a_telephone_does_not_ring_twice(here: Stage) -> None:
    """The switch is asked for the call once at most; a repeat says how it stands."""
    answers: set[tuple[int, str | None]] = set()
    at, done = 0, False
    while not done:
        with vendor() as switch:
            switch.content = b'{"status": "inited"}'
            provision.create_carrier("own", kind="switch", secret=SECRET, urls=[switch.url])
            world = World(here, here.app("demo", [number(0)], carrier="own"))
            body = {"parties": [A, B]}
            with dying(at):
                world.send(here.instance(), "POST", "/v1/calls", body, "k")
                done = True
            later = build(settings(), replace(SYSTEM, now_ms=lambda: LATER))
            for _ in range(2):
                status, answer = world.send(later, "POST", "/v1/calls", body, "k", now=LATER)
                answers.add((status, answer.get("code")))
            placed = [each for each in switch.seen if each.method == "POST"]
            assert len(placed) <= 1, f"it died at step {at}"
            if status == 202:
                assert json.loads(placed[0].body)["call_id"] == answer["id"]
            _forget(here, "/carrier/", "/app/")
        at += 1
    assert answers == {(202, None), (409, "outcome_unknown")}


def _forget(here: Stage, *kinds: str) -> None:
    """Nothing is in the table any more, nor in Secrets Manager of these kinds."""
    for item in here.items():
        clients.dynamodb().delete_item(
            TableName=settings().table_name, Key={"pk": item["pk"], "sk": item["sk"]}
        )
    manager = clients.secretsmanager()
    for secret in manager.list_secrets()["SecretList"]:
        if any(kind in secret["Name"] for kind in kinds):
            manager.delete_secret(SecretId=secret["Name"], ForceDeleteWithoutRecovery=True)
