"""The commands behind `make deploy`, `undeploy`, `package`, `stage` and `restore`."""

import argparse
import os
import sys

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
from infra.functions import Functions
from infra.gateway_responses import put_gateway_responses
from infra.leftovers import Leftovers
from infra.package import package
from infra.site import put_site
from infra.stack import Stack
from infra.stage import ROOT, DeployError, Stage, find_stage
from infra.throttling import put_throttling

# Stages whose data nobody misses: they go without being confirmed and without a backup.
DISPOSABLE = {"dev"}


def main(arguments: list[str] | None = None) -> int:
    """Returns 0, 1 when AWS or Chalice refused, 2 when the request itself is wrong."""
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    parser.add_argument("command", choices=["deploy", "undeploy", "package", "stage"])
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
        return {"deploy": deploy, "undeploy": undeploy, "package": pack}[asked.command](stage)
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
    disposable = stage.stage in DISPOSABLE
    if not disposable and os.environ.get("CONFIRM") != stage.stage:
        print(
            f"this takes {stage.stage} away with all its bindings: if that is meant,"
            f" make undeploy STAGE={stage.stage} CONFIRM={stage.stage}",
            file=sys.stderr,
        )
        return 2
    session = _session(stage)
    with_files = disposable or os.environ.get("FILES") == "delete"
    leftovers = Leftovers(session, stage, disposable=disposable, with_files=with_files)
    Functions(session, stage).delete()
    leftovers.prepare()
    Stack(session, stage).delete()
    leftovers.delete()
    print(f"stage {stage.stage} is gone")
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
