"""One request of interline's API, sent fifty times at once, is one request: with our own numbers,
and with a carrier that is asked too."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from chalicelib.core.bindings.lease_rules import LOOK_MS
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests import interline_here, vendor_here
from tests.developers import Developer, developer
from tests.gateways import NOW, Stage, number, subscriber
from tests.races.crowd import Action, crowd

COPIES = 50
CONFLICTS = 0.15
RUNNING = 1201
X, Y = (number(i).removeprefix("86") for i in range(2))
A, B, C = (subscriber(i).removeprefix("86") for i in range(3))
NETEASE, INTERLINE = vendor_here.ACCOUNT, interline_here.ACCOUNT

Live = Callable[[], list[tuple[str, str]]]
"""(userData, X) of what the carrier has."""
Asks = Callable[[Developer, Gateway], dict[str, Any]]

ASKS: dict[str, Asks] = {
    "AXB": lambda app, gateway: app.bind(gateway, X, A, B, now=NOW, reqid="one"),
    "XA": lambda app, gateway: app.transfer(gateway, X, A, now=NOW, reqid="one"),
}


@pytest.fixture
def carriers(here: Stage) -> Iterator[dict[str, Live]]:
    """All of them, and what each has."""
    with ExitStack() as stack:
        netease = stack.enter_context(vendor_here.vendor_here([X, Y], now=NOW))
        interline = stack.enter_context(interline_here.interline_here([X, Y], now=NOW))
        vendor_here.account_at(netease.url)
        interline_here.account_at(interline.url)
        yield {NETEASE: netease.live, INTERLINE: interline.live, "switch": list}


def at_once(here: Stage, app: Developer, ask: Asks) -> list[dict[str, Any]]:
    """The replies to fifty copies."""
    actions: list[Action[dict[str, Any]]] = [lambda gateway: ask(app, gateway)] * COPIES
    with crowd(here, COPIES) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        return everybody.at_once(actions)


@pytest.mark.parametrize("what", ASKS)
@pytest.mark.parametrize("carrier", ["switch", INTERLINE])
def test_all_get_the_first_answer(
    here: Stage, carriers: dict[str, Live], carrier: str, what: str
) -> None:
    app = developer("demo", [X, Y], carrier=carrier)
    first, *others = at_once(here, app, ASKS[what])
    assert first["error"] == 0
    assert others == [first] * (COPIES - 1)
    assert here.live("demo", now=NOW) == here.quota_used("demo") == 1
    assert carriers[carrier]() == ([(first["subid"], X)] if carrier == INTERLINE else [])
    here.instance().shared(schedules.lease_jobs).run(
        "pending", now=NOW + LOOK_MS, time_left=lambda: True
    )
    assert len(carriers[carrier]()) == (carrier == INTERLINE)


def test_a_carrier_that_can_not_be_asked_twice_is_asked_once(
    here: Stage, carriers: dict[str, Live]
) -> None:
    app = developer("demo", [X, Y], carrier=NETEASE)
    replies = at_once(here, app, ASKS["AXB"])
    # Who comes while it is being asked may be told to come again.
    again = ASKS["AXB"](app, here.instance())
    assert again["error"] == 0
    assert [reply for reply in replies if reply["error"] != RUNNING and reply != again] == []
    assert again in replies
    assert carriers[NETEASE]() == [(again["subid"], X)]
    assert here.live("demo", now=NOW) == here.quota_used("demo") == 1


@pytest.mark.parametrize("carrier", ["switch", INTERLINE])
def test_one_id_with_other_parameters(here: Stage, carriers: dict[str, Live], carrier: str) -> None:
    app = developer("demo", [X, Y], carrier=carrier)
    others = [f"1001{i:07d}" for i in range(100, 100 + COPIES)]

    def asking(b: str) -> Action[dict[str, Any]]:
        return lambda gateway: app.bind(gateway, X, A, b, now=NOW, reqid="one")

    with crowd(here, COPIES) as everybody:
        replies = everybody.at_once([asking(b) for b in others])
    assert sorted(reply["error"] for reply in replies) == [0] + [1004] * (COPIES - 1)
    assert here.live("demo", now=NOW) == here.quota_used("demo") == 1
    assert len(carriers[carrier]()) == (carrier == INTERLINE)


@pytest.mark.parametrize("carrier", ["switch", INTERLINE])
def test_fifty_transfers_of_one_number(
    here: Stage, carriers: dict[str, Live], carrier: str
) -> None:
    app = developer("demo", [X, Y], carrier=carrier)

    def asking(i: int) -> Action[dict[str, Any]]:
        people = f"1001{200 + i:07d}"
        return lambda gateway: app.transfer(gateway, X, people, now=NOW, reqid=str(i))

    with crowd(here, COPIES) as everybody, here.conflicts(CONFLICTS, random.Random(1)):
        replies = everybody.at_once([asking(i) for i in range(COPIES)])
    codes = [reply["error"] for reply in replies]
    assert codes.count(0) == 1
    assert {*codes} <= {0, 1302, 1105}
    assert here.live("demo", now=NOW) == here.quota_used("demo") == 1
    assert len(carriers[carrier]()) == (carrier == INTERLINE)
