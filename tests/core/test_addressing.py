"""Whose an event is over an X that moved from one app to another."""

from typing import Any, cast

import pytest

from chalicelib.core.addressing import AddressBook, Addressed, BindingFacts
from chalicelib.core.events import Event, EventKind
from chalicelib.core.ownership import Owner
from chalicelib.core.values import Binding, Subscriber
from tests.core.samples import event

ALICE, BOB = Subscriber("8610010000001"), Subscriber("8610010000002")
X, ONLY = "8610099000001", "8610099000002"
NATIONAL = "700000000000001"
LEFT, GIVEN = 1_700_001_000_000, 1_700_002_000_000
OWNERS = {
    X: (Owner("red", "trunk", 0, LEFT), Owner("blue", "trunk", GIVEN)),
    ONLY: (Owner("blue", "trunk", 0),),
    NATIONAL: (Owner("blue", "trunk", 0, number=NATIONAL),),
    f"86{NATIONAL}": (Owner("blue", "trunk", 0, number=NATIONAL),),
}


class Numbers:
    """Fulfils core.addressing.Numbers."""

    def owners_of(self, number: str, *, fresh: bool = False) -> tuple[Owner, ...]:
        return OWNERS.get(number, ())


class Bindings:
    """Fulfils core.addressing.Bindings: each app has one over X that has its name."""

    def facts(self, binding_id: str) -> BindingFacts | None:
        return BindingFacts(binding_id, binding_id, "trunk", X, (ALICE, BOB), record=True)

    def get(self, binding_id: str) -> Binding | None:
        raise NotImplementedError(binding_id)


def addressed(**said: Any) -> Addressed:
    nothing = cast("Any", None)
    book = AddressBook(
        numbers=Numbers(), bindings=Bindings(), legs=nothing, placed=nothing, accounts=nothing
    )
    at = {"at": GIVEN + 5, "received": GIVEN + 5, "carrier": "trunk", "caller": ALICE}
    told: Event = event(**{"kind": EventKind.CALL_ENDED} | at | said)
    return book.address(told)


@pytest.mark.parametrize(
    ("said", "app", "binding"),
    [
        ({"number": X, "at": LEFT - 1}, "red", None),
        ({"number": X, "at": GIVEN}, "blue", None),
        ({"number": X, "at": LEFT}, None, None),
        ({"number": X, "at": LEFT, "binding": "red"}, "red", "red"),
        ({"number": X, "at": GIVEN, "binding": "red"}, "blue", None),
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


@pytest.mark.parametrize("number", [NATIONAL, f"86{NATIONAL}"])
def test_an_x_is_written_as_its_pool_has_it(number: str) -> None:
    """Or one call would be two."""
    found = addressed(number=number)
    assert (found.app, found.event.number) == ("blue", NATIONAL)
