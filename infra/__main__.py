"""The commands behind `make deploy`, `undeploy`, `package`, `stage` and `restore`."""

import argparse
import os
import sys
from datetime import datetime

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from chalicelib.store.site import Site
from infra import stages
from infra.alarms import nobody_hears
from infra.domain import Domain
from infra.functions import Functions
from infra.gateway_responses import put_gateway_responses
from infra.leftovers import Leftovers
from infra.package import package
from infra.restore import Secrets, Table
from infra.site import put_site
from infra.stack import Stack
from infra.stage import ROOT, DeployError, Stage, find_stage
from infra.throttling import put_throttling

# Stages whose data nobody misses: they go without being confirmed and without a backup.
DISPOSABLE = {"dev"}


def main(arguments: list[str] | None = None) -> int:
    """Returns 0, 1 when AWS or Chalice refused, 2 when the request itself is wrong."""
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    parser.add_argument("command", choices=["deploy", "undeploy", "package", "restore", "stage"])
    parser.add_argument("stage")
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "stage":
            return add_stage(asked.stage)
        stage = find_stage(asked.stage)
    except DeployError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        return COMMANDS[asked.command](stage)
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound):
        print(
            "no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            file=sys.stderr,
        )
    except NoRegionError:
        print("no AWS region: set AWS_DEFAULT_REGION", file=sys.stderr)
    except ClientError as error:
        said = error.response["Error"]
        print(f"AWS refused {error.operation_name}: {said['Message']}", file=sys.stderr)
    except (DeployError, BotoCoreError, TimeoutError) as error:
        print(error, file=sys.stderr)
    return 1


def deploy(stage: Stage) -> int:
    """Resources, functions, API; again and again with the same result."""
    session = _session(stage)
    stack = Stack(session, stage)
    stack.deploy(alarm_topic=os.environ.get("ALARM_TOPIC"))
    api = Functions(session, stage).deploy()
    gateway = session.client("apigateway")
    put_gateway_responses(gateway, api=api["rest_api_id"], api_stage=stage.api_stage)
    put_throttling(gateway, api=api["rest_api_id"], stage=stage)
    Domain(gateway, stage).lead_to(api["rest_api_id"])
    address = f"https://{stage.domain}" if stage.domain else api["rest_api_url"]
    site = Site(address, stack.outputs()["FilesBucketName"])
    url = put_site(session.client("dynamodb"), table=stage.name, site=site)
    print(
        f"stage {stage.stage} is deployed at {url}; give it apps and numbers with python -m admin"
    )
    if why := nobody_hears(session.client("sns"), stack.alarm_topic()):
        print(f"the alarms reach nobody: {why}")
    return 0


def undeploy(stage: Stage) -> int:
    """Everything that `deploy` made, whatever is still there of it."""
    if not _confirmed(stage, "undeploy", f"this takes {stage.stage} away with all its bindings"):
        return 2
    disposable = stage.stage in DISPOSABLE
    session = _session(stage)
    with_files = disposable or os.environ.get("FILES") == "delete"
    leftovers = Leftovers(session, stage, disposable=disposable, with_files=with_files)
    Functions(session, stage).delete()
    leftovers.prepare()
    Stack(session, stage).delete()
    leftovers.delete()
    print(f"stage {stage.stage} is gone")
    return 0


def restore(stage: Stage) -> int:
    """The data of `BACKUP` (an ARN) or of `MOMENT` (ISO 8601), in a stage that is there or not."""
    backup, moment = os.environ.get("BACKUP", ""), os.environ.get("MOMENT", "")
    if bool(backup) == bool(moment):
        raise DeployError(
            "say what is to be restored: BACKUP=<ARN of a backup>, or MOMENT=2026-11-26T20:00:00Z"
        )
    if not _confirmed(stage, "restore", f"this puts a backup in the place of {stage.stage}'s data"):
        return 2
    session = _session(stage)
    table = Table(session, stage, protected=stage.stage not in DISPOSABLE)
    secrets = Secrets(session, stage)
    backup = backup or table.backup_of(_moment(moment))
    table.look_at(backup)
    if not Stack(session, stage).is_there():
        left = Leftovers(session, stage, disposable=False, with_files=False)
        if left.bucket_is_there():
            raise DeployError(
                f"bucket {left.bucket} is in the way, a stack can't take it over: copy its files to"
                " another, make undeploy ... FILES=delete, and copy them back after the restore"
            )
        secrets.keep()
        deploy(stage)
    secrets.give_back()
    table.replace(backup)
    # The address and the bucket that the backup has may be of another deployment.
    return deploy(stage)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise DeployError(f"MOMENT={text}: {error}") from error
    if moment.tzinfo is None:
        raise DeployError(f"MOMENT={text}: say the time zone too, as in {text}Z")
    return moment


def _confirmed(stage: Stage, command: str, what: str) -> bool:
    if stage.stage in DISPOSABLE or os.environ.get("CONFIRM") == stage.stage:
        return True
    print(
        f"{what}: if that is meant, make {command} STAGE={stage.stage} CONFIRM={stage.stage}",
        file=sys.stderr,
    )
    return False


def pack(stage: Stage) -> int:
    """A template and a zip, without asking AWS anything."""
    directory = package(stage)
    print(
        f"{directory}: upload with `aws cloudformation package`, then deploy with"
        " --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND"
    )
    return 0


def add_stage(stage: str) -> int:
    """The files of a new stage; of one that is there, they are made anew."""
    for path in stages.add(stage):
        print(f"written: {path.relative_to(ROOT)}")
    print(f"stage {stage} can be deployed: make deploy STAGE={stage}")
    return 0


def _session(stage: Stage) -> boto3.session.Session:
    session = boto3.session.Session()
    if not session.region_name:
        raise NoRegionError
    account = session.client("sts").get_caller_identity()["Account"]
    print(f"stage {stage.stage} in account {account}, {session.region_name}", flush=True)
    return session


COMMANDS = {"deploy": deploy, "undeploy": undeploy, "package": pack, "restore": restore}


if __name__ == "__main__":
    sys.exit(main())
