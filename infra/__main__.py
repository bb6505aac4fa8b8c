"""The commands behind `make deploy`, `undeploy`, `package`, `stage` and `restore`."""

from datetime import datetime

import boto3
import click
from botocore.exceptions import NoRegionError

from chalicelib.store.site import Site
from cli.command import Commands, Report, Section, say
from cli.failures import BadRequest, Mistake
from cli.place import Place, stand_in
from infra import stages
from infra.alarms import nobody_hears
from infra.domain import Domain
from infra.functions import Functions
from infra.gateway_responses import put_gateway_responses
from infra.leftovers import Leftovers
from infra.package import package as write_package
from infra.restore import Secrets, Table
from infra.site import put_site
from infra.stack import Stack
from infra.stage import ROOT, Stage, find_stage
from infra.throttling import put_throttling

DISPOSABLE = {"dev"}
"""Stages whose data nobody misses: they go without being confirmed and without a backup."""

STAGES = Section("Stages")

_stage = click.argument("stage", callback=lambda _, __, name: find_stage(name))
_confirm = click.option(
    "--confirm", envvar="CONFIRM", show_envvar=True, help="The stage again: it is meant."
)
_alarm_topic = click.option(
    "--alarm-topic", envvar="ALARM_TOPIC", show_envvar=True, help="ARN for the alarms."
)


@STAGES.command("deploy")
@_stage
@_alarm_topic
def deploy(stage: Stage, alarm_topic: str | None) -> Report:
    """Make a stage's resources, functions and API.

    Again and again with the same result.
    """
    return _deploy(stage, alarm_topic)


@STAGES.command("undeploy")
@_stage
@_confirm
@click.option(
    "--files",
    type=click.Choice(["delete"]),
    envvar="FILES",
    show_envvar=True,
    help="Recordings and exports go too.",
)
def undeploy(stage: Stage, confirm: str | None, files: str | None) -> Report:
    """Take away all that is there of a stage."""
    _check_meant(stage, confirm, "undeploy", f"this takes {stage.stage} away with all its bindings")
    disposable = stage.stage in DISPOSABLE
    session = _session(stage)
    with_files = disposable or files == "delete"
    leftovers = Leftovers(session, stage, disposable=disposable, with_files=with_files)
    Functions(session, stage).delete()
    leftovers.prepare()
    Stack(session, stage).delete()
    leftovers.delete()
    return Report({"stage": stage.stage}, f"stage {stage.stage} is gone")


@STAGES.command("restore")
@_stage
@_confirm
@_alarm_topic
@click.option("--backup", envvar="BACKUP", show_envvar=True, help="ARN of what is restored,")
@click.option(
    "--moment",
    envvar="MOMENT",
    show_envvar=True,
    help="or whose data it is, e.g. 2026-11-26T20:00:00Z.",
)
def restore(
    stage: Stage,
    confirm: str | None,
    alarm_topic: str | None,
    backup: str | None,
    moment: str | None,
) -> Report:
    """Put a backup, or a moment, in the place of a stage's data.

    The stage is there or not.
    """
    if bool(backup) == bool(moment):
        raise Mistake(
            "say what is to be restored: BACKUP=<ARN of a backup>, or MOMENT=2026-11-26T20:00:00Z"
        )
    _check_meant(
        stage, confirm, "restore", f"this puts a backup in the place of {stage.stage}'s data"
    )
    session = _session(stage)
    table = Table(session, stage, protected=stage.stage not in DISPOSABLE)
    secrets = Secrets(session, stage)
    backup = backup or table.backup_of(_moment(moment or ""))
    table.look_at(backup)
    if not Stack(session, stage).is_there():
        left = Leftovers(session, stage, disposable=False, with_files=False)
        if left.bucket_is_there():
            raise Mistake(
                f"bucket {left.bucket} is in the way, a stack can't take it over: copy its files to"
                " another, make undeploy ... FILES=delete, and copy them back after the restore"
            )
        secrets.keep()
        say(_deploy(stage, alarm_topic).shown)
    secrets.give_back()
    table.replace(backup)
    # The address and the bucket that the backup has may be of another deployment.
    return _deploy(stage, alarm_topic)


@STAGES.command("package")
@_stage
def package(stage: Stage) -> Report:
    """Write a template and a zip, without asking AWS anything."""
    directory = str(write_package(stage))
    return Report(
        {"directory": directory},
        f"{directory}: upload with `aws cloudformation package`, then deploy with"
        " --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND",
    )


@STAGES.command("stage")
@click.argument("stage")
def add_stage(stage: str) -> Report:
    """Write the files of a stage, a new one or not."""
    written = [str(path.relative_to(ROOT)) for path in stages.add(stage)]
    lines = [*(f"written: {path}" for path in written)]
    lines.append(f"stage {stage} can be deployed: make deploy STAGE={stage}")
    return Report({"stage": stage, "written": written}, "\n".join(lines))


@click.group(cls=Commands, sections=(STAGES,))
def cli(traceback: bool) -> None:
    """Deploy, restore and take away stages; see infra/README.md."""


def _deploy(stage: Stage, alarm_topic: str | None) -> Report:
    session = _session(stage)
    stack = Stack(session, stage)
    stack.deploy(alarm_topic=alarm_topic)
    api = Functions(session, stage).deploy()
    gateway = session.client("apigateway")
    put_gateway_responses(gateway, api=api["rest_api_id"], api_stage=stage.api_stage)
    put_throttling(gateway, api=api["rest_api_id"], stage=stage)
    Domain(gateway, stage).lead_to(api["rest_api_id"])
    address = f"https://{stage.domain}" if stage.domain else api["rest_api_url"]
    site = Site(address, stack.outputs()["FilesBucketName"])
    url = put_site(session.client("dynamodb"), table=stage.name, site=site)
    lines = [
        f"stage {stage.stage} is deployed at {url}; give it apps and numbers with python -m admin"
    ]
    if why := nobody_hears(session.client("sns"), stack.alarm_topic()):
        lines.append(f"the alarms reach nobody: {why}")
    return Report({"stage": stage.stage, "url": url, "alarms": why or "heard"}, "\n".join(lines))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Mistake(f"MOMENT={text}: {error}") from error
    if moment.tzinfo is None:
        raise Mistake(f"MOMENT={text}: say the time zone too, as in {text}Z")
    return moment


def _check_meant(stage: Stage, confirm: str | None, command: str, what: str) -> None:
    if stage.stage not in DISPOSABLE and confirm != stage.stage:
        raise BadRequest(
            f"{what}: if that is meant, make {command} STAGE={stage.stage} CONFIRM={stage.stage}"
        )


def _session(stage: Stage) -> boto3.session.Session:
    session = boto3.session.Session()
    if not session.region_name:
        raise NoRegionError
    sts = session.client("sts")
    account = sts.get_caller_identity()["Account"]
    at = stand_in(sts.meta.endpoint_url)
    say(str(Place(stage.stage, account, session.region_name, at)))
    return session


if __name__ == "__main__":
    cli(prog_name="infra")
