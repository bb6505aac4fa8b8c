"""An update makes one index at most, so a table that lacks several gets them in several updates."""

import json
import time
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from cli.failures import Mistake

POLL_S = 3.0
# Filling an index takes minutes for some million items.
LIMIT_S = 3600


class Indexes:
    """The indexes that a table has, and the way from there to those of a template.

    "You can delete or add one global secondary index without interruption", and "CloudFormation
    does not wait for the index to complete creation": AWS::DynamoDB::Table, CloudFormation
    template reference, November 2026.
    """

    def __init__(self, dynamodb: Any, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def steps(self, template: str) -> Iterator[str]:
        """Templates of which each has one index more than the table has then; the last is
        `template`. An index that shows other attributes than it should is taken away first, as
        DynamoDB can't change it. Waits for an index before the next step."""
        wanted = json.loads(template)
        changed = self._changed(wanted)
        lacking = [*changed, *self._lacking(wanted)]
        for count in range(0 if changed else 1, len(lacking)):
            yield _without(json.loads(template), set(lacking[count:]))
            self.wait()
        yield template

    def wait(self) -> None:
        """Until every index can be asked. Raises Mistake after an hour."""
        until = time.monotonic() + LIMIT_S
        while unfinished := [name for name, done in self._there().items() if not done]:
            if time.monotonic() > until:
                raise Mistake(f"index {unfinished[0]} is still being filled: deploy again later")
            time.sleep(POLL_S)

    def _lacking(self, template: dict[str, Any]) -> list[str]:
        there = self._there()
        names = [index["IndexName"] for index in _table(template)["GlobalSecondaryIndexes"]]
        # No index at all means no table: it is made with all of them.
        return [name for name in names if name not in there] if there else []

    def _changed(self, template: dict[str, Any]) -> list[str]:
        # The stand-in of some tests tells no projection: as good as the one that is wanted.
        shown = {each["IndexName"]: each.get("Projection") for each in self._described()}
        return [
            each["IndexName"]
            for each in _table(template)["GlobalSecondaryIndexes"]
            if (there := shown.get(each["IndexName"])) is not None
            and _attributes(there) != _attributes(each["Projection"])
        ]

    def _there(self) -> dict[str, bool]:
        # The stand-in says nothing of it.
        return {
            each["IndexName"]: each.get("IndexStatus", "ACTIVE") == "ACTIVE"
            for each in self._described()
        }

    def _described(self) -> list[dict[str, Any]]:
        try:
            described = self._dynamodb.describe_table(TableName=self._table)["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return []
            raise
        indexes: list[dict[str, Any]] = described.get("GlobalSecondaryIndexes", [])
        return indexes


def _attributes(projection: dict[str, Any]) -> tuple[str, frozenset[str]]:
    """What an index shows of an item."""
    return projection["ProjectionType"], frozenset(projection.get("NonKeyAttributes", ()))


def _table(template: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"]["Table"]["Properties"]
    return properties


def _without(template: dict[str, Any], names: set[str]) -> str:
    """The template without these indexes, and without what only they are made of."""
    table = _table(template)
    kept = [each for each in table["GlobalSecondaryIndexes"] if each["IndexName"] not in names]
    keys = [table["KeySchema"], *(each["KeySchema"] for each in kept)]
    used = {part["AttributeName"] for schema in keys for part in schema}
    table["GlobalSecondaryIndexes"] = kept
    table["AttributeDefinitions"] = [
        each for each in table["AttributeDefinitions"] if each["AttributeName"] in used
    ]
    return json.dumps(template)
