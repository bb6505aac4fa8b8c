"""The simulated DynamoDB answers as Amazon's own engine does, call by call."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.simulation.database import RESOURCES, Database
from tests.simulation.exploring import randomly
from tests.simulation.expressions import UnknownExpression, condition, update
from tests.simulation.oracles import Broken
from tests.simulation.processes import SETTINGS, simulated
from tests.simulation.runs import Run
from tests.simulation.schedules import Schedule

SEEDS = range(8)


class Twins:
    """Both engines: each call goes to the two of them, and has to be answered alike."""

    def __init__(self, simulated: Database, real: Any, name: str) -> None:
        self.simulated, self._real, self._name = simulated, real, name
        self.compared = 0

    @property
    def items(self) -> Mapping[Any, Any]:
        return self.simulated.items

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        return partial(self._both, operation)

    def _both(self, operation: str, **asked: Any) -> Any:
        if "ClientRequestToken" in asked:
            # Runs draw the same ones; the engine remembers them for ten minutes.
            asked["ClientRequestToken"] = f"{self._name}-{asked['ClientRequestToken'][:28]}"
        ours, theirs = (_answer(each, operation, asked) for each in (self.simulated, self._real))
        assert _plain(ours) == _plain(theirs), (operation, asked)
        self.compared += 1
        if isinstance(ours, ClientError):
            raise ours
        return ours


def _answer(engine: Any, operation: str, asked: Mapping[str, Any]) -> Any:
    try:
        return getattr(engine, operation)(**asked)
    except ClientError as error:
        return error


def _plain(answer: Any) -> Any:
    """What the store reads of it."""
    if isinstance(answer, ClientError):
        told: Any = answer.response
        reasons = [(each["Code"], each.get("Item")) for each in told.get("CancellationReasons", [])]
        return told["Error"]["Code"], told.get("Item"), reasons
    found = {name: answer.get(name) for name in ("Item", "Items", "Attributes") if name in answer}
    for items in answer.get("Responses", {}).values():
        found["Responses"] = sorted(items, key=_place)
    return json.loads(json.dumps(found, default=repr, sort_keys=True))


def _place(item: Mapping[str, Any]) -> str:
    return f"{item['pk']} {item['sk']}"


@pytest.fixture(scope="module")
def engine(dynamodb_local: str) -> Iterator[Any]:
    """A client of DynamoDB Local, with an empty table."""
    client = boto3.client(
        "dynamodb",
        endpoint_url=dynamodb_local,
        region_name="eu-west-1",
        aws_access_key_id="simulated",
        aws_secret_access_key="simulated",
    )
    described = json.loads(RESOURCES.read_text())["Resources"]["Table"]["Properties"]
    known = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    client.create_table(TableName=SETTINGS.table_name, **{name: described[name] for name in known})
    yield client
    client.delete_table(TableName=SETTINGS.table_name)


def test_the_real_engine_answers_alike(engine: Any) -> None:
    compared = 0
    with simulated():
        for seed in SEEDS:
            schedule = _without_stale_reads(randomly(seed))
            run = Run(schedule.scenario)
            database = run.outside.database
            _fill(engine, database.items)
            run.outside.database = twins = Twins(database, engine, str(seed))  # type: ignore[assignment]
            try:
                with suppress(Broken):
                    for action in schedule.actions:
                        run.act(action)
                    run.finish()
            finally:
                run.close()
                run.outside.database = database
            there = engine.scan(TableName=SETTINGS.table_name, ConsistentRead=True)["Items"]
            assert sorted(there, key=_place) == sorted(database.items.values(), key=_place)
            compared += twins.compared
    assert compared > 300


def _without_stale_reads(schedule: Schedule) -> Schedule:
    return replace(schedule, actions=tuple(each.rstrip("s") for each in schedule.actions))


def _fill(engine: Any, items: Mapping[Any, Any]) -> None:
    name = SETTINGS.table_name
    for item in engine.scan(TableName=name)["Items"]:
        engine.delete_item(TableName=name, Key={"pk": item["pk"], "sk": item["sk"]})
    for item in items.values():
        engine.put_item(TableName=name, Item=item)


ITEM = {"n": {"N": "7"}, "s": {"S": "due#1"}, "yes": {"BOOL": True}}
VALUES = {":six": {"N": "6"}, ":seven": {"N": "07"}, ":due": {"S": "due#"}, ":one": {"N": "1"}}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("n = :seven AND attribute_exists(yes)", True),
        ("n < :seven OR n <= :six OR attribute_not_exists(s)", False),
        ("begins_with(s, :due) AND (n > :six OR nothing = :six)", True),
        ("NOT n <> :seven", True),
        ("nothing < :six", False),
        ("s < :six", False),
        ("#n >= :seven", True),
    ],
)
def test_conditions(text: str, holds: bool) -> None:
    assert condition(text)(ITEM, {"#n": "n"}, VALUES) is holds


def test_updates_read_what_was_before() -> None:
    text = "SET a = n, #n = if_not_exists(b, :one), c = n + :one REMOVE s ADD d :six, yesses :one"
    assert update(text)(ITEM, {"#n": "n"}, VALUES) == {
        "a": {"N": "7"},
        "n": {"N": "1"},
        "c": {"N": "8"},
        "d": {"N": "6"},
        "yesses": {"N": "1"},
        "yes": {"BOOL": True},
    }


@pytest.mark.parametrize("text", ["size(n) > :six", "n =", "n ! :six", "n = :six)", "a[0] = :six"])
def test_what_is_not_known_is_an_error(text: str) -> None:
    with pytest.raises((UnknownExpression, KeyError)):
        condition(text)(ITEM, {}, VALUES)
