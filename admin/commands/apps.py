"""Apps: their settings, credentials and money."""

from typing import Any

import click

from admin import accounts, checks, deletion, developers, provision, receivers
from admin import numbers as pools
from admin.checks import MOST_LINK_DAYS
from admin.command import Report, Section, changing, limit, listed, written
from admin.commands.carriers import account
from admin.commands.numbers import drained
from admin.credentials import Mistake
from admin.secret_input import again_option, app_secret, drop_previous, login_secret
from chalicelib.carriers.registry import event_formats
from chalicelib.core.credentials import EMBEDDED
from chalicelib.core.durations import DAY_MS
from chalicelib.core.tenants import App, AppState
from chalicelib.services.calls.recordings import KEPT_DAYS

APPS = Section("Apps")

FACADES = ("interline", "netease")
"""The APIs that apps may use."""

_callback_url = "Where it receives its callbacks, e.g. https://shop.example/calls."
_cooling_s = "Seconds for which a released number leads to nobody else (>= 300)."
_max_call_s = "Longest call in seconds."
_strict_nonce = "Refuse a signature that came before."
_rate = "Requests a second."
_callback_json = "Send interline's callbacks in JSON, not as a form."
_role = "What interline's account status calls it."
_unchecked = click.option(
    "--unchecked", is_flag=True, help="Save a callback address that nobody answers at yet."
)
_wants = click.option(
    "--wants",
    callback=lambda _, __, text: None if text is None else _kinds(text),
    help="Events that it is sent, by commas; 'all' for all that its dialect has words for.",
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
    help="What opens the links to recordings in its callbacks: the link alone (default), or only"
    " the app's own authentication.",
)
_recording_link_days = click.option(
    "--recording-link-days",
    type=click.IntRange(1, MOST_LINK_DAYS),
    help="For how many days such a link opens by itself (7).",
)


def _kinds(text: str) -> list[str]:
    return [] if text == "all" else text.split(",")


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
    "--dialect",
    type=click.Choice(event_formats()),
    help="The format of its callbacks, if not that of its API.",
)
@click.option(
    "--app-key", help="The AppKey that its clients have already; its secret is asked for, too."
)
@click.option("--app-secret", help="Of that AppKey: better asked for, or APP_SECRET.")
@click.option("--devid", help="Of interline's API, the developer's id that its clients have.")
@click.option("--auth-key", help="Of that devid: better asked for, or APP_SECRET.")
@click.option("--appid", help="Of interline's API, the app's id that its clients send.")
@click.option("--callback-url", required=True, help=_callback_url)
@click.option(
    "--carrier",
    type=account,
    default=EMBEDDED,
    show_default=True,
    help="Account, see carrier-list.",
)
@click.option(
    "--quota", default=10_000, type=click.IntRange(1), show_default=True, help="Live bindings."
)
@click.option("--rate", default=200, type=click.IntRange(1), show_default=True, help=_rate)
@click.option("--cooling-s", default=86_400, show_default=True, help=_cooling_s)
@click.option(
    "--retention-days",
    default=180,
    type=click.IntRange(1),
    show_default=True,
    help="Days for which ended bindings are kept.",
)
@click.option(
    "--max-call-s", default=7_200, type=click.IntRange(1), show_default=True, help=_max_call_s
)
@click.option("--strict-nonce", is_flag=True, help=_strict_nonce)
@click.option(
    "--im-calls", multiple=True, help="Messaging call to relay, e.g. msg/sendMsg; repeat it."
)
@click.option("--callback-json", is_flag=True, help=_callback_json)
@click.option("--role", default="", help=_role)
@click.option("--sources", default="", help="Networks it may send from, separated by spaces.")
@_wants
@_recording_days
@_recording_auth
@_recording_link_days
@_unchecked
def app_create(name: str, facade: str, unchecked: bool, **settings: Any) -> Report:
    """Make an app; prints its secret once.

    Of NetEase's API AppKey and AppSecret, of interline's devid, auth_key and appid, as JSON. Its
    clients keep those that they have from the vendor where you give them here.
    """
    own = {each: settings.pop(each) for each in _OWN}
    _check_own(facade, own)
    given = {key: value for key, value in settings.items() if value is not None}
    given["sources"] = given["sources"].split()
    changing(f"created app {name}")
    if facade == "interline":
        made = provision.create_interline_app(name, developer=_developer(own), **given).described()
    else:
        own_secret = app_secret(own["app_secret"]) if own["app_key"] else None
        app_key, secret = provision.create_app(
            name, tried=not unchecked, app_key=own["app_key"], app_secret=own_secret, **given
        )
        made = {"app_key": app_key, "app_secret": secret}
    if receivers.signs_with(given.get("dialect", facade)) == "callback secret":
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
@click.option("--callback-url", help=_callback_url)
@click.option(
    "--state",
    type=click.Choice([state.name.lower() for state in AppState]),
    help="Nothing is allowed to an app that is suspended or closed.",
)
@click.option("--quota", type=click.IntRange(1), help="Live bindings.")
@click.option("--rate", type=click.IntRange(1), help=_rate)
@click.option("--cooling-s", type=int, help=_cooling_s)
@click.option(
    "--retention-days", type=click.IntRange(1), help="Days for which ended bindings are kept."
)
@click.option("--max-call-s", type=click.IntRange(1), help=_max_call_s)
@click.option("--strict-nonce", type=bool, help=_strict_nonce)
@click.option("--im-calls", help="Messaging calls to relay, separated by spaces; '' for none.")
@click.option("--dialect", type=click.Choice(event_formats()), help="The format of its callbacks.")
@click.option("--callback-json", type=bool, help=_callback_json)
@click.option("--role", help=_role)
@click.option("--sources", help="Networks it may send from, separated by spaces; '' for any.")
@_wants
@_recording_days
@_recording_auth
@_recording_link_days
@_unchecked
def app_set(name: str, unchecked: bool, **changes: Any) -> Report:
    """Change settings of an app.

    The gateway goes by them within a minute (CACHE_S).
    """
    given = {key: value for key, value in changes.items() if value is not None}
    if not given:
        raise Mistake("nothing to change: admin app-set --help lists the settings")
    for each in ("im_calls", "sources"):
        if each in given:
            given[each] = given[each].split()
    before = _shown(provision.show_app(name))
    changed = {
        key: {"before": before[key], "after": "all" if key == "wants" and not value else value}
        for key, value in given.items()
    }
    said = [
        # An address may have a secret in it, and this line may go into a log.
        key
        if key == "callback_url"
        else f"{key} {_short(each['before'])} -> {_short(each['after'])}"
        for key, each in changed.items()
    ]
    changing(f"changed app {name}: {', '.join(said)}")
    if "state" in given:
        given["state"] = AppState[given["state"].upper()]
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
        _shown(app)
        | {
            "tariff": {
                "binding": accounts.yuan(app.tariff.binding),
                "sms": accounts.yuan(app.tariff.sms),
                "minute": accounts.yuan(app.tariff.minute),
            },
            "numbers": dict(app.pool.areas),
        }
    )


def _shown(app: App) -> dict[str, Any]:
    """What app-create and app-set set, as they take it."""
    return {
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
    }


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
            "balance": accounts.yuan(standing.balance),
            "overdraft": accounts.yuan(standing.overdraft),
        }
    )
