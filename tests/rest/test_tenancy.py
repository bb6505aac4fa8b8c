"""What belongs to another app is answered like what never was: every path, parameter and member
that names a thing, with another app's and with nobody's. A new one fails until it is sorted."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chalicelib.store.tenants.messaging_users import MessagingUserStore
from chalicelib.wiring.gateway import gateway
from tests.rest.contract import Row, Watched, contract
from tests.rest.sending import (
    KEYED,
    OWN_BODIES,
    ROWS,
    UNKNOWN,
    E,
    body_of,
    listed,
    ok,
    path_of,
)
from tests.rest.world import THEIRS, YESTERDAY, World, one_of_everything, world
from tests.stage import X1, A, Answer, C, D

NOBODYS: Mapping[str, str] = {
    **UNKNOWN,
    "binding": UNKNOWN["binding_id"],
    "reference": "nobody's reference",
    "account": "nobody",
    "cursor": "A" * 60,
    "person": "+447700909999",
    "from": "+447700909999",
}
"""Parameter or member -> a value that nobody has."""
PLAIN = {
    *("a", "b", "parties", "name", "kind", "url", "format", "events", "user_data", "prompts"),
    *("others", "on_answer", "ttl_s", "extend_s", "expires_at", "max_call_s", "record"),
    *("read_only", "country", "area", "direction", "show_caller", "limit", "state", "day"),
    *("created_since", "since", "until", "at", "by", "redirect", "expires"),
}
"""Those that name nothing of an app's: people, numbers, times, words, and the app's own texts."""
SECRETS = {"signature"}
"""Who has it may open the recording, whoever that is: tests/rest/test_plain_links.py."""


def members(row: Row) -> list[str]:
    """Everything that a request of this operation may name: parts of the path, parameters, members
    of its body and of what is in that."""
    own = contract().sent[row.sends] if isinstance(row.sends, str) else row.sends
    nested = contract().sent["Prompts"] if "prompts" in own else ()
    return [*re.findall(r"{(\w+)}", row.path), *own, *nested]


CASES = sorted(
    ((row.name, each) for row in ROWS for each in members(row) if each in NOBODYS),
    key=lambda case: case == ("POST /v1/bindings", "reference"),
)
"""That one makes a binding, which others would find."""


@pytest.fixture(scope="module")
def both() -> Iterator[World]:
    """`demo` and `shop` have what `other` and `rival` ask for."""
    with world() as made:
        theirs = dict(one_of_everything(made, "demo", X1))
        second_ones(made.apps["demo"])
        made.own = one_of_everything(made, "other", THEIRS[0][0], a=C, b=D)
        made.app("rival", numbers=(("8610000000051", "10"),), carrier="own")
        users = MessagingUserStore(gateway().table, gateway().encryption)
        users.add("bob", namespace="own/shop", app="shop")
        call = {"parties": [made.person(), made.person()], "account": "bob"}
        call_id = ok(made.apps["shop"].send("POST", "/v1/calls", call), 202)["id"]
        more = {"call_id": call_id, "account": "bob", "person": f"+{A}", "from": f"+{A}"}
        made.ids = {**theirs, "binding": theirs["binding_id"], **more}
        yield made


def second_ones(app: Watched) -> None:
    """So that each list has a page after the first one."""
    ok(app.send("POST", "/v1/bindings", {"a": E, "b": A, "ttl_s": 3_600}), 201)
    ok(app.send("POST", "/v1/exports", {"day": YESTERDAY, "format": "jsonl"}), 202)
    ok(app.send("POST", "/v1/keys", {"name": "second"}), 201)


def of_calls(row: Row) -> bool:
    return row.path.startswith("/v1/calls")


def stranger(world: World, row: Row) -> Watched:
    return world.apps["rival" if of_calls(row) else "other"]


def owner(world: World, row: Row) -> Watched:
    return world.apps["shop" if of_calls(row) else "demo"]


def owned(world: World, row: Row, name: str) -> str:
    """The owner's value."""
    if name == "cursor":
        made: str = ok(listed(owner(world, row), row, limit=1))["next_cursor"]
        assert made
        return made
    if name == "number" and of_calls(row):
        return "+8610000000031"
    return world.ids[name]


