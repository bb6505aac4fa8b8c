"""One Idempotency-Key, or one reference, sent fifty times at once to our own API: one binding."""

import json
import random
from typing import Any

import pytest

from tests.gateways import NOW, Stage, number, subscriber
from tests.races.crowd import Action, crowd

COPIES = 50
CONFLICTS = 0.15
NUMBERS = [number(i) for i in range(5)]
A, B, C = (f"+{subscriber(i)}" for i in range(3))


def at_once(here: Stage, *actions: Action[tuple[int, dict[str, Any]]]) -> list[Any]:
    with crowd(here, len(actions)) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        return everybody.at_once(actions)


@pytest.mark.parametrize("more", [{}, {"reference": "order-1"}, {"number": f"+{NUMBERS[2]}"}])
def test_one_key_is_one_binding_and_fifty_equal_answers(here: Stage, more: dict[str, str]) -> None:
    app = here.app("demo", NUMBERS)
    body = {"a": A, "b": B, "ttl_s": 600, **more}
    answers = at_once(here, *[lambda g: app.send(g, "POST", "/v1/bindings", body, "k")] * COPIES)
    assert answers[0][0] == 201, answers[0]
    assert all(answer == answers[0] for answer in answers)
    assert here.live("demo", now=NOW) == here.quota_used("demo") == 1


def test_one_reference_is_one_binding_for_the_same_two(here: Stage) -> None:
    app = here.app("demo", NUMBERS)
    body = {"a": A, "b": B, "ttl_s": 600, "reference": "order-1"}
    answers = at_once(
        here,
        *[
            lambda g, i=i: app.send(g, "POST", "/v1/bindings", body, f"k{i}")  # type: ignore[misc]
            for i in range(COPIES)
        ],
    )
    assert sorted(status for status, _ in answers) == [200] * (COPIES - 1) + [201]
    assert all(members == answers[0][1] for _, members in answers)
    assert here.live("demo", now=NOW) == here.quota_used("demo") == 1


def test_one_reference_is_one_binding_among_different_people(here: Stage) -> None:
    app = here.app("demo", NUMBERS)
    people = [f"+{subscriber(10 + i)}" for i in range(COPIES)]
    answers = at_once(
        here,
        *[
            lambda g, b=b: app.send(  # type: ignore[misc]
                g, "POST", "/v1/bindings", {"a": A, "b": b, "ttl_s": 60, "reference": "r"}
            )
            for b in people
        ],
    )
    statuses = [status for status, _ in answers]
    assert statuses.count(201) == 1
    refused = [members for status, members in answers if status != 201]
    assert {members["status"] for members in refused} == {409}
    # Whoever came when all X were taken by A hears that.
    assert {members["code"] for members in refused} <= {"reference_taken"}
    assert here.live("demo", now=NOW) == here.quota_used("demo") == 1


def test_one_key_changes_once(here: Stage) -> None:
    app = here.app("demo", NUMBERS)
    _, made = app.send(here.instance(), "POST", "/v1/bindings", {"a": A, "b": B, "ttl_s": 600})
    path = f"/v1/bindings/{made['id']}"
    answers = at_once(here, *[lambda g: app.send(g, "PATCH", path, {"extend_s": 60}, "k")] * COPIES)
    assert {status for status, _ in answers} == {200}
    assert all(answer == answers[0] for answer in answers)
    _, now = app.send(here.instance(), "GET", path, None)
    assert now == answers[0][1]
    assert now["expires_at"] > made["expires_at"]


def test_a_binding_is_changed_released_and_extended_at_once(here: Stage) -> None:
    """Whatever comes first: in the end it is over, and nobody is reached over it."""
    app, switch = here.app("demo", NUMBERS), here.switch()
    _, made = app.send(here.instance(), "POST", "/v1/bindings", {"a": A, "b": B, "ttl_s": 600})
    path = f"/v1/bindings/{made['id']}"
    changes = [{"b": C}, {"b": B}, {"extend_s": 60}, {"ttl_s": 30}, {"record": True}]
    actions: list[Any] = [
        lambda g, change=change: app.send(g, "PATCH", path, change) for change in changes * 9
    ]
    actions += [lambda g: app.send(g, "DELETE", path, None)] * 5
    answers = at_once(here, *actions)
    assert {status for status, _ in answers} <= {200, 409, 503}
    assert all(status == 200 for status, _ in answers[-5:])
    assert len({json.dumps(members) for _, members in answers[-5:]}) == 1
    gateway = here.instance()
    for person in (A, B, C):
        assert switch.reached(gateway, person[1:], made["number"][1:], now=NOW) is None
    assert here.quota_used("demo") == 0
