"""The schedules that ask carriers: an entry that can't be worked on holds up no other, and no part
of the work index waits for another for ever."""

from typing import Any

import pytest

from chalicelib.core import errors
from chalicelib.core.durations import DAY_MS
from chalicelib.services.leases.jobs import SILENT_AFTER
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.wiring import schedules
from chalicelib.wiring.gateway import Gateway
from tests.attacks.keepers import Book, attend, keeper
from tests.gateways import MINUTE, NOW, Stage, number, subscriber

DUE = NOW + DAY_MS * 3 // 4
"""When a lease of a day has to be made longer."""


@pytest.fixture
def gateway(kept: Gateway) -> Gateway:
    return kept


def renew(gateway: Gateway, *, now: int) -> tuple[int, int, int]:
    """One run of the schedule that extends leases."""
    return attend(gateway, "lease", now=now)


def failing(gateway: Gateway, error: Exception, *, times: int) -> None:
    """Lets the first so many questions fail."""

    def fail(asked: str) -> None:
        if asked == "find" and keeper(gateway).asked["find"] <= times:
            raise error

    keeper(gateway).before = fail


def four(here: Stage, gateway: Gateway) -> list[str]:
    """Bindings of three days, in the order in which a run comes to them."""
    app = here.app("four", [number(i) for i in range(1, 5)])
    for i in range(4):
        bound = app.bind(gateway, subscriber(2 * i), subscriber(2 * i + 1), now=NOW, minutes=4320)
        assert bound["code"] == 200
    return [entry.handle for entry in gateway.bindings.due_at_carriers("lease", now=DUE)]


def spoil(handle: str, **attributes: Any) -> None:
    """Overwrites attributes of a binding's item."""
    clients.dynamodb().update_item(
        TableName=settings().table_name,
        Key={"pk": {"S": f"B#{handle}"}, "sk": {"S": "B"}},
        UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in attributes),
        ExpressionAttributeValues={f":{name}": value for name, value in attributes.items()},
    )


def renewed(book: Book, *, now: int) -> int:
    return sum(entry.until > NOW + DAY_MS for entry in book.live(now=now))


def test_an_entry_that_cannot_be_read_does_not_hold_up_the_others(
    here: Stage, gateway: Gateway, book: Book
) -> None:
    first, *_ = four(here, gateway)
    spoil(first, sealed={"B": b"\x01" + bytes(40)})
    assert renew(gateway, now=DUE) == (3, 1, 0)
    assert renewed(book, now=DUE) == 3


def test_an_entry_that_names_no_carrier_does_not_hold_up_the_others(
    here: Stage, gateway: Gateway, book: Book
) -> None:
    first, *_ = four(here, gateway)
    clients.dynamodb().update_item(
        TableName=settings().table_name,
        Key={"pk": {"S": f"B#{first}"}, "sk": {"S": "B"}},
        UpdateExpression="REMOVE carrier",
    )
    assert renew(gateway, now=DUE) == (3, 1, 0)
    assert renewed(book, now=DUE) == 3


@pytest.mark.parametrize("error", [KeyError("kind"), errors.Unavailable("code 500")])
def test_a_binding_that_always_fails_does_not_hold_up_the_others(
    here: Stage, gateway: Gateway, book: Book, error: Exception
) -> None:
    four(here, gateway)
    failing(gateway, error, times=1)
    assert renew(gateway, now=DUE) == (3, 1, 0)
    assert renewed(book, now=DUE) == 3


def test_a_claim_that_meets_a_transaction_does_not_hold_up_the_others(
    here: Stage, gateway: Gateway, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_ = four(here, gateway)
    claim = gateway.bindings.claim

    def meets(entry: Any, *, until: int) -> Any:
        if entry.handle == first:
            raise errors.Unavailable("update_item: conflict")
        return claim(entry, until=until)

    monkeypatch.setattr(gateway.bindings, "claim", meets)
    assert renew(gateway, now=DUE) == (3, 1, 0)
    assert renewed(book, now=DUE) == 3


def test_a_silent_carrier_is_not_asked_for_each_binding(here: Stage, gateway: Gateway) -> None:
    handles = four(here, gateway)
    failing(gateway, errors.Unavailable("silence"), times=4)
    seen = gateway.shared(schedules.lease_jobs).run("lease", now=DUE, time_left=lambda: True)
    assert (seen.done, seen.put_off, seen.left) == (0, SILENT_AFTER, 1)
    assert seen.silent == ["switch"]
    assert keeper(gateway).asked["find"] == SILENT_AFTER
    # The others are as they were.
    (left,) = gateway.bindings.due_at_carriers("lease", now=DUE)
    assert left.handle in handles
    assert left.due_at == NOW + DAY_MS * 3 // 4


def test_what_is_due_for_longest_comes_first_whichever_shard_it_stands_in(
    here: Stage, gateway: Gateway
) -> None:
    app = here.app("many", [number(i) for i in range(1, 41)])
    for i in range(40):
        at = NOW + (i * 17 % 40) * 1000
        app.bind(gateway, subscriber(2 * i), subscriber(2 * i + 1), now=at, minutes=4320)
    due = list(gateway.bindings.due_at_carriers("lease", now=DUE + MINUTE))
    assert [entry.due_at - DUE for entry in due] == [1000 * i for i in range(40)]
    assert len({int(entry.handle) % 8 for entry in due}) > 4
    assert {entry.carrier for entry in due} == {"switch"}
    assert all(entry.lapses_at == entry.due_at + DAY_MS // 4 for entry in due)
