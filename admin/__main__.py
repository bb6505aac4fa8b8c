"""`python -m admin`: the operator's command line. The stage comes from STAGE (default dev)."""

import dataclasses
import functools
import json
import os
from collections.abc import Callable
from typing import Any

import click

from admin import (
    accounts,
    capabilities,
    carriers,
    deletion,
    developers,
    orphans,
    provision,
    receivers,
    site,
    telling,
)
from admin import numbers as numbers_of
from admin.checks import MOST_LINK_DAYS
from admin.command import Command, written
from chalicelib.carriers.base import DIALECTS, KINDS
from chalicelib.core.credentials import DialPlan
from chalicelib.core.recordings import KEPT_DAYS
from chalicelib.core.values import DAY_MS, AppState

DATA_CENTRES = {
    "mainland": ("https://api.netease.im", "https://api-sg.netease.im"),
    "overseas": ("https://api-sg.netease.im", "https://api.netease.im"),
}


FACADES = ("interline", "netease")
"""The APIs that apps may use."""

_unchecked = click.option(
    "--unchecked", is_flag=True, help="Save a callback address that nobody answers at yet."
)
_wants = click.option(
    "--wants",
    callback=lambda _, __, text: None if text is None else _kinds(text),
    help="Events to tell it of, by commas; 'all' for all that its dialect has words for.",
)
_recording_days = click.option(
    "--recording-days",
    type=click.Choice([str(days) for days in KEPT_DAYS]),
    callback=lambda _, __, days: None if days is None else int(days),
    help="How long its recordings are kept (180).",
)
_recording_auth = click.option(
    "--recording-auth",
    type=click.Choice(["link", "required"]),
    help="What opens the recordings' links in its callbacks: the link itself (default), as at the"
    " vendors, or only the app's own authentication.",
)
_recording_link_days = click.option(
    "--recording-link-days",
    type=click.IntRange(1, MOST_LINK_DAYS),
    help="For how many days such a link opens by itself (7).",
)
_recording_hosts = click.option(
    "--recording-host",
    "recording_hosts",
    multiple=True,
    help="Where its recordings are, e.g. *.example.com; repeat it.",
)

_carrier_secret = click.option(
    "--secret",
    prompt=True,
    hide_input=True,
    envvar="CARRIER_SECRET",
    help="Better asked for, or CARRIER_SECRET: here it stays in the shell's history.",
)


class _Group(click.Group):
    command_class = Command


@click.group(cls=_Group)
@click.option("--stage", help="Stage to work on; STAGE if not given.")
def cli(stage: str | None) -> None:
    """Apps, numbers, carriers, switches and data keys of a masking gateway."""
    if stage:
        os.environ["STAGE"] = stage


@cli.command("app-create")
@click.argument("name")
@click.option(
    "--facade",
    type=click.Choice(FACADES),
    default="netease",
    show_default=True,
    help="Whose API it uses.",
)
@click.option(
    "--dialect",
    type=click.Choice(sorted(DIALECTS)),
    help="In whose words it is told of its calls, if not in its API's.",
)
@click.option("--callback-url", required=True, help="Where the app receives its callbacks.")
@click.option("--carrier", default="trunk", show_default=True, help="Account, see carrier-list.")
@click.option("--quota", default=10_000, show_default=True, help="Live bindings.")
@click.option("--rate", default=200, show_default=True, help="Requests a second.")
@click.option(
    "--cooling-s", default=86_400, show_default=True, help="Seconds a leg cools (>= 300)."
)
@click.option("--retention-days", default=180, show_default=True, help="Ended bindings are kept.")
@click.option("--max-call-s", default=7_200, show_default=True, help="Longest call in seconds.")
@click.option("--strict-nonce", is_flag=True, help="Refuse a signature that came before.")
@click.option("--im-calls", multiple=True, help="Messaging call to relay; repeat it.")
@click.option("--callback-json", is_flag=True, help="Callbacks of interline in JSON.")
@click.option("--role", default="", help="What interline's account status calls it.")
@click.option("--sources", default="", help="Networks it may send from, separated by spaces.")
@_wants
@_recording_days
@_recording_auth
@_recording_link_days
@_unchecked
def app_create(name: str, facade: str, unchecked: bool, **settings: Any) -> None:
    """Make an app; prints its AppKey and AppSecret once, or its devid, auth_key and appid."""
    given = {key: value for key, value in settings.items() if value is not None}
    given["sources"] = given["sources"].split()
    if facade == "interline":
        made = provision.create_interline_app(name, **given).described()
    else:
        app_key, app_secret = provision.create_app(name, tried=not unchecked, **given)
        made = {"app_key": app_key, "app_secret": app_secret}
    if given.get("dialect") == receivers.OWN_SECRET:
        made["callback_secret"] = receivers.secret_of(name)
    click.echo(json.dumps(made, indent=2))


