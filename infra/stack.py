"""The CloudFormation stack of a stage: table, queues, bucket, secrets, log groups, alarms."""

import time
from typing import Any

from boto3.session import Session
from botocore.exceptions import ClientError

from cli.command import say
from cli.failures import Mistake
from infra.indexes import Indexes
from infra.stage import TEMPLATE, Stage

POLL_S = 3.0
# A table with its indexes takes a minute or two; more than this is stuck.
LIMIT_S = 1800
GONE = "DELETE_COMPLETE"


class Stack:
    """Creates, updates and deletes one stack, and prints what CloudFormation does meanwhile."""

    def __init__(self, session: Session, stage: Stage) -> None:
        self._client = session.client("cloudformation")
        self._indexes = Indexes(session.client("dynamodb"), stage.name)
        self._name = stage.name
        self._stage = stage.stage

    def deploy(self, *, alarm_topic: str | None) -> None:
        """Brings the stack to what the template says. Raises Mistake with AWS's reasons.

        `alarm_topic` is an SNS topic's ARN, empty for none, None for what it was before.
        """
        status = self.status()
        if status == "ROLLBACK_COMPLETE":
            # What is left of a creation that failed: it can't be updated and holds nothing.
            self.delete()
            status = GONE
        seen = self._events()
        topic: dict[str, Any] = {"ParameterValue": alarm_topic or ""}
        if alarm_topic is None and status != GONE:
            topic = {"UsePreviousValue": True}
        template = TEMPLATE.read_text()
        request: dict[str, Any] = {
            "StackName": self._name,
            "TemplateBody": template,
            "Parameters": [
                {"ParameterKey": "Stage", "ParameterValue": self._stage},
                {"ParameterKey": "AlarmTopic", **topic},
            ],
        }
        if status == GONE:
            say(f"creating stack {self._name}")
            self._client.create_stack(**request)
            self._finish(seen)
            return
        for step in self._indexes.steps(template):
            if self._update(request | {"TemplateBody": step}):
                self._finish(seen)
            else:
                say(f"stack {self._name} is up to date")
        self._indexes.wait()

    def outputs(self) -> dict[str, str]:
        """What the template tells of the stack that there is, by name."""
        (stack,) = self._client.describe_stacks(StackName=self._name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    def alarm_topic(self) -> str:
        """The topic that the alarms of the stack that there is are sent to; empty for none."""
        (stack,) = self._client.describe_stacks(StackName=self._name)["Stacks"]
        given = {each["ParameterKey"]: each["ParameterValue"] for each in stack["Parameters"]}
        return str(given.get("AlarmTopic", ""))

    def delete(self) -> None:
        """Deletes the stack if it is there. Raises Mistake with AWS's reasons."""
        if self.status() == GONE:
            return
        say(f"deleting stack {self._name}")
        seen = self._events()
        self._client.delete_stack(StackName=self._name)
        reached = self._wait(set(seen))
        if reached != GONE:
            raise Mistake(f"stack {self._name} ended in {reached}: {self._reasons(seen)}")

    def is_there(self) -> bool:
        """Whether there is one, whatever its state."""
        return self.status() != GONE

    def status(self) -> str:
        """CloudFormation's word for the state; DELETE_COMPLETE if there is none."""
        try:
            stacks = self._client.describe_stacks(StackName=self._name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return GONE
            raise
        return str(stacks[0]["StackStatus"])

    def _update(self, request: dict[str, Any]) -> bool:
        try:
            self._client.update_stack(**request)
        except ClientError as error:
            # CloudFormation has no other way to say so.
            if "No updates are to be performed" in error.response["Error"]["Message"]:
                return False
            raise
        say(f"updating stack {self._name}")
        return True

    def _finish(self, seen: set[str]) -> None:
        """Waits for the end, shows what happens meanwhile, and adds it to what was seen."""
        told = set(seen)
        reached = self._wait(told)
        if reached not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise Mistake(f"stack {self._name} ended in {reached}: {self._reasons(seen)}")
        seen |= told

    def _wait(self, told: set[str]) -> str:
        until = time.monotonic() + LIMIT_S
        while True:
            # The state first: what it is the end of is then among the events.
            status = self.status()
            for event in self._since(told):
                told.add(event["EventId"])
                say(
                    f"  {event['ResourceStatus']:<20} {event['LogicalResourceId']}"
                    f" ({event['ResourceType']})",
                )
            if not status.endswith("IN_PROGRESS"):
                return status
            if time.monotonic() > until:
                raise Mistake(f"stack {self._name} is {status} for {LIMIT_S // 60} minutes")
            time.sleep(POLL_S)

    def _reasons(self, seen: set[str]) -> str:
        failed = [
            f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in self._since(seen)
            if event["ResourceStatus"].endswith("FAILED") and "ResourceStatusReason" in event
        ]
        return "; ".join(failed) or "CloudFormation gives no reason"

    def _since(self, seen: set[str]) -> list[Any]:
        return [event for event in self._all_events() if event["EventId"] not in seen]

    def _events(self) -> set[str]:
        return {event["EventId"] for event in self._all_events()}

    def _all_events(self) -> list[Any]:
        pages = self._client.get_paginator("describe_stack_events")
        try:
            events = [
                event
                for page in pages.paginate(StackName=self._name)
                for event in page["StackEvents"]
            ]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return []
            raise
        return events[::-1]
