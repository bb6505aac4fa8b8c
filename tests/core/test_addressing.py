"""Whose an event is over an X that moved from one app to another."""

from typing import Any, cast

import pytest

from chalicelib.core.bindings.call_routes import Owner
from chalicelib.core.bindings.model import Binding, BindingFacts
from chalicelib.core.calls.events import Event, EventKind, PlacedEnd
from chalicelib.core.calls.placed_calls import CallAsk, PlacedCall
from chalicelib.core.durations import DAY_MS
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.calls.attribution import AttributedEvent, EventAttribution
from tests.core.samples import event, request

ALICE, BOB = Subscriber("8610010000001"), Subscriber("8610010000002")
X, ONLY = "8610099000001", "8610099000002"
NATIONAL = "700000000000001"
READY = {"kind": EventKind.RECORDING_READY}
LEFT, GIVEN = 1_700_001_000_000, 1_700_002_000_000
OWNERS = {
    X: (Owner("red", "switch", 0, LEFT), Owner("blue", "switch", GIVEN)),
    ONLY: (Owner("blue", "switch", 0),),
    NATIONAL: (Owner("blue", "switch", 0, number=NATIONAL),),
    f"86{NATIONAL}": (Owner("blue", "switch", 0, number=NATIONAL),),
}


class Numbers:
    """Fulfils core.addressing.Numbers."""

    def owners_of(self, number: str, *, fresh: bool = False) -> tuple[Owner, ...]:
        return OWNERS.get(number, ())


class Bindings:
    """Fulfils core.addressing.Bindings: each app has one over X that has its name."""

    def facts(self, binding_id: str) -> BindingFacts | None:
        if binding_id == "green":
            return None
        return BindingFacts(binding_id, binding_id, "switch", X, (ALICE, BOB), record=True)

    def get(self, binding_id: str) -> Binding | None:
        raise NotImplementedError(binding_id)


class Placed:
    """As much of the port PlacedCalls as is asked: red placed one call."""

    def get(self, session: str, *, carrier: str) -> PlacedCall | None:
        ask = CallAsk("clerk", ALICE, (BOB,), conference=False, max_s=60, record=False)
        call = PlacedCall("red", carrier, ask, request("r"), created=0, until=9, session=session)
        return call if session == "reds" else None


class Accounts:
    """As much of the port Accounts as is asked: nobody's users are known."""

    def owner(self, user: str, *, namespace: str) -> str | None:
        return None


def addressed(**said: Any) -> AttributedEvent:
    nothing, placed, accounts = cast("Any", None), cast("Any", Placed()), cast("Any", Accounts())
    book = EventAttribution(
        numbers=Numbers(), bindings=Bindings(), routes=nothing, placed=placed, accounts=accounts
    )
    at = {"at": GIVEN + 5, "received": GIVEN + 5, "carrier": "switch", "caller": ALICE}
    told: Event = event(**{"kind": EventKind.CALL_ENDED} | at | said)
    return book.address(told)