def _kinds(text: str) -> list[str]:
    return [] if text == "all" else text.split(",")


@cli.command("app-set")
@click.argument("name")
@click.option("--callback-url")
@click.option("--state", type=click.Choice([state.name.lower() for state in AppState]))
@click.option("--quota", type=click.IntRange(1))
@click.option("--rate", type=click.IntRange(1))
@click.option("--cooling-s", type=int, help="Seconds a leg cools (>= 300).")
@click.option("--retention-days", type=click.IntRange(1))
@click.option("--max-call-s", type=click.IntRange(1))
@click.option("--strict-nonce", type=bool)
@click.option("--im-calls", help="Messaging calls to relay, separated by spaces; '' for none.")
@click.option("--dialect", type=click.Choice(sorted(DIALECTS)), help="How it is told of calls.")
@click.option("--callback-json", type=bool, help="Callbacks of interline in JSON.")
@click.option("--role", help="What interline's account status calls it.")
@click.option("--sources", help="Networks it may send from, separated by spaces; '' for any.")
@_wants
@_recording_days
@_recording_auth
@_recording_link_days
@_unchecked
def app_set(name: str, unchecked: bool, **changes: Any) -> None:
    """Change settings of an app."""
    given = {key: value for key, value in changes.items() if value is not None}
    if "state" in given:
        given["state"] = AppState[given["state"].upper()]
    for listed in ("im_calls", "sources"):
        if listed in given:
            given[listed] = given[listed].split()
    provision.set_app(name, tried=not unchecked, **given)


@cli.command("app-developer")
@click.argument("name")
@click.option("--rotate", is_flag=True, help="A new key; the old one stays valid until the next.")
def app_developer(name: str, rotate: bool) -> None:
    """Give an app a developer's id and key, as interline's API wants; prints them once."""
    provision.show_app(name)
    made = developers.rotate(name) if rotate else developers.create(name)
    click.echo(json.dumps(made.described(), indent=2))


@cli.command("app-tariff")
@click.argument("name")
@click.option("--binding", help="Yuan for a binding.")
@click.option("--sms", help="Yuan for a message that was sent.")
@click.option("--minute", help="Yuan for each minute begun of a call.")
def app_tariff(name: str, **prices: str | None) -> None:
    """Set what an app pays, in yuan with up to six decimals."""
    accounts.set_tariff(
        name, **{what: price for what, price in prices.items() if price is not None}
    )


@cli.command("app-balance")
@click.argument("name")
@click.option("--deposit", help="Yuan to add; a negative amount is taken off.")
@click.option("--overdraft", help="Yuan by which the balance may fall below zero.")
def app_balance(name: str, deposit: str | None, overdraft: str | None) -> None:
    """Show what an app has to spend, in yuan; change it first if asked to."""
    accounts.change(name, deposit=deposit, overdraft=overdraft)
    standing = accounts.standing(name)
    shown = {"balance": standing.balance, "overdraft": standing.overdraft}
    click.echo(json.dumps({what: accounts.yuan(each) for what, each in shown.items()}, indent=2))


@cli.command("app-login")
@click.argument("name")
@click.option(
    "--own-secret/--app-secret",
    required=True,
    help="A secret of its own (asked for, or LOGIN_SECRET), or its AppSecret again.",
)
def app_login(name: str, own_secret: bool) -> None:
    """Choose what one-click numbers are encrypted with for an app."""
    secret = _login_secret() if own_secret else None
    provision.set_app_login(name, secret=secret)


