"""Brings a stage's data back: the table from a backup or a moment, the secrets of a stage that was
taken away."""

import json
import time
from collections.abc import Callable
from datetime import datetime

from boto3.session import Session
from botocore.exceptions import ClientError

from cli.command import say
from cli.failures import Mistake
from infra.leftovers import secrets_of
from infra.stage import TEMPLATE, Stage

POLL_S = 5.0
# AWS restores what many a table holds within an hour, and promises nothing.
LIMIT_S = 6 * 3600


class Table:
    """The stage's table, whose name is fixed: what is restored takes the place of what is there."""

    def __init__(self, session: Session, stage: Stage, *, protected: bool) -> None:
        self._client = session.client("dynamodb")
        self._name = stage.name
        self._protected = protected

    def look_at(self, backup: str) -> None:
        """Raises Mistake if this ARN is no backup that can be restored."""
        try:
            described = self._client.describe_backup(BackupArn=backup)["BackupDescription"]
        except ClientError as error:
            raise Mistake(f"{backup}: {error.response['Error']['Message']}") from error
        status = described["BackupDetails"]["BackupStatus"]
        if status != "AVAILABLE":
            raise Mistake(f"backup {backup} is {status}")

    def backup_of(self, moment: datetime) -> str:
        """A new backup (its ARN) of what the table held then; AWS goes back 35 days at most."""
        passing = f"{self._name}-restoring"
        if self._status(passing) == "":
            say(f"restoring {self._name} as of {moment.isoformat()} to {passing}")
            self._client.restore_table_to_point_in_time(
                SourceTableName=self._name, TargetTableName=passing, RestoreDateTime=moment
            )
        self._until(passing, "ACTIVE")
        backup = self._backup(passing, f"{self._name}-as-of-{moment:%Y%m%d-%H%M%S}")
        self._client.delete_table(TableName=passing)
        self._until(passing, "")
        return backup

    def replace(self, backup: str) -> None:
        """Deletes what is there, after a backup of it, and restores `backup` under its name."""
        if self._status(self._name):
            before = f"{self._name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
            say(f"backed up before: {self._backup(self._name, before)}")
            self._client.update_table(TableName=self._name, DeletionProtectionEnabled=False)
            self._until(self._name, "ACTIVE")
            self._client.delete_table(TableName=self._name)
            self._until(self._name, "")
        say(f"restoring {self._name} from {backup}")
        self._client.restore_table_from_backup(TargetTableName=self._name, BackupArn=backup)
        self._until(self._name, "ACTIVE")
        # CloudFormation does not see that the table is another one, and a backup has neither.
        self._client.update_table(TableName=self._name, DeletionProtectionEnabled=self._protected)
        self._until(self._name, "ACTIVE")
        self._client.update_continuous_backups(
            TableName=self._name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )

    def _backup(self, table: str, name: str) -> str:
        made = self._client.create_backup(TableName=table, BackupName=name)["BackupDetails"]
        arn = str(made["BackupArn"])
        self._wait(lambda: self._backup_status(arn) == "AVAILABLE", f"backup {name}")
        return arn

    def _backup_status(self, arn: str) -> str:
        described = self._client.describe_backup(BackupArn=arn)["BackupDescription"]
        return str(described["BackupDetails"]["BackupStatus"])

    def _status(self, table: str) -> str:
        """DynamoDB's word; empty if there is no such table."""
        try:
            return str(self._client.describe_table(TableName=table)["Table"]["TableStatus"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return ""
            raise

    def _until(self, table: str, status: str) -> None:
        self._wait(lambda: self._status(table) == status, f"table {table}")

    @staticmethod
    def _wait(done: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + LIMIT_S
        while not done():
            if time.monotonic() > until:
                raise Mistake(f"{what} is not ready after {LIMIT_S // 3600} hours")
            time.sleep(POLL_S)


class Secrets:
    """The secrets of a stage that `make undeploy` took away, in their 30 days.

    CloudFormation makes no secret under a name that there is. So what the stack makes is kept under
    another name meanwhile, and put into the new secret afterwards; whatever step this dies at, to
    do it again finishes it.
    """

    def __init__(self, session: Session, stage: Stage) -> None:
        self._client = session.client("secretsmanager")
        self._stage = stage
        resources = json.loads(TEMPLATE.read_text())["Resources"].values()
        self._of_stack = {
            each["Properties"]["Name"]["Fn::Sub"].replace("${Stage}", stage.stage)
            for each in resources
            if each["Type"] == "AWS::SecretsManager::Secret"
        }

    def keep(self) -> None:
        """To be called while there is no stack."""
        pages = self._client.get_paginator("list_secrets").paginate(
            IncludePlannedDeletion=True,
            Filters=[{"Key": "name", "Values": [f"{self._stage.name}/"]}],
        )
        for each in [each for page in pages for each in page["SecretList"]]:
            if "DeletedDate" in each:
                self._client.restore_secret(SecretId=each["Name"])
                say(f"restored secret {each['Name']}")
        for name in self._of_stack & set(secrets_of(self._client, self._stage)):
            self._write(self._passing(name), self._read(name))
            self._client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)

    def give_back(self) -> None:
        """To be called when there is a stack."""
        for name in self._of_stack:
            passing = self._passing(name)
            try:
                value = self._read(passing)
            except self._client.exceptions.ResourceNotFoundException:
                continue
            self._client.put_secret_value(SecretId=name, SecretString=value)
            self._client.delete_secret(SecretId=passing, ForceDeleteWithoutRecovery=True)

    def _passing(self, name: str) -> str:
        return name.replace("/", "-restoring/", 1)

    def _read(self, name: str) -> str:
        return str(self._client.get_secret_value(SecretId=name)["SecretString"])

    def _write(self, name: str, value: str) -> None:
        try:
            self._client.create_secret(Name=name, SecretString=value)
        except self._client.exceptions.ResourceExistsException:
            self._client.put_secret_value(SecretId=name, SecretString=value)
