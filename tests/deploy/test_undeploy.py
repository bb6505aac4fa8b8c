"""`make undeploy`: nothing is left, and nothing of value goes without being asked."""

from pathlib import Path

import boto3
import pytest

from tests.deploy.account import forget_secrets, holds
from tests.deploy.conftest import REGION, Infra


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_nothing_is_left(
    session: boto3.session.Session, project: Path, infra: Infra, stage: str
) -> None:
    before = holds(session)
    deployed = infra("deploy", stage)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    # Stack, table, bucket, 4 queues, 2 secrets, 8 log groups; 8 functions with roles, 4 rules,
    # 3 mappings, API.
    assert len(holds(session) - before) == 40
    gone = infra("undeploy", stage, CONFIRM=stage)
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert holds(session) == before
    forget_secrets(session)
    assert not (project / ".chalice" / "deployed" / f"{stage}.json").exists()


def test_what_is_not_there_is_no_error(infra: Infra) -> None:
    for _ in range(2):
        ran = infra("undeploy", "dev")
        assert (ran.returncode, ran.stderr) == (0, "")


def test_the_rest_goes_when_the_stack_is_gone_already(
    session: boto3.session.Session, infra: Infra
) -> None:
    assert infra("deploy", "dev").returncode == 0
    session.client("cloudformation").delete_stack(StackName="masking-gateway-dev")
    ran = infra("undeploy", "dev")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not [each for each in holds(session) if "masking-gateway-dev" in each[1]]


def test_prod_wants_to_be_confirmed(session: boto3.session.Session, infra: Infra) -> None:
    _leave_table_and_secrets(session, "masking-gateway-prod")
    for confirm in ("", "dev", "yes"):
        ran = infra("undeploy", "prod", CONFIRM=confirm)
        assert ran.returncode == 2
        assert "CONFIRM=prod" in ran.stderr
    assert ("dynamodb.TableNames", "masking-gateway-prod") in holds(session)


def test_prod_leaves_a_backup_that_can_be_read(
    session: boto3.session.Session, infra: Infra
) -> None:
    name = "masking-gateway-prod"
    _leave_table_and_secrets(session, name)
    ran = infra("undeploy", "prod", CONFIRM="prod")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert not [each for each in holds(session) if name in each[1]]
    backups = session.client("dynamodb").list_backups(TableName=name)["BackupSummaries"]
    assert backups[-1]["BackupArn"] in ran.stdout
    # Without the data keys nobody could read it.
    secrets = session.client("secretsmanager")
    secrets.restore_secret(SecretId=f"{name}/data-keys")
    assert secrets.get_secret_value(SecretId=f"{name}/data-keys")["SecretString"] == "kept"
    secrets.delete_secret(SecretId=f"{name}/data-keys", ForceDeleteWithoutRecovery=True)
    secrets.delete_secret(SecretId=f"{name}/app/demo", ForceDeleteWithoutRecovery=True)


def test_prod_keeps_its_files_until_told_otherwise(
    session: boto3.session.Session, infra: Infra
) -> None:
    bucket = "masking-gateway-prod-files-123456789012"
    s3 = session.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for number in range(3):
        s3.put_object(Bucket=bucket, Key=f"recordings/7/demo/{number}", Body=b"RIFF")
    ran = infra("undeploy", "prod", CONFIRM="prod")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert f"bucket {bucket} stays" in ran.stdout
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 3
    ran = infra("undeploy", "prod", CONFIRM="prod", FILES="delete")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ("s3.Buckets", bucket) not in holds(session)


def test_dev_goes_with_its_files(session: boto3.session.Session, infra: Infra) -> None:
    bucket = "masking-gateway-dev-files-123456789012"
    s3 = session.client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket=bucket, Key="exports/demo/2026-11-01/e/part-00001.csv", Body=b"at")
    assert infra("undeploy", "dev").returncode == 0
    assert ("s3.Buckets", bucket) not in holds(session)


def test_dev_goes_without_recovery(session: boto3.session.Session, infra: Infra) -> None:
    _leave_table_and_secrets(session, "masking-gateway-dev")
    assert infra("undeploy", "dev").returncode == 0
    assert not [each for each in holds(session) if "masking-gateway-dev" in each[1]]
    # A secret that waits for its recovery would be in the way of the next deployment.
    _leave_table_and_secrets(session, "masking-gateway-dev")
    assert infra("undeploy", "dev").returncode == 0


def _leave_table_and_secrets(session: boto3.session.Session, name: str) -> None:
    """What is retained of a stack that is deleted."""
    if ("dynamodb.TableNames", name) in holds(session):
        return
    session.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        DeletionProtectionEnabled=name.endswith("-prod"),
    )
    for secret in ("data-keys", "app/demo"):
        session.client("secretsmanager").create_secret(Name=f"{name}/{secret}", SecretString="kept")
