"""`python -m admin`: the operator's command line. The stage comes from STAGE (default dev)."""

import os

import click

from admin.command import stage_option
from admin.commands.apps import APPS
from admin.commands.carriers import CARRIERS
from admin.commands.events import EVENTS
from admin.commands.keys import KEYS
from admin.commands.numbers import NUMBERS
from admin.commands.site import SITE
from admin.commands.switches import SWITCHES
from admin.place import no_such_stage
from cli.command import Commands


@click.group(
    cls=Commands,
    sections=(APPS, NUMBERS, CARRIERS, SWITCHES, EVENTS, KEYS, SITE),
    params=[stage_option()],
    missing=no_such_stage,
    epilog="Each command has --help and --json, changes have --dry-run too. The tasks of an"
    " operator, one by one: docs/operating/README.md.",
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
