"""Registers apps, their numbers and switches; secrets go to Secrets Manager, the rest to the table.

Works with whatever AWS account and stage the environment names (`chalicelib/stage_settings.py`).
"""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from admin import app_settings, checks, credentials, developers, receivers
from admin.developers import Developer
from chalicelib.clock import now_ms
from chalicelib.core.credentials import EMBEDDED, AppCredentials
from chalicelib.core.tenants import SETTINGS, App, Pool
from chalicelib.stage_settings import settings
from chalicelib.store.table import n, s
from chalicelib.store.tenants import apps
from chalicelib.store.tenants.balances import BalanceStore
from chalicelib.store.tenants.credentials import CARRIERS, texts
from chalicelib.wiring.gateway import gateway
from cli.failures import Mistake


def create_app(
    name: str,
    *,
    tried: bool = False,
    app_key: str | None = None,
    app_secret: str | None = None,
    **settings: Any,
) -> tuple[str, str]:
    """Makes an app and returns its AppKey and AppSecret, which is not shown again.

    `app_key` and `app_secret` are those that its clients have already; without them new ones are
    made. `tried`: only if its receiver answers, where its event format asks for that. `settings`
    are those of core.tenants.SETTINGS. Raises Mistake.
    """
    app_key = checks.app_key(app_key) if app_key else secrets.token_hex(16)
    app_secret = checks.app_secret(app_secret) if app_secret else secrets.token_hex(16)
    app = _new_app(name, **settings)
    if receivers.signs_with(app.event_format) == "developer":
        raise Mistake("this event format names a developer, whom --facade interline gives")
    to = AppCredentials(name, app_key, (app_secret,)) if tried else None
    receivers.check_new(app, to)
    public = apps.public_key(apps.APP_KEY, app_key)
    _create(app, {"app_key": s(app_key)}, {"secret": app_secret}, public)
    return app_key, app_secret


def create_interline_app(
    name: str, *, developer: Developer | None = None, **settings: Any
) -> Developer:
    """Makes an app that signs as interline's developers do, and is told of its calls as they are
    unless another event format is given.

    `developer` is how its clients sign already; without one a new one is made. `settings` are those
    of core.tenants.SETTINGS. Raises Mistake.
    """
    app = _new_app(name, **{"event_format": "interline"} | settings)
    if receivers.signs_with(app.event_format) == "AppSecret":
        raise Mistake(
            "this event format is signed with an AppSecret: --facade netease makes an app with one"
        )
    receivers.check_new(app)
    made = developer or developers.fresh()
    public = apps.public_key(apps.DEVELOPER, made.devid)
    _create(app, made.attributes, {"auth_key": made.auth_key}, public)
    return made


