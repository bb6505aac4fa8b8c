"""The functions and the API of a stage, deployed by Chalice's own command."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from boto3.session import Session
from botocore.exceptions import ClientError

from cli.command import progress
from cli.failures import Mistake
from infra.domain import Domain
from infra.plain import BY_MAKE
from infra.stage import ROOT, Stage

Resource = dict[str, str]
# Chalice deletes from the bottom up, so a role stands above the function that uses it.
ORDER = ("iam_role", "lambda_function", "sqs_event", "cloudwatch_event", "rest_api")
SINGLY = ["ReportBatchItemFailures"]
SETTLE_S = 120


def chalice(*arguments: str, **environment: str) -> None:
    """Runs Chalice's command in the project, with additions to the environment. Raises
    Mistake when it fails.

    Not the script beside the interpreter: that names the path the environment was made at.
    """
    command = [sys.executable, "-c", "import chalice.cli, sys; sys.exit(chalice.cli.main())"]
    environment = {**os.environ, BY_MAKE: "1", **environment}
    ran = subprocess.run(
        [*command, *arguments], cwd=ROOT, env=environment, stdout=progress(), check=False
    )
    if ran.returncode:
        raise Mistake(f"chalice {arguments[0]} failed: its own message stands above")


class Functions:
    """Deploys and deletes, with the account as the only record of what is deployed.

    Chalice keeps that record in a file of the checkout: from another checkout, or after a
    deployment that died half-way, it would make a second API under another address and forget
    the first. So the file is written anew from the account each time.
    """

    def __init__(self, session: Session, stage: Stage) -> None:
        self._session = session
        self._stage = stage

    def deploy(self) -> Resource:
        """Returns the REST API, of which `rest_api_id` and `rest_api_url` are of interest."""
        # Before the new code as well: what it names as failed would be lost to an old subscription,
        # while old code, which raises, is understood by either.
        self._let_messages_fail_singly()
        self._record()
        chalice("deploy", "--stage", self._stage.stage)
        self._let_messages_fail_singly()
        api = self._rest_api()
        if api is None:
            raise Mistake("chalice has deployed no REST API")
        return api

    def delete(self) -> None:
        """Deletes whatever of it is there."""
        found = self._record()
        for api in [each for each in found if each["resource_type"] == "rest_api"]:
            Domain(self._session.client("apigateway"), self._stage).delete(api["rest_api_id"])
        if found:
            chalice("delete", "--stage", self._stage.stage)
        # The record of a stage that is gone would only mislead.
        self._file.unlink(missing_ok=True)

    def _let_messages_fail_singly(self) -> None:
        """Only what a function names as failed comes again; Chalice (1.34) can't ask for that."""
        client = self._session.client("lambda")
        subscriptions = [each for each in self._functions() if "event_uuid" in each]
        for uuid in [each["event_uuid"] for each in subscriptions]:
            if self._settled(client, uuid).get("FunctionResponseTypes") != SINGLY:
                client.update_event_source_mapping(UUID=uuid, FunctionResponseTypes=SINGLY)
                self._settled(client, uuid)

    @staticmethod
    def _settled(client: Any, uuid: str) -> dict[str, Any]:
        """The subscription, when it can be changed: it is made, and changed, for some seconds."""
        until = time.monotonic() + SETTLE_S
        while True:
            mapping: dict[str, Any] = client.get_event_source_mapping(UUID=uuid)
            if not str(mapping.get("State", "")).endswith("ing"):
                return mapping
            if time.monotonic() > until:
                raise Mistake(f"a queue's subscription is {mapping['State']} for two minutes")
            time.sleep(1)

    @property
    def _file(self) -> Any:
        return ROOT / ".chalice" / "deployed" / f"{self._stage.stage}.json"

    def _record(self) -> list[Resource]:
        found = sorted(self._deployed(), key=lambda each: ORDER.index(each["resource_type"]))
        self._file.parent.mkdir(parents=True, exist_ok=True)
        record = {"resources": found, "schema_version": "2.0", "backend": "api"}
        self._file.write_text(json.dumps(record, indent=2) + "\n")
        return found

    def _deployed(self) -> Iterator[Resource]:
        """What carries the stage's names, as Chalice (1.34) records it."""
        yield from self._roles()
        yield from self._functions()
        yield from self._rules()
        if api := self._rest_api():
            yield api

    def _roles(self) -> Iterator[Resource]:
        for page in self._session.client("iam").get_paginator("list_roles").paginate():
            for role in page["Roles"]:
                if function := self._function(role["RoleName"]):
                    yield {
                        "name": f"{function}_role",
                        "resource_type": "iam_role",
                        "role_arn": role["Arn"],
                        "role_name": role["RoleName"],
                    }

    def _functions(self) -> Iterator[Resource]:
        client = self._session.client("lambda")
        for page in client.get_paginator("list_functions").paginate():
            for each in page["Functions"]:
                name, arn = each["FunctionName"], each["FunctionArn"]
                function = "api_handler" if name == self._stage.name else self._function(name)
                if function:
                    yield {"name": function, "resource_type": "lambda_function", "lambda_arn": arn}
                    yield from self._queues(function, arn)

    def _queues(self, function: str, arn: str) -> Iterator[Resource]:
        client = self._session.client("lambda")
        for page in client.get_paginator("list_event_source_mappings").paginate(FunctionName=arn):
            for mapping in page["EventSourceMappings"]:
                # One that is being deleted is still listed for a minute, and can't be touched.
                if mapping.get("State") == "Deleting":
                    continue
                yield {
                    "name": f"{function}-sqs-event-source",
                    "resource_type": "sqs_event",
                    "queue_arn": mapping["EventSourceArn"],
                    "event_uuid": mapping["UUID"],
                    "queue": mapping["EventSourceArn"].rpartition(":")[2],
                    "lambda_arn": arn,
                }

    def _rules(self) -> Iterator[Resource]:
        client = self._session.client("events")
        pages = client.get_paginator("list_rules").paginate(NamePrefix=f"{self._stage.name}-")
        for page in pages:
            for rule in page["Rules"]:
                if event := self._function(rule["Name"]):
                    yield {
                        "name": event,
                        "resource_type": "cloudwatch_event",
                        "rule_name": rule["Name"],
                    }

    def _rest_api(self) -> Resource | None:
        """The API by its name and stage; Chalice gives it the app's name in every stage."""
        client = self._session.client("apigateway")
        for page in client.get_paginator("get_rest_apis").paginate():
            for api in page["items"]:
                if api["name"] == self._stage.app and self._serves(client, api["id"]):
                    return {
                        "name": "rest_api",
                        "resource_type": "rest_api",
                        "rest_api_id": api["id"],
                        "rest_api_url": self._url(client, api["id"]),
                    }
        return None

    def _serves(self, client: Any, api: str) -> bool:
        try:
            client.get_stage(restApiId=api, stageName=self._stage.api_stage)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NotFoundException":
                return False
            raise
        return True

    def _url(self, client: Any, api: str) -> str:
        region = client.meta.region_name
        return f"https://{api}.execute-api.{region}.amazonaws.com/{self._stage.api_stage}/"

    def _function(self, name: str) -> str:
        prefix = f"{self._stage.name}-"
        return name.removeprefix(prefix) if name.startswith(prefix) else ""
