"""The stack's own ways, which the stand-in does not have: failing, rolling back, taking time."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from infra import stack as stack_module
from infra.stack import Stack
from infra.stage import DeployError, Stage

NAME = "masking-gateway-dev"
STAGE = Stage("dev", app="masking-gateway", api_stage="dev")


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

    def client(self, _: str) -> Any:
        """As a session's."""
        return self._client

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
    with pytest.raises(DeployError, match="Table: masking-gateway-dev already exists"):
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
