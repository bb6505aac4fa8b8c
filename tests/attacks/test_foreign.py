"""What belongs to another app answers, and does, exactly what something unknown does."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from chalicelib.core.messages import Reply
from chalicelib.wiring.gateway import Gateway
from tests.asked import ask
from tests.gateways import NOW, Backend, Stage, number, stage, subscriber

A, B = subscriber(0), subscriber(1)
OURS, THEIRS = number(0), number(1)
PAIR = {"phoneA": subscriber(2), "phoneB": subscriber(3), "expiration": 5}

CALLS: list[tuple[str, Callable[[str, str], Mapping[str, Any]]]] = [
    ("bind", lambda _, x: PAIR | {"phoneX": x}),
    ("bind", lambda _, x: {"phoneA": A, "phoneB": B, "expiration": 5, "phoneX": x}),
    ("bind", lambda _, x: {"phoneA": x, "phoneB": B, "expiration": 5, "phoneX": x}),
    ("bind", lambda _, x: PAIR | {"phoneX": x, "areaCode": 10}),
    ("unbind", lambda binding, _: {"bindId": binding}),
    ("delay", lambda binding, _: {"bindId": binding, "delta": 5}),
    ("delay", lambda binding, _: {"bindId": binding, "delta": 525_600}),
    ("query", lambda binding, _: {"opType": 1, "bindId": binding}),
    ("query", lambda _, x: {"opType": 0, "phoneX": x}),
    ("query", lambda binding, x: {"opType": 0, "phoneX": x, "bindId": binding}),
]


def _unknown_like(binding: str) -> str:
    """An id of the same shape that was never given out."""
    return binding[:-1] + str((int(binding[-1]) + 1) % 10)


def _send(
    app: Backend, gateway: Gateway, operation: str, parameters: Mapping[str, Any], **more: Any
) -> Reply:
    request = app.request(parameters, now=NOW, **more)
    return ask(gateway, f"/smallphone/axb/{operation}", request, NOW)


@pytest.fixture(scope="module")
def ours(engine: str | None) -> Iterator[Stage]:
    """One stage for all cases; each has apps and numbers of its own."""
    with stage(engine) as own:
        yield own


@pytest.mark.parametrize("state", ["live", "released", "expired"])
@pytest.mark.parametrize("identity", [{}, {"request_id": "same"}], ids=["", "RequestId"])
@pytest.mark.parametrize(("operation", "parameters"), CALLS)
def test_a_foreign_thing_is_an_unknown_one(
    ours: Stage,
    operation: str,
    parameters: Callable[[str, str], Mapping[str, Any]],
    identity: dict[str, str],
    state: str,
) -> None:
    case = len(ours.apps)
    own_x, their_x, nobodys_x = (number(100 + 10 * case + i) for i in range(3))
    app, other = ours.app(f"demo{case}", [own_x]), ours.app(f"other{case}", [their_x])
    gateway = ours.instance()
    start = NOW - 600_000 if state == "expired" else NOW
    foreign = other.bind(gateway, A, B, now=start, minutes=10, **identity)["bindId"]
    if state == "released":
        other.call(gateway, "unbind", now=NOW, bindId=foreign)
    before = ours.items()
    theirs = _send(app, gateway, operation, parameters(foreign, their_x), **identity)
    unknown = _send(
        app, gateway, operation, parameters(_unknown_like(foreign), nobodys_x), **identity
    )
    assert (theirs.status, theirs.body, theirs.headers, theirs.facts) == (
        unknown.status,
        unknown.body,
        unknown.headers,
        unknown.facts,
    )
    assert ours.items() == before
    own = other.call(gateway, "query", now=NOW, opType=1, bindId=foreign)["bindInfos"]
    assert len(own) == (state == "live")


def test_a_number_that_changes_hands_takes_no_binding_along(here: Stage) -> None:
    """The old app's legs stay where they are; they neither route nor show for the new owner."""
    from chalicelib.core.bindings.call_routes import Owner
    from chalicelib.stage_settings import settings
    from chalicelib.store import clients
    from chalicelib.store.tenants.apps import owners_item

    app, switch = here.app("demo", [OURS]), here.switch()
    gateway = here.instance()
    app.bind(gateway, A, B, now=NOW)
    here.app("other", [THEIRS])
    moved = owners_item(OURS, (Owner("other", "switch", since=0),), gateway.encryption())
    clients.dynamodb().put_item(TableName=settings().table_name, Item=moved)
    assert switch.reached(gateway, A, OURS, now=NOW) is None
    shown = here.apps["other"].call(gateway, "query", now=NOW, opType=0, phoneX=OURS)
    assert shown["bindInfos"] == []


def test_one_apps_rate_and_quota_are_not_the_others(here: Stage) -> None:
    small = here.app("small", [OURS], quota=1, rate=2)
    other = here.app("other", [THEIRS])
    gateway = here.instance()
    codes = [small.bind(gateway, A, B, now=NOW)["code"] for _ in range(3)]
    assert codes == [200, 603, 416]
    assert other.bind(gateway, A, B, now=NOW)["code"] == 200
