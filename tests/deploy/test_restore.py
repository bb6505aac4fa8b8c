"""What was there comes back: the code of before, and the data of a backup or of a moment."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.deploy.account import forget_secrets
from tests.deploy.conftest import Infra
from tests.gateways import RESOURCES

NAME = "masking-gateway-prod"
BUCKET = f"{NAME}-files-123456789012"
MARK = {"pk": {"S": "MARK"}, "sk": {"S": "MARK"}}


@pytest.fixture(scope="module")
def prod(infra: Infra, session: boto3.session.Session) -> Iterator[boto3.session.Session]:
    """The stage, deployed, with one item that is not the deployment's; the account it is in."""
    ran = infra("deploy", "prod")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    _mark(session, "first")
    yield session
    gone = infra("undeploy", "prod", CONFIRM="prod", FILES="delete")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    forget_secrets(session)


def test_a_backup_takes_the_place_of_what_is_there(
    prod: boto3.session.Session, infra: Infra
) -> None:
    dynamodb = prod.client("dynamodb")
    made = dynamodb.create_backup(TableName=NAME, BackupName="by-hand")["BackupDetails"]
    _mark(prod, "second")
    ran = infra("restore", "prod", CONFIRM="prod", BACKUP=made["BackupArn"])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert _marked(prod) == "first"
    _has_what_the_template_says(prod)
    # What was there just before is a backup itself.
    (before,) = [line for line in ran.stdout.splitlines() if "backed up before" in line]
    ran = infra("restore", "prod", CONFIRM="prod", BACKUP=before.split()[-1])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert _marked(prod) == "second"


def test_a_stage_that_was_taken_away_comes_back_with_its_keys(
    prod: boto3.session.Session, infra: Infra
) -> None:
    _mark(prod, "before the end")
    secrets = prod.client("secretsmanager")
    secrets.create_secret(Name=f"{NAME}/app/demo", SecretString="of an app")
    keys = secrets.get_secret_value(SecretId=f"{NAME}/data-keys")["SecretString"]
    prod.client("s3").put_object(Bucket=BUCKET, Key="recordings/7/demo/1", Body=b"RIFF")
    gone = infra("undeploy", "prod", CONFIRM="prod")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    (line,) = [line for line in gone.stdout.splitlines() if "table backed up" in line]
    backup = line.split()[-1]
    refused = infra("restore", "prod", CONFIRM="prod", BACKUP=backup)
    assert refused.returncode == 1
    assert f"bucket {BUCKET} is in the way" in refused.stderr
    assert infra("undeploy", "prod", CONFIRM="prod", FILES="delete").returncode == 0
    ran = infra("restore", "prod", CONFIRM="prod", BACKUP=backup)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert _marked(prod) == "before the end"
    assert secrets.get_secret_value(SecretId=f"{NAME}/data-keys")["SecretString"] == keys
    assert secrets.get_secret_value(SecretId=f"{NAME}/app/demo")["SecretString"] == "of an app"
    names = {each["Name"] for each in secrets.list_secrets()["SecretList"]}
    assert not [name for name in names if "restoring" in name]
    _has_what_the_template_says(prod)


def test_a_moment_takes_the_place_of_what_is_there(
    prod: boto3.session.Session, infra: Infra
) -> None:
    """The stand-in has no past: whatever the moment, it restores what there is."""
    _mark(prod, "now")
    ran = infra("restore", "prod", CONFIRM="prod", MOMENT="2026-11-26T20:00:00Z")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "as of 2026-11-26T20:00:00+00:00" in ran.stdout
    assert _marked(prod) == "now"
    assert prod.client("dynamodb").list_tables()["TableNames"] == [NAME]
    _has_what_the_template_says(prod)


def test_the_code_of_before_is_deployed_again(
    prod: boto3.session.Session, infra: Infra, project: Path
) -> None:
    """A rollback is a deployment of the commit before: the same sources are the same zip."""
    path = project / "app.py"
    right, digests = path.read_text(), []
    try:
        for source in (f"{right}\n# The next release.\n", right):
            path.write_text(source)
            ran = infra("deploy", "prod")
            assert ran.returncode == 0, ran.stdout + ran.stderr
            digests.append(_digest(prod))
    finally:
        path.write_text(right)
    packaged = infra("package", "prod")
    assert packaged.returncode == 0, packaged.stdout + packaged.stderr
    assert digests[0] != digests[1]
    assert digests[1] == _sha256(project / "build" / "prod" / "deployment.zip")


@pytest.mark.parametrize(
    ("environment", "status", "said"),
    [
        ({"CONFIRM": "prod"}, 1, "say what is to be restored"),
        ({"CONFIRM": "prod", "BACKUP": "arn:1", "MOMENT": "2026-11-26"}, 1, "say what"),
        ({"BACKUP": "arn:1"}, 2, "CONFIRM=prod"),
        ({"CONFIRM": "prod", "MOMENT": "yesterday"}, 1, "MOMENT=yesterday"),
        ({"CONFIRM": "prod", "MOMENT": "2026-11-26T20:00:00"}, 1, "time zone"),
        ({"CONFIRM": "prod", "BACKUP": "arn:aws:dynamodb:eu-west-1:1:table/t/backup/1"}, 1, "1: "),
    ],
)
def test_a_mistake_is_said_and_changes_nothing(
    prod: boto3.session.Session, infra: Infra, environment: dict[str, str], status: int, said: str
) -> None:
    _mark(prod, "unchanged")
    ran = infra("restore", "prod", **environment)
    assert ran.returncode == status
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert _marked(prod) == "unchanged"


def _mark(session: boto3.session.Session, text: str) -> None:
    session.client("dynamodb").put_item(TableName=NAME, Item={**MARK, "text": {"S": text}})


def _marked(session: boto3.session.Session) -> str:
    item = session.client("dynamodb").get_item(TableName=NAME, Key=MARK)["Item"]
    return str(item["text"]["S"])


def _has_what_the_template_says(session: boto3.session.Session) -> None:
    dynamodb = session.client("dynamodb")
    table: dict[str, Any] = dict(dynamodb.describe_table(TableName=NAME)["Table"])
    assert table["DeletionProtectionEnabled"] is True
    wanted = json.loads(RESOURCES.read_text())["Resources"]["Table"]["Properties"]
    names = {each["IndexName"] for each in wanted["GlobalSecondaryIndexes"]}
    assert {each["IndexName"] for each in table["GlobalSecondaryIndexes"]} == names
    backups = dynamodb.describe_continuous_backups(TableName=NAME)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def _digest(session: boto3.session.Session) -> str:
    client = session.client("lambda")
    return str(client.get_function_configuration(FunctionName=NAME)["CodeSha256"])


def _sha256(path: Path) -> str:
    return base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
