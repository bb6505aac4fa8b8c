"""Carriers: accounts with whoever owns the numbers and connects the calls."""

from typing import Any

import click

from admin import capabilities, carriers, deletion, provision
from admin.command import Section, changing, limit, listed
from admin.commands.numbers import drained
from admin.secret_input import (
    again_option,
    carrier_secret,
    drop_previous,
    login_secret,
    secret_option,
)
from chalicelib.carriers.registry import carrier_kinds, profiles
from chalicelib.core.credentials import EMBEDDED
from cli.command import Report

CARRIERS = Section("Carriers")

FORMERLY = "trunk"
"""What the embedded carrier, and its kind, was called before."""


def account(name: str) -> str:
    """The name of an account as an operator writes it."""
    return EMBEDDED if name == FORMERLY else name


class _Kind(click.Choice[str]):
    """What can be a carrier's kind."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return super().convert(account(value), param, ctx)


_centres = {
    kind: each.account.data_centres
    for kind, each in profiles().items()
    if each.account is not None and each.account.data_centres
}

_recording_hosts = click.option(
    "--recording-host",
    "recording_hosts",
    multiple=True,
    help="Where its recordings are, e.g. *.example.com; repeat it.",
)


@CARRIERS.change("carrier-create")
@click.argument("name", type=account)
@click.option(
    "--kind",
    required=True,
    type=_Kind(carrier_kinds()),
    help=f"What it is; {EMBEDDED} is a switch of your own that places calls.",
)
@click.option("--key", default="", help="The AppKey, or developer's id, that it gave us.")
@click.option("--app-id", help="The id of our app with it, where it gives apps ids.")
@click.option("--url", "urls", multiple=True, help="Address; again for a second data centre.")
@click.option(
    "--data-centre",
    type=click.Choice(sorted({centre for each in _centres.values() for centre in each})),
    help=f"Of {', '.join(_centres)}, instead of --url: the one that is asked first.",
)
@click.option(
    "--lease-minutes", type=int, help="How long it keeps a binding at most: 5 or more (a day)."
)
@click.option(
    "--login-secret",
    is_flag=True,
    help="One-click numbers come under another secret (asked for, or LOGIN_SECRET).",
)
@click.option("--shows-numbers", is_flag=True, help="It may show people's real numbers.")
@click.option(
    "--source", "sources", multiple=True, help="Network that its callbacks come from; repeat it."
)
@_recording_hosts
@secret_option
def carrier_create(
    name: str, urls: tuple[str, ...], data_centre: str | None, secret: str | None, **given: Any
) -> Report:
    """Register an account with a carrier.

    Asks for the carrier's secret, or takes it from CARRIER_SECRET. Prints where the carrier has to
    send its callbacks.
    """
    given["urls"] = urls or _centres.get(given["kind"], {}).get(data_centre or "", ())
    if not given["urls"]:
        raise click.UsageError("where does the carrier answer: --url, or --data-centre")
    given["secret"] = carrier_secret(secret)
    given["login_secret"] = login_secret() if given["login_secret"] else None
    changing(f"created carrier {name} of the kind {given['kind']}")
    paths = provision.create_carrier(name, **given)
    return _paths(name, paths) if paths else Report({"carrier": name}, "")


@CARRIERS.change("carrier-set")
@click.argument("name", type=account)
@_recording_hosts
@click.option("--shows-numbers", type=bool, help="Whether it may show people's real numbers.")
@click.option(
    "--source", "sources", multiple=True, help="Network of its callbacks; repeat it, '' for any."
)
def carrier_set(name: str, shows_numbers: bool | None, **lists: tuple[str, ...]) -> Report:
    """Change an account; a list replaces the one before."""
    changes: dict[str, Any] = {what: filled(given) for what, given in lists.items() if given}
    if shows_numbers is not None:
        changes["shows_numbers"] = shows_numbers
    changing(f"changed carrier {name}: {', '.join(changes)}")
    carriers.set_carrier(name, **changes)
    return Report({"carrier": name, "settings": changes}, "")


def filled(given: tuple[str, ...]) -> list[str]:
    """What was listed; an empty text alone is the empty list."""
    return [each for each in given if each]


@CARRIERS.query("carrier-show")
@click.argument("name", type=account)
def carrier_show(name: str) -> Report:
    """Show an account without its secrets, as JSON."""
    return Report(carriers.show_carrier(name))


@CARRIERS.query("carrier-list")
@limit
def carrier_list(limit: int) -> Report:
    """List the accounts and their kinds."""
    rows = [{"name": name, "kind": kind} for name, kind in provision.list_carriers().items()]
    return listed(
        rows, name="carriers", limit=limit, line=lambda row: f"{row['name']}  {row['kind']}"
    )


@CARRIERS.change("carrier-rotate")
@click.argument("name", type=account)
@drop_previous("carrier", provision.drop_previous_carrier_secret, "secret")
@again_option
@secret_option
def carrier_rotate(name: str, secret: str | None, again: bool) -> Report:
    """Note a carrier's new secret.

    Callbacks under the old one are accepted until --drop-previous.
    """
    fresh = carrier_secret(secret)
    changing(f"noted a new secret of carrier {name}")
    provision.rotate_carrier_secret(name, fresh, again=again)
    return Report({"carrier": name}, "")


@CARRIERS.change("carrier-callback")
@click.argument("name", type=account)
@drop_previous("carrier", provision.drop_previous_callback_paths, "callback addresses")
@click.option("--rotate", is_flag=True, help="New ones; the old ones work until --drop-previous.")
@again_option
def carrier_callback(name: str, rotate: bool, again: bool) -> Report:
    """Show secret callback addresses of a carrier."""
    if not rotate and not again:
        return _paths(name, provision.callback_paths(name))
    changing(f"made new callback addresses of carrier {name}")
    return _paths(name, provision.rotate_callback_paths(name, again=again))


def _paths(name: str, paths: dict[str, str]) -> Report:
    title = profiles()[provision.list_carriers()[name]].title
    lines = (f"{title}'s {what} go to https://<gateway>{path}" for what, path in paths.items())
    return Report({"carrier": name, "callback_paths": [*paths.values()]}, "\n".join(lines))


@CARRIERS.change("carrier-delete")
@click.argument("name", type=account)
@click.option("--drain", is_flag=True, help="Only stop new bindings over its apps' numbers.")
@click.option("--force", is_flag=True, help="Although apps or switches use it.")
def carrier_delete(name: str, drain: bool, force: bool) -> Report:
    """Delete an account, or the switch of this name.

    First --drain it: the numbers of its apps get no new bindings. It is refused while an app has
    numbers there, and says until when they are in use. With --force the carrier is not asked: what
    is bound there ends here when its lease comes due, and the carrier may connect it until the
    lease ends.
    """
    if drain:
        changing(f"stopped new bindings over all numbers of carrier {name}")
        return drained(deletion.drain_carrier(name))
    changing(f"deleted carrier {name}")
    deletion.delete_carrier(name, force=force)
    return Report({"carrier": name}, "")


CARRIERS.alias("carrier-remove", carrier_delete)


@CARRIERS.query("capabilities")
def show_capabilities() -> Report:
    """Show what each kind of carrier can do, in Markdown."""
    return Report(capabilities.document(), capabilities.table())
