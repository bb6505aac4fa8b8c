"""Apps: their settings, credentials and money."""

from typing import Any

import click

from admin import accounts, app_settings, checks, deletion, developers, provision, receivers
from admin import numbers as pools
from admin.command import Section, changing, limit, listed, written
from admin.commands.carriers import account
from admin.commands.numbers import drained
from admin.secret_input import again_option, app_secret, drop_previous, login_secret
from chalicelib.core.balance import yuan
from cli.command import Report
from cli.failures import Mistake

APPS = Section("Apps")

FACADES = ("interline", "netease")
"""The APIs that apps may use."""

_unchecked = click.option(
    "--unchecked", is_flag=True, help="Save a callback address that nobody answers at yet."
)


@APPS.change("app-create")
@click.argument("name")
@click.option(
    "--facade",
    type=click.Choice(FACADES),
    default="netease",
    show_default=True,
    help="Whose API it uses.",
)
@click.option(
    "--app-key", help="The AppKey that its clients have already; its secret is asked for, too."
)
@click.option("--app-secret", help="Of that AppKey: better asked for, or APP_SECRET.")
@click.option("--devid", help="Of interline's API, the developer's id that its clients have.")
@click.option("--auth-key", help="Of that devid: better asked for, or APP_SECRET.")
@click.option("--appid", help="Of interline's API, the app's id that its clients send.")
@app_settings.options(create=True)
@_unchecked
def app_create(name: str, facade: str, unchecked: bool, **settings: Any) -> Report:
    """Make an app; prints its secret once.

    Of NetEase's API AppKey and AppSecret, of interline's devid, auth_key and appid, as JSON. Its
    clients keep those that they have from the vendor where you give them here.
    """
    own = {each: settings.pop(each) for each in _OWN}
    _check_own(facade, own)
    given = {key: value for key, value in settings.items() if value is not None}
    if "carrier" in given:
        given["carrier"] = account(given["carrier"])
    changing(f"created app {name}")
    if facade == "interline":
        made = provision.create_interline_app(name, developer=_developer(own), **given).described()
    else:
        own_secret = app_secret(own["app_secret"]) if own["app_key"] else None
        app_key, secret = provision.create_app(
            name, tried=not unchecked, app_key=own["app_key"], app_secret=own_secret, **given
        )
        made = {"app_key": app_key, "app_secret": secret}
    if receivers.signs_with(given.get("event_format") or facade) == "callback secret":
        made["callback_secret"] = receivers.secret_of(name)
    return Report(dict(made))


_OWN = ("app_key", "app_secret", "devid", "auth_key", "appid")
"""What an app's clients may have already."""


def _check_own(facade: str, own: dict[str, str | None]) -> None:
    """Raises UsageError for what belongs to another API, or lacks its other half."""
    of_netease = own["app_key"] or own["app_secret"]
    of_interline = own["devid"] or own["auth_key"] or own["appid"]
    if (of_netease and facade != "netease") or (of_interline and facade != "interline"):
        raise click.UsageError("--app-key is NetEase's; --devid and --appid are interline's")
    if own["app_secret"] and not own["app_key"]:
        raise click.UsageError("--app-secret is of an --app-key: give both")
    if of_interline and not (own["devid"] and own["appid"]):
        raise click.UsageError("--devid and --appid belong together: give both")


def _developer(own: dict[str, str | None]) -> developers.Developer | None:
    """How its clients sign already, if they do. Raises Mistake."""
    if own["devid"] is None or own["appid"] is None:
        return None
    auth_key = checks.app_secret(app_secret(own["auth_key"]))
    return developers.Developer(checks.app_key(own["devid"]), auth_key, own["appid"])


@APPS.change("app-delete")
@click.argument("name")
@click.option("--drain", is_flag=True, help="Only stop new bindings over all its numbers.")
def app_delete(name: str, drain: bool) -> Report:
    """Delete an app with everything that is kept of it.

    First --drain it: what is bound goes on, nothing new is bound within a minute (CACHE_S). Five
    minutes later, and when none of its numbers is in use any more, delete it: its numbers are
    free, its credentials end, and twenty minutes later (it waits) its records, recordings and
    bindings are erased. Its name is not given again. Broken off, the same command goes on.
    """
    if drain:
        changing(f"stopped new bindings over all numbers of app {name}")
        return drained(pools.drain(name))
    changing(f"deleted app {name} and everything that was kept of it")
    erased = deletion.delete_app(name, _say_erased, _say_waiting)
    return Report({"app": name, "erased": erased}, f"{erased} items and files erased")


def _say_waiting(until: int) -> None:
    click.echo(f"ended; at {written(until)} its items are erased, this waits for it", err=True)


def _say_erased(count: int) -> None:
    if count % 1000 == 0:
        click.echo(f"{count} erased", err=True)


@APPS.change("app-set")
@click.argument("name")
@app_settings.options(create=False)
@_unchecked
def app_set(name: str, unchecked: bool, **changes: Any) -> Report:
    """Change settings of an app.

    The gateway goes by them within a minute (CACHE_S).
    """
    given = {key: value for key, value in changes.items() if value is not None}
    if not given:
        raise Mistake("nothing to change: admin app-set --help lists the settings")
    before, after = app_settings.of(provision.show_app(name)), app_settings.checked(given)
    was, becomes = app_settings.shown(before), app_settings.shown(after)
    changed = {key: {"before": was[key], "after": becomes[key]} for key in given}
    said = [
        # An address may have a secret in it, and this line may go into a log.
        key
        if key == "callback_url"
        else f"{key} {_short(each['before'])} -> {_short(each['after'])}"
        for key, each in changed.items()
    ]
    changing(f"changed app {name}: {', '.join(said)}")
    provision.set_app(name, tried=not unchecked, **given)
    return Report({"app": name, "settings": changed}, "")