def _new_app(name: str, **given: Any) -> App:
    """An app with these settings (core.tenants.SETTINGS), all others as they are usual. `carrier`
    is the embedded one or an account made by `create_carrier`. Raises Mistake."""
    checks.name(name)
    _check_known(given, {each.name for each in SETTINGS.values() if each.create})
    app = App(name=name, pool=Pool({}), **app_settings.checked(given))
    if app.carrier != EMBEDDED and app.carrier not in list_carriers():
        raise Mistake(f"no carrier {app.carrier}; make it first with carrier-create")
    # One counter takes some hundred bindings a second; a small quota is not worth more.
    return replace(app, quota_shards=min(16, max(1, app.quota // 100)))


def _check_known(given: Collection[str], known: Collection[str]) -> None:
    if not given or set(given) - set(known):
        raise Mistake(f"what can be set: {', '.join(sorted(known))}")


def _create(
    app: App, attributes: Mapping[str, Any], content: dict[str, Any], public: Mapping[str, Any]
) -> None:
    """An app that signs with `content` under a public id, all of it or nothing."""
    if receivers.signs_with(app.event_format) == "callback secret":
        content = content | {"callback_secret": receivers.fresh()}
    owner, directory = s(app.name), apps.directory_key(app.name) | {"carrier": s(app.carrier)}
    if credentials.table().get(dict(public)) is not None:
        raise Mistake(_TAKEN)
    beside = (
        (apps.profile_item(app), f"app {app.name} exists"),
        (directory, f"there was an app {app.name}, and its name is not given again: take another"),
        (dict(public) | {"app": owner}, _TAKEN),
    )
    credentials.create(
        credentials.app(app.name),
        dict(attributes),
        content,
        beside=[({"Put": {"Item": item, **_IF_NEW}}, told) for item, told in beside],
    )
    BalanceStore(credentials.table()).open(app.name, now=now_ms())


_TAKEN = "this AppKey, or developer's id, is another app's"
_IF_NEW = {"ConditionExpression": "attribute_not_exists(pk)"}


def rotate_app_secret(name: str, *, again: bool = False) -> str:
    """Gives the app a new AppSecret; the one before it stays valid until it is dropped. `again`:
    in the place of one that was lost.

    Raises Mistake.
    """
    fresh, rotate = secrets.token_hex(16), credentials.rotating(again=again)
    _check_signs(name)
    credentials.change(credentials.app(name), lambda content: rotate(content, "secret", fresh))
    return fresh


def drop_previous_app_secret(name: str) -> None:
    """Ends the AppSecret before the current one. Raises Mistake."""
    credentials.change(
        credentials.app(name), lambda content: credentials.drop_previous(content, "secret")
    )


def _check_signs(name: str) -> None:
    if "app_key" not in credentials.known(credentials.app(name)):
        raise Mistake(f"app {name} has no AppSecret")


def set_app(name: str, *, tried: bool = False, **changes: Any) -> None:
    """Changes settings of an app (core.tenants.SETTINGS). Raises Mistake.

    `tried`: a new address or event format only if its receiver answers, where the event format asks
    for that. They take effect when the caches have run out (`CACHE_S`).
    """
    _check_known(changes, {each.name for each in SETTINGS.values() if each.change})
    values = app_settings.checked(changes)
    receivers.change_settings(name, values, tried=tried)


def list_apps() -> dict[str, list[str]]:
    """App -> its AppKeys and developer's ids, by name."""
    table = credentials.table()
    names = [item["sk"]["S"] for item in apps.listed_apps(table)]
    found: dict[str, list[str]] = {name: [] for name in names}
    for start in range(0, len(names), AT_ONCE):
        keys = [apps.credentials_key(name) for name in names[start : start + AT_ONCE]]
        for item in table.get_many(keys):
            public = [item[kind]["S"] for kind in ("app_key", "developer") if kind in item]
            found[item["pk"]["S"].removeprefix(apps.app_pk(""))] = public
    return dict(sorted(found.items()))


AT_ONCE = 100
"""So many items can be read in one request."""


def show_app(name: str) -> App:
    """An app as it stands in the table, with its numbers. Raises Mistake."""
    app = apps.AppStore(credentials.table(), gateway().encryption, max_age_s=0).get(name)
    if app is None:
        raise Mistake(f"no app {name}")
    return app


def create_carrier(
    name: str,
    *,
    kind: str,
    secret: str,
    urls: Sequence[str],
    key: str = "",
    lease_minutes: int | None = None,
    login_secret: str | None = None,
    app_id: str | None = None,
    shows_numbers: bool = False,
    sources: Iterable[str] = (),
    recording_hosts: Iterable[str] = (),
) -> dict[str, str]:
    """Registers an account of ours with a carrier, under a name for `create_app`; what it has to
    report to us -> where, behind the gateway's address.

    `kind` is a folder of `carriers` whose profile says which of these an account needs. `key` and
    `secret` sign, `urls` are the carrier's addresses, the preferred one first, `lease_minutes` how
    long it is told to keep a binding at most (default: its maximum, or a day), `login_secret` what
    it encrypts one-click numbers with, if not `secret`, `app_id` the id of our app there,
    `shows_numbers` that it may show people's real numbers, `sources` the networks that its
    callbacks come from (none: any), `recording_hosts` where its recordings may be fetched from
    (`*.example.com`: any name below it). A switch without such an account can't be asked to place
    calls. Raises Mistake.
    """
    profile = checks.carrier(name, kind, key=key, app_id=app_id, urls=urls)
    checks.carrier_secret(kind, secret)
    lease_minutes = checks.lease(kind, lease_minutes)
    attributes = _account_item(
        kind,
        key=key,
        urls=urls,
        shows_numbers=shows_numbers,
        sources=checks.networks(sources),
        recording_hosts=checks.recording_hosts(recording_hosts),
    )
    if lease_minutes is not None:
        attributes["lease_minutes"] = n(lease_minutes)
    content = {"secret": secret} | ({"login_secret": login_secret} if login_secret else {})
    if app_id:
        attributes["app_id"] = s(app_id)
    token = _token() if profile.has_token else ""
    if token:
        content["callback_token"] = token
    owner = credentials.carrier(name)
    there = credentials.item_of(owner)
    paths = profile.callback_paths(name, token)
    if there is None:
        credentials.create(owner, attributes, content)
        return paths
    # A switch that was made without an address is given one now; what it has already stays.
    if there["kind"]["S"] != kind or there["urls"]["L"]:
        raise Mistake(f"carrier {name} exists")

    def first(known: dict[str, Any]) -> None:
        if known:
            raise Mistake(f"carrier {name} exists")
        known.update(content)

    given = {each: value for each, value in attributes.items() if value != texts(())}
    credentials.change(owner, first, given)
    return paths


def _account_item(
    kind: str,
    *,
    key: str = "",
    urls: Iterable[str] = (),
    shows_numbers: bool = False,
    sources: Iterable[str] = (),
    recording_hosts: Iterable[str] = (),
) -> dict[str, Any]:
    """What of an account is no secret."""
    return {
        "kind": s(kind),
        "key": s(key),
        "urls": texts(urls),
        "shows_numbers": {"BOOL": shows_numbers},
        "sources": texts(sources),
        "recording_hosts": texts(recording_hosts),
    }


def rotate_carrier_secret(name: str, secret: str, *, again: bool = False) -> None:
    """Notes the carrier's new secret; callbacks signed with the one before are taken until that is
    dropped. `again`: in the place of one that was wrong. Raises Mistake."""
    owner, rotate = credentials.carrier(name), credentials.rotating(again=again)
    checks.carrier_secret(credentials.known(owner)["kind"]["S"], secret)
    credentials.change(owner, lambda content: rotate(content, "secret", secret))


def drop_previous_carrier_secret(name: str) -> None:
    """Ends the carrier's secret before the current one. Raises Mistake."""
    credentials.change(
        credentials.carrier(name), lambda content: credentials.drop_previous(content, "secret")
    )


def callback_paths(carrier: str) -> dict[str, str]:
    """What a carrier reports to us -> where, behind the gateway's address, of a kind that has
    secret paths. Raises Mistake."""
    owner = credentials.carrier(carrier)
    item = credentials.known(owner)
    return _secret_paths(carrier, item, credentials.content_of(owner, item).get("callback_token"))


def rotate_callback_paths(carrier: str, *, again: bool = False) -> dict[str, str]:
    """The same, new; what comes to those before is taken until they are dropped. `again`: in the
    place of some that were lost. Raises Mistake."""
    owner, fresh, rotate = credentials.carrier(carrier), _token(), credentials.rotating(again=again)
    paths = _secret_paths(carrier, credentials.known(owner), fresh)
    credentials.change(owner, lambda content: rotate(content, "callback_token", fresh))
    return paths


def drop_previous_callback_paths(carrier: str) -> None:
    """Ends the addresses before the current ones. Raises Mistake."""
    credentials.change(
        credentials.carrier(carrier),
        lambda content: credentials.drop_previous(content, "callback_token"),
    )


def _secret_paths(carrier: str, item: Mapping[str, Any], token: str | None) -> dict[str, str]:
    profile, _ = checks.carrier_kind(item["kind"]["S"])
    if token is None or not profile.has_token:
        raise Mistake(f"carrier {carrier} has no secret callback addresses")
    return profile.callback_paths(carrier, token)


def _token() -> str:
    return secrets.token_urlsafe(24)


def list_carriers() -> dict[str, str]:
    """Carrier account -> its kind, by name."""
    return {item["sk"]["S"]: item["kind"]["S"] for item in credentials.items_of(CARRIERS)}


def set_app_login(name: str, *, secret: str | None) -> None:
    """What the numbers of one-click login are encrypted with for this app; None: its AppSecret.

    Raises Mistake.
    """

    _check_signs(name)
    credentials.change(credentials.app(name), lambda content: content.update(login_secret=secret))


def create_switch(
    user: str,
    carrier: str = EMBEDDED,
    *,
    recording_hosts: Iterable[str] = (),
    dial_plan: Mapping[str, str] | None = None,
) -> str:
    """Makes a user of a switch that may call /switch/*; returns its password.

    `carrier` names the switch, as `create_app` wants it: each is a carrier account of its own,
    which is made if there is none of this name, and may have several users, one for each node for
    example. It routes and reports X numbers of its apps alone. Recordings that it reports are
    fetched from `recording_hosts`; it writes numbers as `dial_plan` says (core.credentials). Raises
    Mistake.
    """
    checks.switch_user(user)
    checks.name(carrier)
    password = secrets.token_urlsafe(24)
    attributes = {
        "carrier": s(carrier),
        "recording_hosts": texts(checks.recording_hosts(recording_hosts)),
        "dial_plan": {
            "M": {name: s(each) for name, each in checks.dial_plan(dial_plan or {}).items()}
        },
    }
    account = credentials.item_of(credentials.carrier(carrier))
    kind = account["kind"]["S"] if account is not None else EMBEDDED
    if kind != EMBEDDED:
        raise Mistake(f"carrier {carrier} is of the kind {kind}, no switch")
    credentials.create(credentials.switch(user), attributes, {"password": password})
    if account is None and carrier != EMBEDDED:
        with suppress(Mistake):
            # Another user's process may have been quicker.
            credentials.create(credentials.carrier(carrier), _account_item(EMBEDDED), {})
    return password


def rotate_switch_password(user: str, *, again: bool = False) -> str:
    """Gives the switch a new password; the one before it stays valid until it is dropped. `again`:
    in the place of one that was lost. Raises Mistake."""
    fresh, rotate = secrets.token_urlsafe(24), credentials.rotating(again=again)
    credentials.change(credentials.switch(user), lambda content: rotate(content, "password", fresh))
    return fresh


def drop_previous_switch_password(user: str) -> None:
    """Ends the password before the current one. Raises Mistake."""
    credentials.change(
        credentials.switch(user), lambda content: credentials.drop_previous(content, "password")
    )


def add_data_key() -> str:
    """Adds a new version of the data key, which everybody reads and nobody writes yet; its name.

    Make it current with `use_data_key` when every cache has seen it (`CACHE_S`). Raises Mistake.
    """
    added: list[str] = []

    def add(keys: dict[str, Any]) -> None:
        added.append(str(max(int(each) for each in keys if each != "current") + 1))
        keys[added[0]] = secrets.token_hex(32)

    credentials.swap(settings().data_keys_secret, add)
    return added[0]


def use_data_key(version: str) -> None:
    """Makes a version the one that new items are written under. Raises Mistake."""

    def use(keys: dict[str, Any]) -> None:
        if version == "current" or version not in keys:
            raise Mistake(f"no data key {version}")
        keys["current"] = version

    credentials.swap(settings().data_keys_secret, use)
