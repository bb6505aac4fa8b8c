"""The stack's own ways, which the stand-in does not have: failing, rolling back, taking time."""

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from cli.failures import Mistake
from infra import indexes as indexes_module
from infra import stack as stack_module
from infra.stack import Stack
from infra.stage import Stage
from tests.deploy.conftest import ROOT

NAME = "masking-gateway-dev"
TEMPLATE = json.loads((ROOT / "infra" / "resources.json").read_text())
INDEXES = [
    index["IndexName"]
    for index in TEMPLATE["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"]
]
STAGE = Stage("dev", app="masking-gateway", api_stage="dev")


class Table:
    """DynamoDB, with this table and its indexes and the states that they go through."""

    def __init__(self) -> None:
        self.indexes: dict[str, list[str]] = {name: ["ACTIVE"] for name in INDEXES}
        self.projections: dict[str, Any] = {}

    def describe_table(self, **_: Any) -> Any:
        """Each time with the next state of each index."""
        described: list[dict[str, Any]] = [
            {"IndexName": name, "IndexStatus": states.pop(0) if len(states) > 1 else states[0]}
            for name, states in self.indexes.items()
        ]
        for each in described:
            if each["IndexName"] in self.projections:
                each["Projection"] = self.projections[each["IndexName"]]
        return {"Table": {"GlobalSecondaryIndexes": described}}


