"""What the stack's deletion keeps on purpose: table, secrets, files; how it goes all the same."""

import time
from collections.abc import Callable
from typing import Any

from boto3.session import Session
from botocore.exceptions import ClientError

from cli.command import say
from cli.failures import Mistake
from infra.stage import Stage

# Whoever deleted production by mistake has a month to find out; Secrets Manager's maximum.
RECOVERY_DAYS = 30


def secrets_of(client: Any, stage: Stage) -> list[str]:
    """The names of the stage's secrets: the data keys, and those of apps, carriers and switches.
    What waits for its end is not among them."""
    pages = client.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": [f"{stage.name}/"]}]
    )
    # The filter also finds names that have the text elsewhere than at their beginning.
    names = [str(each["Name"]) for page in pages for each in page["SecretList"]]
    return sorted(name for name in names if name.startswith(f"{stage.name}/"))


class Leftovers:
    """The template retains them, so that no deletion of the stack alone can lose data.

    Of a disposable stage they are deleted at once. Of any other the table leaves a backup and the
    secrets can be restored for 30 days, as without its data keys the backup could not be read.
    Recordings and exports have no backup: the bucket goes `with_files`, else only when it is empty.
    """

    def __init__(
        self, session: Session, stage: Stage, *, disposable: bool, with_files: bool
    ) -> None:
        self._dynamodb = session.client("dynamodb")
        self._secrets = session.client("secretsmanager")
        self._s3 = session.client("s3")
        self._stage = stage
        self._disposable = disposable
        self._with_files = with_files
        account = session.client("sts").get_caller_identity()["Account"]
        self.bucket = stage.bucket(account)

    def prepare(self) -> None:
        """To be called before the stack goes: backs up the table and lifts its protection."""
        table = self._table()
        if table is None or self._disposable:
            return
        name = f"{self._stage.name}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}"
        backup = self._dynamodb.create_backup(TableName=self._stage.name, BackupName=name)
        say(f"table backed up: {backup['BackupDetails']['BackupArn']}")
        if table.get("DeletionProtectionEnabled"):
            self._dynamodb.update_table(TableName=self._stage.name, DeletionProtectionEnabled=False)
            self._until(lambda: (self._table() or {}).get("TableStatus") != "UPDATING")

    def delete(self) -> None:
        """To be called when the stack is gone. What is not there is no error."""
        if self._table() is not None:
            say(f"deleting table {self._stage.name}")
            self._dynamodb.delete_table(TableName=self._stage.name)
            self._until(lambda: self._table() is None)
        for secret in secrets_of(self._secrets, self._stage):
            self._secrets.delete_secret(SecretId=secret, **self._recovery())
            say(f"deleted secret {secret}{self._note()}")
        if self.bucket_is_there():
            self._delete_bucket()

    def _delete_bucket(self) -> None:
        if self._with_files:
            self._delete_files()
        try:
            self._s3.delete_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] != "BucketNotEmpty":
                raise
            say(
                f"bucket {self.bucket} stays, with files that go when their time is up; to delete"
                " them now, do this again with FILES=delete",
            )
        else:
            say(f"deleted bucket {self.bucket}")

    def _delete_files(self) -> None:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket):
            keys: Any = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if keys:
                self._s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})

    def bucket_is_there(self) -> bool:
        """Whether the bucket of files is there, with files or without."""
        try:
            self._s3.head_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return False
            raise
        return True

    def _recovery(self) -> dict[str, Any]:
        if self._disposable:
            return {"ForceDeleteWithoutRecovery": True}
        return {"RecoveryWindowInDays": RECOVERY_DAYS}

    def _note(self) -> str:
        return "" if self._disposable else f", which can be restored for {RECOVERY_DAYS} days"

    def _table(self) -> dict[str, Any] | None:
        try:
            table = self._dynamodb.describe_table(TableName=self._stage.name)["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return None
            raise
        return dict(table)

    @staticmethod
    def _until(done: Callable[[], bool], *, limit_s: float = 600, poll_s: float = 2) -> None:
        until = time.monotonic() + limit_s
        while not done():
            if time.monotonic() > until:
                raise Mistake("DynamoDB has not finished with the table for ten minutes")
            time.sleep(poll_s)