def _short(value: Any) -> str:
    match value:
        case [] | "":
            return "none"
        case list():
            return " ".join(map(str, value))
        case bool():
            return str(value).lower()
    return str(value)


@APPS.query("app-list")
@limit
def app_list(limit: int) -> Report:
    """List the apps with their AppKeys and developer's ids."""
    rows = [{"name": name, "keys": keys} for name, keys in provision.list_apps().items()]
    return listed(
        rows, name="apps", limit=limit, line=lambda row: f"{row['name']}  {' '.join(row['keys'])}"
    )


@APPS.query("app-show")
@click.argument("name")
def app_show(name: str) -> Report:
    """Show an app's settings and numbers, as JSON."""
    app = provision.show_app(name)
    return Report(
        app_settings.shown(app_settings.of(app))
        | {
            "tariff": {
                "binding": yuan(app.tariff.binding),
                "sms": yuan(app.tariff.sms),
                "minute": yuan(app.tariff.minute),
            },
            "numbers": dict(app.pool.areas),
        }
    )


@APPS.change("app-rotate")
@click.argument("name")
@drop_previous("app", provision.drop_previous_app_secret, "AppSecret")
@again_option
def app_rotate(name: str, again: bool) -> Report:
    """Give an app a new AppSecret; prints it once.

    The old one stays valid until --drop-previous; while it is, another rotation is refused.
    """
    changing(f"rotated the AppSecret of app {name}")
    fresh = provision.rotate_app_secret(name, again=again)
    return Report({"app": name, "app_secret": fresh}, fresh)


@APPS.change("app-login")
@click.argument("name")
@click.option(
    "--own-secret/--app-secret",
    required=True,
    help="A secret of its own (asked for, or LOGIN_SECRET), or its AppSecret again.",
)
def app_login(name: str, own_secret: bool) -> Report:
    """Choose the secret that encrypts its one-click numbers."""
    secret = login_secret() if own_secret else None
    which = "a secret of its own" if own_secret else "its AppSecret"
    changing(f"set {which} for one-click numbers of app {name}")
    provision.set_app_login(name, secret=secret)
    return Report({"app": name, "own_secret": own_secret}, "")


@APPS.change("app-developer")
@click.argument("name")
@drop_previous("app", developers.drop_previous, "auth_key")
@click.option("--rotate", is_flag=True, help="A new key; the old one works until --drop-previous.")
@again_option
def app_developer(name: str, rotate: bool, again: bool) -> Report:
    """Give an app a devid and auth_key; prints them once."""
    provision.show_app(name)
    changing(
        f"{'rotated the key of' if rotate or again else 'created'} the developer of app {name}"
    )
    made = developers.rotate(name, again=again) if rotate or again else developers.create(name)
    return Report(dict(made.described()))


@APPS.change("app-callback-secret")
@click.argument("name")
@drop_previous("app", receivers.drop_previous_secret, "callback secret")
@click.option("--rotate", is_flag=True, help="A new one; both sign until --drop-previous.")
@again_option
def app_callback_secret(name: str, rotate: bool, again: bool) -> Report:
    """Give an app a secret for CloudEvents; prints it once."""
    provision.show_app(name)
    changing(f"{'rotated' if rotate or again else 'created'} the callback secret of app {name}")
    if rotate or again:
        secret = receivers.rotate_secret(name, again=again)
    else:
        secret = receivers.new_secret(name)
    return Report({"app": name, "callback_secret": secret}, secret)


@APPS.change("app-tariff")
@click.argument("name")
@click.option("--binding", help="Yuan for a binding.")
@click.option("--sms", help="Yuan for a message that was sent.")
@click.option("--minute", help="Yuan for each minute begun of a call.")
def app_tariff(name: str, **prices: str | None) -> Report:
    """Set what an app pays, in yuan with up to six decimals."""
    given = {what: price for what, price in prices.items() if price is not None}
    said = ", ".join(f"{what} {price}" for what, price in given.items())
    changing(f"set the tariff of app {name}: {said}")
    accounts.set_tariff(name, **given)
    return Report({"app": name, "tariff": given}, "")


@APPS.change("app-balance")
@click.argument("name")
@click.option("--deposit", help="Yuan to add; a negative amount is taken off.")
@click.option("--overdraft", help="Yuan by which the balance may fall below zero.")
def app_balance(name: str, deposit: str | None, overdraft: str | None) -> Report:
    """Show, or first change, what an app may spend."""
    said = [f"deposited {deposit} for app {name}"] if deposit is not None else []
    if overdraft is not None:
        said.append(f"set the overdraft of app {name} to {overdraft}")
    if said:
        changing(" and ".join(said))
    accounts.change(name, deposit=deposit, overdraft=overdraft)
    standing = accounts.standing(name)
    return Report(
        {
            "balance": yuan(standing.balance),
            "overdraft": yuan(standing.overdraft),
        }
    )
