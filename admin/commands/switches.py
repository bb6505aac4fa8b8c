"""Switches: your own, which ask the gateway where a call goes."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import click

from admin import carriers, deletion, provision
from admin.command import Section, changing, limit, listed
from admin.commands.carriers import account, filled
from admin.commands.numbers import drained
from admin.secret_input import again_option, drop_previous
from chalicelib.core.credentials import EMBEDDED, DialPlan
from cli.command import Report

SWITCHES = Section("Switches")


def _dial_plan(command: Callable[..., Report]) -> Callable[..., Report]:
    """The options of how a switch writes numbers, handed on as `dial_plan`."""

    @functools.wraps(command)
    def with_plan(**given: Any) -> Report:
        names = [each.name for each in dataclasses.fields(DialPlan)]
        plan = {name: given.pop(name) for name in names}
        given["dial_plan"] = {name: each for name, each in plan.items() if each is not None}
        return command(**given)

    for name, text in (
        ("--international-prefix", "What stands before a country code, if not 00."),
        ("--trunk-prefix", "What stands before a national number, if not 0; '' for nothing."),
        ("--country-code", "Whose national numbers it writes, e.g. 86; none: no national ones."),
    ):
        with_plan = click.option(name, help=text)(with_plan)
    return with_plan


def _recording_hosts(help: str) -> Callable[[Callable[..., Report]], Callable[..., Report]]:  # noqa: A002
    return click.option("--recording-host", "recording_hosts", multiple=True, help=help)


@SWITCHES.change("switch-create")
@click.argument("user")
@click.option(
    "--carrier",
    type=account,
    default=EMBEDDED,
    show_default=True,
    help="Name of the switch, as app-create takes it; made if there is none.",
)
@_recording_hosts("Where its recordings are, e.g. *.example.com; repeat it.")
@_dial_plan
def switch_create(
    user: str, carrier: str, recording_hosts: tuple[str, ...], dial_plan: dict[str, str]
) -> Report:
    """Make a user of a switch; prints its password once.

    With it the switch signs in to /switch/route and /switch/events.
    """
    changing(f"created user {user} of switch {carrier}")
    password = provision.create_switch(
        user, carrier, recording_hosts=recording_hosts, dial_plan=dial_plan
    )
    return Report({"user": user, "carrier": carrier, "password": password}, password)


@SWITCHES.change("switch-set")
@click.argument("user")
@_recording_hosts("Where its recordings are; repeat it, '' for nowhere.")
@_dial_plan
def switch_set(user: str, recording_hosts: tuple[str, ...], dial_plan: dict[str, str]) -> Report:
    """Change how it writes numbers, where its recordings are."""
    hosts = filled(recording_hosts) if recording_hosts else None
    changes = dict(dial_plan) | ({"recording_hosts": hosts} if hosts is not None else {})
    changing(f"changed switch user {user}: {', '.join(changes)}")
    carriers.set_switch(user, recording_hosts=hosts, dial_plan=dial_plan)
    return Report({"user": user, "settings": changes}, "")


@SWITCHES.change("switch-rotate")
@click.argument("user")
@drop_previous("user", provision.drop_previous_switch_password, "password")
@again_option
def switch_rotate(user: str, again: bool) -> Report:
    """Give a user of a switch a new password; prints it once.

    The old one stays valid until --drop-previous.
    """
    changing(f"rotated the password of switch user {user}")
    fresh = provision.rotate_switch_password(user, again=again)
    return Report({"user": user, "password": fresh}, fresh)


@SWITCHES.query("switch-list")
@limit
def switch_list(limit: int) -> Report:
    """List the users and the switches that they are of."""
    rows = [{"user": user, "carrier": of} for user, of in carriers.list_switches().items()]
    return listed(
        rows, name="switches", limit=limit, line=lambda row: f"{row['user']}  {row['carrier']}"
    )


@SWITCHES.change("switch-delete")
@click.argument("user")
@click.option("--drain", is_flag=True, help="Only stop new bindings over the switch's numbers.")
@click.option("--force", is_flag=True, help="Although it is the last one, and numbers are in use.")
def switch_delete(user: str, drain: bool, force: bool) -> Report:
    """End a user of a switch.

    The switch itself is an account with a carrier: carrier-delete ends it with all its users.
    """
    if drain:
        changing(f"stopped new bindings over all numbers of the switch of user {user}")
        return drained(deletion.drain_switch(user))
    changing(f"deleted switch user {user}")
    deletion.delete_switch(user, force=force)
    return Report({"user": user}, "")