def send(world: World, row: Row, method: str, name: str, value: str) -> Answer:
    """By the stranger, with this value in its place."""
    app = stranger(world, row)
    ids = {**world.own, name: value}
    target = path_of(row, {**NOBODYS, **ids})
    if f"{{{name}}}" in row.path:
        return app.send(method, target, body(world, row, app))
    if row.has_body:
        return app.send(method, target, {**body(world, row, app), name: value})
    return app.ask(method, f"{target}?{name}={value.replace('+', '%2B')}")


def body(world: World, row: Row, app: Watched) -> Any:
    world.asked += 1
    own = OWN_BODIES.get(row.name)
    return own(world, app) if own is not None else body_of(world, row)


def shown(answer: Answer, sent: str) -> tuple[int, Any, str]:
    """All of it but what was sent, and what each thing that is made has of its own."""
    headers = {name: each for name, each in answer.headers.items() if name != "RateLimit"}
    if answer.status in (201, 202):
        return answer.status, list(answer.json), str(sorted(headers))
    return answer.status, answer.text.replace(sent, "<sent>"), str(headers)


def test_everything_that_a_request_may_name_is_sorted() -> None:
    named = {each for row in ROWS for each in members(row)}
    assert named - PLAIN - SECRETS == NOBODYS.keys(), "say whether it names something of an app's"
    assert not PLAIN & NOBODYS.keys()


@pytest.mark.parametrize(("operation", "name"), CASES)
def test_anothers_is_like_nobodys(both: World, operation: str, name: str) -> None:
    row = contract().of(operation)
    theirs = owned(both, row, name)
    for method in (row.method, *(["HEAD"] if row.method == "GET" else [])):
        nobodys = send(both, row, method, name, NOBODYS[name])
        before = both.stage.items()
        answer = send(both, row, method, name, theirs)
        assert shown(answer, theirs) == shown(nobodys, NOBODYS[name])
        assert answer.status in (200, 201, 404)
        if answer.status == 200:
            assert is_empty(both, answer)
        if answer.status != 201:
            assert both.stage.items() == before


def test_whose_they_are_finds_them(both: World) -> None:
    """Otherwise both would be unknown ones."""
    for row in ROWS:
        if row.method == "GET" and "{" in row.path:
            assert owner(both, row).get(path_of(row, both.ids)).status in (200, 302)


def is_empty(world: World, answer: Answer) -> bool:
    """Whether a success tells nothing of the owner's. A reference is whose it is sent by."""
    owns = [each for name, each in world.ids.items() if name not in ("account", "reference")]
    return not any(each in answer.text for each in owns)


@pytest.mark.parametrize("operation", KEYED)
def test_a_key_of_anothers_request_is_a_new_one(both: World, operation: str) -> None:
    """The stranger sends the Idempotency-Key that the owner sent."""
    row = contract().of(operation)
    key = f"both-{operation}".replace(" ", "-")
    first = owner(both, row).send(
        *(row.method, path_of(row, both.ids), body(both, row, owner(both, row))),
        **{"Idempotency-Key": key},
    )
    assert first.status in row.answers, first.text
    app = stranger(both, row)
    answers = []
    for each in (key, f"{key}-2"):
        if row.path.endswith("/rotate"):
            ok(app.send("POST", "/v1/webhook/secret/drop_previous"))
        ask = body(both, row, app)
        headers = {"Idempotency-Key": each}
        answers.append(app.send(row.method, path_of(row, both.own), ask, **headers))
    assert all(each.status in row.answers for each in answers), answers
    assert len({tuple(each.json) for each in answers}) == 1
    assert is_empty(both, answers[0])
    owners = json.loads(first.text)
    for name in ("id", "secret"):
        assert owners.get(name) is None or owners[name] not in answers[0].text


def test_lists_have_the_apps_own_alone(both: World) -> None:
    for row in ROWS:
        if row.method == "GET" and "limit" in row.sends:
            for name in ("other", "rival"):
                app = both.apps[name]
                for each in ok(app.get(f"{row.path}?limit=100"))["data"]:
                    assert is_empty(both, Answer(200, {}, json.dumps(each)))
