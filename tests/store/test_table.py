"""The table: what DynamoDB answers, and what becomes of it."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from chalicelib.clock import SYSTEM
from chalicelib.core.errors import Contended, ItemTooLarge, Unavailable
from chalicelib.store.table import CONFLICT_TRIES, Table, key, n, s, update
from tests.stage import Stage, answering, refusal

KEY = key("T", "1")
VALUE = "447700900001"
PUT = {"Put": {"Item": KEY | {"v": s(VALUE)}, "ConditionExpression": "attribute_not_exists(pk)"}}
DOWN = EndpointConnectionError(endpoint_url="https://nowhere.invalid")


@pytest.fixture
def table(stage: Stage, slept: list[float]) -> Table:
    return Table(lambda: stage.dynamodb, stage.table, replace(SYSTEM, sleep=slept.append))


@pytest.fixture
def slept() -> list[float]:
    """How long the table wanted to wait each time; nobody waits."""
    return []


def cancelled(*codes: str, **more: Any) -> tuple[int, dict[str, Any]]:
    reasons = [{"Code": code, "Message": "stubbed"} | more for code in codes]
    return refusal("TransactionCanceledException", CancellationReasons=reasons)


@pytest.mark.parametrize(
    "failure",
    [
        DOWN,
        ReadTimeoutError(endpoint_url="https://nowhere.invalid"),
        refusal("ThrottlingException"),
        refusal("ProvisionedThroughputExceededException"),
        refusal("InternalServerError"),
        refusal("ResourceNotFoundException"),
        refusal("ValidationException"),
        refusal("AccessDeniedException"),
    ],
)
@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("GetItem", lambda t: t.get(KEY)),
        ("BatchGetItem", lambda t: t.get_many([KEY])),
        ("Query", lambda t: list(t.query(KeyConditionExpression="pk = :p"))),
        ("PutItem", lambda t: t.put_new(KEY | {"v": s(VALUE)})),
        ("UpdateItem", lambda t: t.update_if(update(KEY, {"v": s(VALUE)}))),
        ("TransactWriteItems", lambda t: t.transact([PUT])),
    ],
)
def test_every_failure_of_every_call_is_unavailable_without_values(
    stage: Stage, table: Table, operation: str, call: Any, failure: Any
) -> None:
    with (
        answering(stage.dynamodb, operation, failure) as calls,
        pytest.raises(Unavailable) as caught,
    ):
        call(table)
    assert len(calls) == 1
    assert VALUE not in str(caught.value)
    assert caught.value.__suppress_context__


def test_reads_are_strongly_consistent(stage: Stage, table: Table) -> None:
    with answering(stage.dynamodb, "GetItem") as gets:
        table.get(KEY)
    with answering(stage.dynamodb, "BatchGetItem") as batches:
        table.get_many([KEY])
    assert gets[0]["ConsistentRead"] is True
    assert batches[0]["RequestItems"][stage.table]["ConsistentRead"] is True


def test_what_is_not_there_is_none(table: Table) -> None:
    assert table.get(KEY) is None
    assert table.get_many([KEY, key("T", "2")]) == []


def test_a_second_put_is_told_what_stands_there(table: Table) -> None:
    assert table.put_new(KEY | {"v": s("first")}) is None
    failed = table.put_new(KEY | {"v": s("second")})
    assert failed is not None
    assert failed.item == KEY | {"v": s("first")}


def test_a_put_that_meets_a_transaction_is_unavailable(stage: Stage, table: Table) -> None:
    with (
        answering(stage.dynamodb, "PutItem", refusal("TransactionConflictException")),
        pytest.raises(Unavailable),
    ):
        table.put_new(KEY)


def test_keys_that_were_left_out_are_asked_for_again(
    stage: Stage, table: Table, slept: list[float]
) -> None:
    table.put_new(KEY)
    table.put_new(key("T", "2"))
    left = {stage.table: {"Keys": [key("T", "2")], "ConsistentRead": True}}
    first = {"Responses": {stage.table: [KEY]}, "UnprocessedKeys": left}
    nothing = {"Responses": {}, "UnprocessedKeys": left}
    with answering(stage.dynamodb, "BatchGetItem", (200, first), (200, nothing)) as calls:
        found = table.get_many([KEY, key("T", "2")])
    assert found == [KEY, key("T", "2")]
    assert [call["RequestItems"] for call in calls[1:]] == [left, left]
    assert len(slept) == 2


def test_keys_that_are_left_out_for_ever_are_unavailable(
    stage: Stage, table: Table, slept: list[float]
) -> None:
    left = {stage.table: {"Keys": [KEY], "ConsistentRead": True}}
    answer = (200, {"Responses": {}, "UnprocessedKeys": left})
    with (
        answering(stage.dynamodb, "BatchGetItem", *[answer] * 50) as calls,
        pytest.raises(Unavailable),
    ):
        table.get_many([KEY])
    assert len(calls) == CONFLICT_TRIES


def test_a_query_reads_page_after_page_and_only_as_asked(stage: Stage, table: Table) -> None:
    for i in range(5):
        table.put_new(key("T", str(i)))
    given = {
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": s("T")},
        "Limit": 2,
    }
    with answering(stage.dynamodb, "Query") as calls:
        assert [item["sk"]["S"] for item in table.query(**given)] == ["0", "1", "2", "3", "4"]
        assert len(calls) == 3
        next(table.query(**given))
    assert len(calls) == 4


@pytest.mark.parametrize(
    "passing",
    [
        cancelled("TransactionConflict"),
        cancelled("None", "TransactionConflict"),
        cancelled("ThrottlingError"),
        cancelled("ProvisionedThroughputExceeded"),
        refusal("TransactionInProgressException"),
        refusal("TransactionConflictException"),
    ],
)
def test_a_conflict_is_tried_again(
    stage: Stage, table: Table, slept: list[float], passing: Any
) -> None:
    with answering(stage.dynamodb, "TransactWriteItems", passing, passing) as calls:
        assert table.transact([PUT]) is None
    assert len(calls) == 3
    assert len(slept) == 2
    assert table.get(KEY) is not None


def test_conflicts_without_end_are_given_up_after_ever_longer_waits(
    stage: Stage, table: Table, slept: list[float]
) -> None:
    endless = [cancelled("TransactionConflict")] * 50
    with (
        answering(stage.dynamodb, "TransactWriteItems", *endless) as calls,
        pytest.raises(Contended),
    ):
        table.transact([PUT])
    assert len(calls) == CONFLICT_TRIES
    assert all(0.5 * cap <= wait <= cap for wait, cap in zip(slept, caps(), strict=True))


def caps() -> list[float]:
    return [min(0.1, 0.002 * 2**i) for i in range(CONFLICT_TRIES)]


@pytest.mark.parametrize("code", ["ValidationError", "ItemCollectionSizeLimitExceeded"])
def test_a_transaction_that_can_never_be_is_not_tried_again(
    stage: Stage, table: Table, slept: list[float], code: str
) -> None:
    with (
        answering(stage.dynamodb, "TransactWriteItems", cancelled(code)) as calls,
        pytest.raises(Unavailable),
    ):
        table.transact([PUT])
    assert len(calls) == 1
    assert slept == []


def test_a_transaction_with_an_item_that_is_too_large_says_so(stage: Stage, table: Table) -> None:
    text = "Item size to update has exceeded the maximum allowed size"
    too_large = cancelled("ValidationError", "None", Message=text)
    with (
        answering(stage.dynamodb, "TransactWriteItems", too_large),
        pytest.raises(ItemTooLarge),
    ):
        table.transact([PUT, PUT])


def test_a_condition_that_fails_is_told_by_position_and_nothing_is_written(table: Table) -> None:
    table.put_new(KEY | {"v": s("there")})
    other = {"Put": {"Item": key("T", "2")}}
    again = {"Put": PUT["Put"] | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}
    failed = table.transact([other, again])
    assert failed is not None
    assert failed[0] is None
    assert failed[1] is not None
    assert failed[1].item == KEY | {"v": s("there")}
    assert table.get(key("T", "2")) is None


def test_a_failed_condition_beside_a_conflict_decides(
    stage: Stage, table: Table, slept: list[float]
) -> None:
    both = cancelled("TransactionConflict", "ConditionalCheckFailed")
    with answering(stage.dynamodb, "TransactWriteItems", both):
        failed = table.transact([PUT, PUT])
    assert failed is not None
    assert failed[0] is None
    assert failed[1] is not None
    assert failed[1].item is None
    assert slept == []


def test_an_update_makes_or_changes_one_item(table: Table) -> None:
    table.update_if(update(KEY, {"v": n(1)}))
    table.update_if(update(KEY, {}, added={"v": n(2)}))
    assert table.get(KEY) == KEY | {"v": n(3)}
