"""A write that was carried out counts once, however its answer was lost and however often it is
sent again: by us, or by AWS's client."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

from chalicelib.clock import SYSTEM
from chalicelib.core.errors import StoreUnavailable
from chalicelib.stage_settings import settings
from chalicelib.store import clients
from chalicelib.store.table import CONFLICT_TRIES, Table
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.store.webhooks.endpoints import EndpointStore, health_key
from tests.gateways import NOW, BytesStream, Stage

IN_PROGRESS = b'{"__type": "com.amazonaws.dynamodb.v20120810#TransactionInProgressException"}'

CLIENT_TRIES = 3
"""AWS's client sends it so often by itself, each time that we do."""


@pytest.fixture
def table(here: Stage) -> Table:
    return Table(clients.dynamodb, settings().table_name, SYSTEM)


@contextmanager
def carried_out(operation: str, *lost: Any) -> Iterator[list[bytes]]:
    """Sends each of the next requests on, and says what `lost` says instead of the answer: an
    exception, or the body of a refusal. Gives the bodies of all that were sent."""
    left, sent = list(lost), []
    session = URLLib3Session()

    def send(request: AWSRequest, **_: Any) -> AWSResponse | None:
        sent.append(bytes(request.body))
        if not left:
            return None
        said = left.pop(0)
        assert session.send(request).status_code == 200  # type: ignore[arg-type]
        if isinstance(said, Exception):
            raise said
        return AWSResponse(request.url, 400, {}, BytesStream(said))

    events = clients.dynamodb().meta.events
    events.register_first(f"before-send.dynamodb.{operation}", send)
    try:
        yield sent
    finally:
        events.unregister(f"before-send.dynamodb.{operation}", send)


def timed_out() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="https://table.invalid")


@pytest.mark.parametrize(
    "lost",
    [
        [IN_PROGRESS],
        [IN_PROGRESS] * (CLIENT_TRIES + 1),
        [timed_out()],
        [timed_out(), *[IN_PROGRESS] * CLIENT_TRIES],
    ],
)
def test_a_deposit_is_credited_once(table: Table, lost: list[Any]) -> None:
    ledger = BalanceStore(table)
    with carried_out("TransactWriteItems", *lost) as sent:
        ledger.deposit("demo", 5, now=NOW)
    assert len(sent) == len(lost) + 1
    assert ledger.standing("demo").balance == 5
    ledger.deposit("demo", 5, now=NOW)
    assert ledger.standing("demo").balance == 10


def test_what_runs_to_the_end_is_not_known_rather_than_not_done(table: Table) -> None:
    ledger = BalanceStore(table)
    with (
        carried_out("TransactWriteItems", *[IN_PROGRESS] * CONFLICT_TRIES * CLIENT_TRIES),
        pytest.raises(StoreUnavailable, match="outcome is not known"),
    ):
        ledger.deposit("demo", 5, now=NOW)
    assert ledger.standing("demo").balance == 5


def test_a_cancelled_transaction_is_carried_out_by_its_repeat(here: Stage, table: Table) -> None:
    """What was cancelled is not remembered by its token: the same one may succeed."""
    conflict = (
        b'{"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",'
        b' "CancellationReasons": [{"Code": "TransactionConflict"}]}'
    )
    write = {
        "Update": {
            "Key": health_key("demo"),
            "UpdateExpression": "ADD unanswered :one",
            "ConditionExpression": "attribute_not_exists(pk)",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    left = [conflict]

    def cancel(request: AWSRequest, **_: Any) -> AWSResponse | None:
        return AWSResponse(request.url, 400, {}, BytesStream(left.pop())) if left else None

    events = clients.dynamodb().meta.events
    events.register_first("before-send.dynamodb.TransactWriteItems", cancel)
    try:
        assert table.transact([write]) is None
    finally:
        events.unregister("before-send.dynamodb.TransactWriteItems", cancel)
    failed = table.transact([write])
    assert failed is not None
    assert failed[0] is not None


def test_an_overdraft_is_granted_once(table: Table) -> None:
    ledger = BalanceStore(table)
    with carried_out("UpdateItem", timed_out()) as sent:
        ledger.set_overdraft("demo", 7, now=NOW)
    assert len(sent) >= 2
    standing = ledger.standing("demo")
    assert (standing.balance, standing.overdraft) == (0, 7)


def test_an_answer_that_was_not_given_is_counted_once(table: Table) -> None:
    receivers = EndpointStore(table)
    with carried_out("UpdateItem", timed_out()) as sent:
        receivers.unanswered("demo", open_until=NOW)
    assert len(sent) == 2
    receivers.unanswered("demo", open_until=NOW)
    item = table.get(health_key("demo"))
    assert item is not None
    assert item["unanswered"] == {"N": "2"}