class CloudFormation:
    """Says what CloudFormation would say, in this order and nothing else."""

    def __init__(self) -> None:
        self._client = boto3.client(
            "cloudformation",
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self.stub = Stubber(self._client)
        self.stub.activate()
        self.table = Table()

    def client(self, service: str) -> Any:
        """As a session's."""
        return self._client if service == "cloudformation" else self.table

    def is_(self, status: str) -> None:
        if status == "absent":
            self.stub.add_client_error(
                "describe_stacks", "ValidationError", f"Stack with id {NAME} does not exist"
            )
            return
        described = {
            "StackName": NAME,
            "CreationTime": datetime(2026, 11, 1, tzinfo=UTC),
            "StackStatus": status,
        }
        self.stub.add_response("describe_stacks", {"Stacks": [described]})

    def tells(self, *events: tuple[str, str, str]) -> None:
        """Each an (id, status, reason); newest last, although AWS lists the newest first."""
        told = [
            {
                "StackId": "id",
                "EventId": event,
                "StackName": NAME,
                "LogicalResourceId": "Table",
                "ResourceType": "AWS::DynamoDB::Table",
                "Timestamp": datetime(2026, 11, 1, tzinfo=UTC),
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
            }
            for event, status, reason in events
        ]
        self.stub.add_response("describe_stack_events", {"StackEvents": told[::-1]})

    def is_asked_to(self, call: str) -> None:
        response = {"StackId": "id"} if call != "delete_stack" else {}
        self.stub.add_response(call, response)


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    monkeypatch.setattr(stack_module, "POLL_S", 0)
    monkeypatch.setattr(indexes_module, "POLL_S", 0)
    return CloudFormation()


def test_progress_is_shown_once_and_in_order(
    cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    old = ("0", "UPDATE_COMPLETE", "")
    cloudformation.is_("CREATE_COMPLETE")
    cloudformation.tells(old)
    cloudformation.is_asked_to("update_stack")
    cloudformation.is_("UPDATE_IN_PROGRESS")
    cloudformation.tells(old, ("1", "UPDATE_IN_PROGRESS", ""))
    cloudformation.is_("UPDATE_COMPLETE")
    cloudformation.tells(old, ("1", "UPDATE_IN_PROGRESS", ""), ("2", "UPDATE_COMPLETE", ""))
    Stack(cloudformation, STAGE).deploy(alarm_topic="")
    shown = [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert shown == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    cloudformation.stub.assert_no_pending_responses()


def test_a_creation_that_fails_says_why(cloudformation: CloudFormation) -> None:
    failed = ("1", "CREATE_FAILED", "masking-gateway-dev already exists")
    cloudformation.is_("absent")
    cloudformation.tells()
    cloudformation.is_asked_to("create_stack")
    cloudformation.is_("ROLLBACK_COMPLETE")
    cloudformation.tells(failed)
    cloudformation.tells(failed)
    with pytest.raises(Mistake, match="Table: masking-gateway-dev already exists"):
        Stack(cloudformation, STAGE).deploy(alarm_topic="")


def test_what_a_failed_creation_left_is_deleted_first(cloudformation: CloudFormation) -> None:
    cloudformation.is_("ROLLBACK_COMPLETE")
    cloudformation.is_("ROLLBACK_COMPLETE")
    cloudformation.tells()
    cloudformation.is_asked_to("delete_stack")
    cloudformation.is_("absent")
    cloudformation.tells()
    cloudformation.tells()
    cloudformation.is_asked_to("create_stack")
    cloudformation.is_("CREATE_COMPLETE")
    cloudformation.tells()
    Stack(cloudformation, STAGE).deploy(alarm_topic="")
    cloudformation.stub.assert_no_pending_responses()


def test_no_change_is_no_error(
    cloudformation: CloudFormation, capsys: pytest.CaptureFixture[str]
) -> None:
    cloudformation.is_("CREATE_COMPLETE")
    cloudformation.tells()
    cloudformation.stub.add_client_error(
        "update_stack", "ValidationError", "No updates are to be performed."
    )
    Stack(cloudformation, STAGE).deploy(alarm_topic="")
    assert "up to date" in capsys.readouterr().out


def test_a_table_gets_one_index_with_each_update(cloudformation: CloudFormation) -> None:
    """CloudFormation refuses more, and DynamoDB while one is being filled."""
    lacking = INDEXES[1:]
    for name in lacking:
        del cloudformation.table.indexes[name]
    updates: list[dict[str, Any]] = []

    def updated(params: dict[str, Any], **_: Any) -> None:
        template = json.loads(params["TemplateBody"])
        assert cloudformation.table.indexes.keys() == {INDEXES[0], *lacking[: len(updates)]}
        assert all(states == ["ACTIVE"] for states in cloudformation.table.indexes.values())
        cloudformation.table.indexes[lacking[len(updates)]] = ["CREATING", "CREATING", "ACTIVE"]
        updates.append(template)

    events = cloudformation.client("cloudformation").meta.events
    events.register("provide-client-params.cloudformation.UpdateStack", updated)
    cloudformation.is_("CREATE_COMPLETE")
    cloudformation.tells()
    for _ in lacking:
        cloudformation.is_asked_to("update_stack")
        cloudformation.is_("UPDATE_COMPLETE")
        cloudformation.tells()
    Stack(cloudformation, STAGE).deploy(alarm_topic="")

    cloudformation.stub.assert_no_pending_responses()
    assert updates[-1] == TEMPLATE
    for count, template in enumerate(updates, start=1):
        table = template["Resources"]["Table"]["Properties"]
        assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == INDEXES[
            : 1 + count
        ]
        keys = [
            table["KeySchema"],
            *(each["KeySchema"] for each in table["GlobalSecondaryIndexes"]),
        ]
        # DynamoDB refuses an attribute that is no key, too.
        assert {each["AttributeName"] for each in table["AttributeDefinitions"]} == {
            part["AttributeName"] for schema in keys for part in schema
        }


def test_an_index_that_shows_too_little_is_made_anew(cloudformation: CloudFormation) -> None:
    """DynamoDB can't change one: it goes with one update, and comes again with the next."""
    old = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["app"]}
    cloudformation.table.projections["due"] = old
    updates: list[list[str]] = []

    def updated(params: dict[str, Any], **_: Any) -> None:
        table = json.loads(params["TemplateBody"])["Resources"]["Table"]["Properties"]
        names = [index["IndexName"] for index in table["GlobalSecondaryIndexes"]]
        updates.append(names)
        cloudformation.table.indexes = {name: ["ACTIVE"] for name in names}

    events = cloudformation.client("cloudformation").meta.events
    events.register("provide-client-params.cloudformation.UpdateStack", updated)
    cloudformation.is_("CREATE_COMPLETE")
    cloudformation.tells()
    for _ in range(2):
        cloudformation.is_asked_to("update_stack")
        cloudformation.is_("UPDATE_COMPLETE")
        cloudformation.tells()
    Stack(cloudformation, STAGE).deploy(alarm_topic="")
    cloudformation.stub.assert_no_pending_responses()
    assert updates == [[name for name in INDEXES if name != "due"], INDEXES]


def test_an_index_that_is_not_filled_stops_the_deployment(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes_module, "LIMIT_S", -1)
    cloudformation.table.indexes[INDEXES[-1]] = ["CREATING"]
    cloudformation.is_("CREATE_COMPLETE")
    cloudformation.tells()
    cloudformation.stub.add_client_error(
        "update_stack", "ValidationError", "No updates are to be performed."
    )
    with pytest.raises(Mistake, match=f"index {INDEXES[-1]} is still being filled"):
        Stack(cloudformation, STAGE).deploy(alarm_topic="")


def test_the_topic_of_the_alarms_is_passed_on(cloudformation: CloudFormation) -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:oncall"
    cloudformation.is_("absent")
    cloudformation.tells()
    cloudformation.stub.add_response(
        "create_stack",
        {"StackId": "id"},
        {
            "StackName": NAME,
            "TemplateBody": ANY,
            "Parameters": [
                {"ParameterKey": "Stage", "ParameterValue": "dev"},
                {"ParameterKey": "AlarmTopic", "ParameterValue": topic},
            ],
        },
    )
    cloudformation.is_("CREATE_COMPLETE")
    cloudformation.tells()
    Stack(cloudformation, STAGE).deploy(alarm_topic=topic)
    cloudformation.stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [(None, {"UsePreviousValue": True}), ("", {"ParameterValue": ""})],
)
def test_the_topic_stays_unless_another_one_or_none_is_asked_for(
    cloudformation: CloudFormation, asked: str | None, parameter: dict[str, Any]
) -> None:
    cloudformation.is_("UPDATE_COMPLETE")
    cloudformation.tells()
    cloudformation.stub.add_response(
        "update_stack",
        {"StackId": "id"},
        {
            "StackName": NAME,
            "TemplateBody": ANY,
            "Parameters": [
                {"ParameterKey": "Stage", "ParameterValue": "dev"},
                {"ParameterKey": "AlarmTopic", **parameter},
            ],
        },
    )
    cloudformation.is_("UPDATE_COMPLETE")
    cloudformation.tells()
    Stack(cloudformation, STAGE).deploy(alarm_topic=asked)
    cloudformation.stub.assert_no_pending_responses()
