"""`python -m admin`: the operator's command line. The stage comes from STAGE (default dev)."""

import os
import re
from pathlib import Path

import click

from admin.command import Commands
from admin.commands.apps import APPS
from admin.commands.carriers import CARRIERS
from admin.commands.events import EVENTS
from admin.commands.keys import KEYS
from admin.commands.numbers import NUMBERS
from admin.commands.site import SITE
from admin.commands.switches import SWITCHES

_CHANGELOG = Path(__file__).resolve().parent.parent / "CHANGELOG.md"


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """The newest heading of the changelog: a release, or what comes after the last one."""
    if wanted:
        newest = re.search(r"^## \[(.+?)\]", _CHANGELOG.read_text(), re.MULTILINE)
        click.echo(f"masking-gateway {newest[1] if newest else 'of no version'}")
        context.exit()


@click.group(
    cls=Commands,
    sections=(APPS, NUMBERS, CARRIERS, SWITCHES, EVENTS, KEYS, SITE),
    epilog="Each command has --help and --json, changes have --dry-run too. The tasks of an"
    " operator, one by one: docs/operating/README.md.",
)
@click.option("--traceback", is_flag=True, help="Show all of an unexpected error.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version.",
)
def cli(traceback: bool) -> None:
    """Operate a masking gateway: apps, numbers, carriers, switches, events and keys."""


if __name__ == "__main__":
    if os.environ.get("PRIVATE_ADDRESSES") == "allowed":
        # For the stage `local`. What is deployed refuses such addresses, whatever is saved here.
        from simulator.local_addresses import allow_local_addresses

        allow_local_addresses()
    # A name that the shells' completion knows it by: scripts/admin.
    cli(prog_name="admin", complete_var="_ADMIN_COMPLETE")