@cli.command("carrier-create")
@click.argument("name")
@click.option("--kind", required=True, type=click.Choice(sorted(KINDS)))
@click.option("--key", default="", help="The AppKey, or developer's id, that it gave us.")
@click.option("--app-id", help="The id of our app with interline.")
@click.option("--url", "urls", multiple=True, help="Address; again for a second data centre.")
@click.option(
    "--data-centre",
    type=click.Choice(sorted(DATA_CENTRES)),
    help="Of NetEase, instead of --url: the one that is asked first.",
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
@click.option("--source", "sources", multiple=True, help="Network of its callbacks; repeat it.")
@_recording_hosts
@_carrier_secret
def carrier_create(
    name: str, urls: tuple[str, ...], data_centre: str | None, login_secret: bool, **given: Any
) -> None:
    """Register an account with a carrier; asks for its secret (or CARRIER_SECRET)."""
    given["urls"] = urls or DATA_CENTRES.get(data_centre or "", ())
    if not given["urls"]:
        raise click.UsageError("where the carrier answers is wanted: --url, or --data-centre")
    if login_secret:
        given["login_secret"] = _login_secret()
    provision.create_carrier(name, **given)
    if given["kind"] == "netease":
        click.echo(f"NetEase's callbacks go to https://<gateway>/callbacks/netease/{name}")
    elif given["kind"] == "interline":
        _show_paths(provision.callback_paths(name))


@cli.command("carrier-set")
@click.argument("name")
@_recording_hosts
@click.option("--shows-numbers", type=bool, help="Whether it may show people's real numbers.")
@click.option("--source", "sources", multiple=True, help="Network of its callbacks; '' for any.")
def carrier_set(name: str, shows_numbers: bool | None, **lists: tuple[str, ...]) -> None:
    """Change an account with a carrier; a list that is given replaces the one before."""
    changes: dict[str, Any] = {what: _listed(given) for what, given in lists.items() if given}
    if shows_numbers is not None:
        changes["shows_numbers"] = shows_numbers
    carriers.set_carrier(name, **changes)


@cli.command("carrier-show")
@click.argument("name")
def carrier_show(name: str) -> None:
    """Show an account with a carrier without its secrets, as JSON."""
    click.echo(json.dumps(carriers.show_carrier(name), indent=2))


def _listed(given: tuple[str, ...]) -> list[str]:
    """What an operator listed; an empty text alone is the empty list."""
    return [each for each in given if each]


def _dial_plan(command: Callable[..., None]) -> Callable[..., None]:
    """The options of how a switch writes numbers, handed on as `dial_plan`."""

    @functools.wraps(command)
    def with_plan(**given: Any) -> None:
        names = [each.name for each in dataclasses.fields(DialPlan)]
        plan = {name: given.pop(name) for name in names}
        command(**given, dial_plan={name: each for name, each in plan.items() if each is not None})

    for name, text in (
        ("--international-prefix", "What stands before a country code, if not 00."),
        ("--trunk-prefix", "What stands before a national number, if not 0; '' for nothing."),
        ("--country-code", "Whose national numbers it writes, e.g. 86; none: no national ones."),
    ):
        with_plan = click.option(name, help=text)(with_plan)
    return with_plan


@cli.command("switch-create")
@click.argument("user")
@click.option(
    "--carrier",
    default="trunk",
    show_default=True,
    help="Name of the switch, as app-create takes it; made if there is none.",
)
@_recording_hosts
@_dial_plan
def switch_create(
    user: str, carrier: str, recording_hosts: tuple[str, ...], dial_plan: dict[str, str]
) -> None:
    """Make a user of a switch that may call /switch/*; prints its password once."""
    password = provision.create_switch(
        user, carrier, recording_hosts=recording_hosts, dial_plan=dial_plan
    )
    click.echo(password)


@cli.command("switch-set")
@click.argument("user")
@click.option(
    "--recording-host",
    "recording_hosts",
    multiple=True,
    help="Where its recordings are; repeat it, '' for nowhere.",
)
@_dial_plan
def switch_set(user: str, recording_hosts: tuple[str, ...], dial_plan: dict[str, str]) -> None:
    """Change from where the recordings of a switch are fetched, and how it writes numbers."""
    hosts = _listed(recording_hosts) if recording_hosts else None
    carriers.set_switch(user, recording_hosts=hosts, dial_plan=dial_plan)


@cli.command("carrier-callback")
@click.argument("name")
@click.option("--rotate", is_flag=True, help="New ones; the old ones are taken until the next.")
def carrier_callback(name: str, rotate: bool) -> None:
    """Show the secret addresses at which an interline carrier tells us of calls."""
    _show_paths((provision.rotate_callback_paths if rotate else provision.callback_paths)(name))


def _show_paths(paths: list[str]) -> None:
    for path, what in zip(paths, ("records", "beginnings"), strict=True):
        click.echo(f"interline's {what} of calls go to https://<gateway>{path}")


def _login_secret() -> str:
    return os.environ.get("LOGIN_SECRET") or str(click.prompt("Login secret", hide_input=True))


@cli.command("carrier-list")
def carrier_list() -> None:
    """List the accounts with carriers and their kinds."""
    for name, kind in provision.list_carriers().items():
        click.echo(f"{name}  {kind}")


@cli.command("carrier-remove")
@click.argument("name")
@click.option("--force", is_flag=True, help="Although apps or switches use it.")
def carrier_remove(name: str, force: bool) -> None:
    """Forget an account with a carrier. The carrier is told nothing: what is bound there ends here
    when its lease comes due, and the carrier may connect it until the lease ends."""
    deletion.delete_carrier(name, force=force)


@cli.command("carrier-rotate")
@click.argument("name")
@_carrier_secret
def carrier_rotate(name: str, secret: str) -> None:
    """Note a carrier's new secret; the old one is taken until the next rotation."""
    provision.rotate_carrier_secret(name, secret)


@cli.command("capabilities")
def show_capabilities() -> None:
    """Print what each kind of carrier can do, as a table in Markdown."""
    click.echo(capabilities.table())


@cli.command("app-list")
def app_list() -> None:
    """List the apps with their AppKeys and developer's ids."""
    for name, app_keys in provision.list_apps().items():
        click.echo(f"{name}  {' '.join(app_keys)}")


@cli.command("app-show")
@click.argument("name")
def app_show(name: str) -> None:
    """Show an app's settings and numbers, as JSON."""
    app = provision.show_app(name)
    shown = {
        "carrier": app.carrier,
        "callback_url": app.callback_url,
        "state": app.state.name.lower(),
        "quota": app.quota,
        "rate": app.rate,
        "cooling_s": app.cooling_ms // 1000,
        "retention_days": app.retention_ms // DAY_MS,
        "max_call_s": app.max_call_s,
        "strict_nonce": app.strict_nonce,
        "im_calls": sorted(app.im_calls),
        "dialect": app.dialect,
        "wants": sorted(app.wants) or "all",
        "recording_days": app.recording_days,
        "recording_auth": app.recording_auth,
        "recording_link_days": app.recording_link_days,
        "callback_json": app.callback_json,
        "role": app.role,
        "sources": list(app.sources),
        "tariff": {
            "binding": accounts.yuan(app.tariff.binding),
            "sms": accounts.yuan(app.tariff.sms),
            "minute": accounts.yuan(app.tariff.minute),
        },
        "numbers": dict(app.pool.areas),
    }
    click.echo(json.dumps(shown, indent=2))


@cli.command("app-rotate")
@click.argument("name")
def app_rotate(name: str) -> None:
    """Give an app a new AppSecret; the old one stays valid until the next rotation."""
    click.echo(provision.rotate_app_secret(name))


@cli.command("site-set")
@click.option("--url", required=True, help="Of a domain of your own, before the API's paths.")
def site_set(url: str) -> None:
    """Tell the gateway its public address, as links to recordings show it."""
    where = site.set_url(url)
    click.echo(json.dumps({"url": where.url, "bucket": where.bucket}, indent=2))


@cli.command("numbers-add")
@click.argument("app")
@click.argument("numbers", nargs=-1, required=True)
@click.option("--area", help="Area code of these numbers, e.g. 10.")
def numbers_add(app: str, numbers: tuple[str, ...], area: str | None) -> None:
    """Give X numbers to an app."""
    added = numbers_of.add(app, [(number, area) for number in numbers])
    click.echo(f"{added} new, {len(numbers) - added} there already")


@cli.command("numbers-remove")
@click.argument("app")
@click.argument("numbers", nargs=-1, required=True)
def numbers_remove(app: str, numbers: tuple[str, ...]) -> None:
    """Take X numbers from an app over which nobody is bound any more."""
    free = numbers_of.remove(app, numbers)
    click.echo(f"{len(numbers)} removed; another app may have them after {written(free)}")


def _printing(name: str, function: Callable[..., str | None], argument: str | None = None) -> None:
    def run(**given: str) -> None:
        if (result := function(*given.values())) is not None:
            click.echo(result)

    run.__doc__ = (function.__doc__ or "").partition("\n\n")[0]
    command: Any = click.argument(argument)(run) if argument else run
    cli.command(name)(command)


_printing("switch-rotate", provision.rotate_switch_password, "user")
_printing("data-key-add", provision.add_data_key)
_printing("data-key-use", provision.use_data_key, "version")
for each in (*telling.COMMANDS, *orphans.COMMANDS):
    cli.add_command(each)

if __name__ == "__main__":
    cli()