@pytest.mark.parametrize(
    ("said", "app", "binding"),
    [
        ({"number": X, "at": LEFT - 1}, "red", None),
        ({"number": X, "at": GIVEN}, "blue", None),
        ({"number": X, "at": LEFT}, None, None),
        ({"number": X, "at": LEFT, "binding": "red"}, "red", "red"),
        # A call goes on while X moves, and its recording comes much later.
        ({"number": X, "at": GIVEN, "binding": "red"}, "red", "red"),
        ({"number": X, "at": LEFT - 1, "binding": "blue"}, "red", None),
        (READY | {"number": X, "at": GIVEN, "binding": "red"}, "red", "red"),
        (READY | {"at": GIVEN + 9 * DAY_MS, "binding": "red"}, "red", "red"),
        (READY | {"at": GIVEN, "binding": "blue"}, "blue", "blue"),
        (READY | {"number": X, "at": GIVEN, "started": GIVEN, "binding": "red"}, "blue", None),
        (READY | {"number": X, "at": GIVEN}, None, None),
        (READY | {"number": X, "at": LEFT + DAY_MS - 1}, None, None),
        (READY | {"number": X, "at": LEFT + DAY_MS}, "blue", None),
        (READY | {"number": X, "at": LEFT - 1}, "red", None),
        (READY | {"number": X, "at": LEFT - 1, "binding": "blue"}, "red", None),
        (READY | {"number": ONLY, "at": GIVEN}, "blue", None),
        # Such an event tells of a call's beginning: it is over the X as it is then.
        (
            {"kind": EventKind.CALL_STARTED, "number": X, "at": GIVEN, "binding": "red"},
            "blue",
            None,
        ),
        ({"kind": EventKind.SMS_SENT, "number": X, "at": GIVEN, "binding": "red"}, "blue", None),
        ({"number": X, "at": GIVEN, "started": LEFT - 1, "binding": "red"}, "red", "red"),
        ({"number": X, "timed": False}, None, None),
        ({"number": X, "timed": False, "binding": "red"}, "red", "red"),
        ({"number": X, "timed": False, "binding": "blue"}, "blue", "blue"),
        ({"timed": False, "binding": "red"}, "red", "red"),
        ({"number": X, "timed": False, "started": LEFT - 1, "binding": "blue"}, "red", None),
        # A clock that was never set.
        ({"number": X, "at": 86_400_000}, None, None),
        ({"number": X, "started": 1_000, "binding": "blue"}, "blue", "blue"),
        ({"number": ONLY, "timed": False}, "blue", None),
        ({"number": ONLY, "timed": False, "binding": "red"}, "blue", None),
        ({"number": ONLY, "timed": False, "carrier": "another"}, None, None),
        ({"number": "8610099000003", "timed": False}, None, None),
    ],
)
def test_whose_it_is(said: dict[str, Any], app: str | None, binding: str | None) -> None:
    found = addressed(**said)
    assert (found.app, found.event.binding) == (app, binding)
    assert found.dropped == (said.get("binding") is not None and binding is None)


@pytest.mark.parametrize(
    ("said", "unplaced"),
    [
        (READY | {"number": X, "at": GIVEN}, True),
        (READY | {"number": X, "at": GIVEN, "binding": "green"}, True),
        ({"number": X, "timed": False}, True),
        (READY | {"number": X, "at": GIVEN, "binding": "red"}, False),
        (READY | {"number": X, "at": GIVEN, "carrier": "another"}, False),
        (READY | {"number": ONLY, "at": GIVEN}, False),
        ({"number": X, "at": LEFT}, False),
    ],
)
def test_what_may_be_of_either_owner_of_an_x_follows_its_call(
    said: dict[str, Any], unplaced: bool
) -> None:
    found = addressed(**said)
    assert found.unplaced == unplaced
    if unplaced:
        assert (found.app, found.event.number, found.event.binding) == (None, X, None)


@pytest.mark.parametrize("number", [NATIONAL, f"86{NATIONAL}"])
def test_an_x_is_written_as_its_pool_has_it(number: str) -> None:
    """Or one call would be two."""
    found = addressed(number=number)
    assert (found.app, found.event.number) == ("blue", NATIONAL)


@pytest.mark.parametrize(
    ("call_id", "said", "number"),
    [
        ("reds", {"number": X, "at": LEFT - 1}, X),
        ("reds", {"number": X}, None),
        ("reds", {"number": ONLY}, None),
        ("reds", {"number": ALICE.digits}, None),
        ("reds", {"number": X, "at": LEFT - 1, "binding": "red"}, X),
        ("reds", {"number": X, "binding": "blue"}, None),
        ("reds", {"binding": "blue"}, None),
        # An operator may give it to any app of this carrier.
        ("nobodys", {"number": X, "binding": "blue"}, None),
    ],
)
def test_a_placed_call_has_no_binding_and_no_x_of_another_app(
    call_id: str, said: dict[str, Any], number: str | None
) -> None:
    end = PlacedEnd(
        conference=False,
        account="clerk",
        caller=ALICE,
        parties=(ALICE, BOB),
        created=None,
        started=None,
        duration_s=5,
        status="success",
    )
    found = addressed(kind=EventKind.PLACED_ENDED, call_id=call_id, placed=end, **said)
    assert found.app == ("red" if call_id == "reds" else None)
    assert (found.event.binding, found.event.number) == (None, number)
    assert found.dropped == ("binding" in said)
