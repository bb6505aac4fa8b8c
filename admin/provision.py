"""Registers apps, their numbers and switches; secrets go to Secrets Manager, the rest to the table.

Works with whatever AWS account and stage the environment names (see `chalicelib/settings.py`).
"""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from admin import checks, credentials, developers, receivers
from admin.command import written
from admin.credentials import Mistake
from admin.developers import Developer
from chalicelib.bootstrap import gateway
from chalicelib.clock import SYSTEM, now_ms
from chalicelib.core import numbers as numbering
from chalicelib.core.credentials import EMBEDDED, AppCredentials
from chalicelib.core.ownership import Owner
from chalicelib.core.values import (
    CLOCKS_APART_MS,
    DAY_MS,
    App,
    AppState,
    Pool,
    Tariff,
)
from chalicelib.settings import settings
from chalicelib.store import apps, clients
from chalicelib.store.items import owners_key
from chalicelib.store.ledger import DynamoLedger
from chalicelib.store.table import Table, n, s
from chalicelib.store.vault import Vault

Made = TypeVar("Made")


def create_app(name: str, *, tried: bool = False, **settings: Any) -> tuple[str, str]:
    """Makes an app and returns its AppKey and AppSecret, which is not shown again.

    `tried`: only if its receiver answers, where its dialect asks for that. `settings` are those of
    `_new_app`. Raises Mistake.
    """
    app_key, app_secret = secrets.token_hex(16), secrets.token_hex(16)
    app = _new_app(name, **settings)
    if app.dialect == "interline":
        raise Mistake("this dialect names a developer, whom --facade interline gives")
    if tried:
        receivers.try_address(app, AppCredentials(name, app_key, (app_secret,)))

    def add(content: dict[str, Any]) -> None:
        content.setdefault("apps", {})[app_key] = {
            "app": name,
            "secret": app_secret,
            "previous_secret": None,
        }

    _create(app, lambda: credentials.change(add))
    return app_key, app_secret


def create_interline_app(name: str, **settings: Any) -> Developer:
    """Makes an app that signs as interline's developers do, and is told of its calls as they are
    unless another dialect is given.

    `settings` are those of `_new_app`. Raises Mistake.
    """
    app = _new_app(name, **{"dialect": "interline"} | settings)
    if app.dialect == "netease":
        raise Mistake(
            "this dialect is signed with an AppSecret: --facade netease makes an app with one"
        )
    return _create(app, lambda: developers.create(name))


def _new_app(
    name: str,
    *,
    callback_url: str,
    carrier: str = "trunk",
    quota: int = 10_000,
    rate: int = 200,
    cooling_s: int = 86_400,
    retention_days: int = 180,
    max_call_s: int = 7_200,
    strict_nonce: bool = False,
    im_calls: Iterable[str] = (),
    dialect: str = "netease",
    callback_json: bool = False,
    role: str = "",
    sources: Iterable[str] = (),
    wants: Iterable[str] = (),
    recording_days: int = 180,
    recording_auth: str = "link",
    recording_link_days: int = 7,
) -> App:
    """An app as an operator describes it.

    `carrier` is `trunk` or the name of an account made by `create_carrier`. `quota` live bindings,
    `rate` requests a second, `cooling_s` seconds, `retention_days` days for ended bindings,
    `max_call_s` seconds, `im_calls` the messaging calls that are relayed, as `msg/sendMsg`,
    `callback_json` callbacks in JSON where the dialect has forms too, `role` what its account says
    it is, `sources` the networks that it may send from (none: any), `wants` the kinds of events
    that it is told of (none: all that its dialect has words for), `recording_days` how long its
    recordings are kept, one of KEPT_DAYS, `recording_auth` (`link` or `required`) whether the links
    to them in its callbacks open by themselves, for `recording_link_days` days, or only with the
    app's authentication. Raises Mistake.
    """
    checks.name(name)
    checks.callback_url(callback_url)
    if min(quota, rate, retention_days, max_call_s) < 1:
        raise Mistake("quota, rate, retention and call length are at least 1")
    checks.cooling(cooling_s)
    if carrier != EMBEDDED and carrier not in list_carriers():
        raise Mistake(f"no carrier {carrier}; make it first with carrier-create")
    return App(
        name=name,
        carrier=carrier,
        callback_url=callback_url,
        state=AppState.ACTIVE,
        quota=quota,
        # One counter takes some hundred bindings a second; a small quota is not worth more.
        quota_shards=min(16, max(1, quota // 100)),
        rate=rate,
        cooling_ms=cooling_s * 1000,
        retention_ms=retention_days * DAY_MS,
        max_call_s=max_call_s,
        strict_nonce=strict_nonce,
        pool=Pool({}),
        im_calls=checks.im_calls(im_calls),
        dialect=dialect,
        callback_json=callback_json,
        role=role,
        sources=checks.networks(sources),
        wants=receivers.wanted(wants, dialect),
        recording_days=checks.recording_days(recording_days),
        recording_auth=checks.recording_auth(recording_auth),
        recording_link_days=checks.recording_link_days(recording_link_days),
    )


def _create(app: App, give_credentials: Callable[[], Made]) -> Made:
    _put_new(apps.profile_item(app), f"app {app.name} exists")
    try:
        if app.dialect == receivers.OWN_SECRET:
            receivers.give_secret(app.name)
        made = give_credentials()
    except Exception:
        # Without credentials nobody could use it, and a second try would find it there.
        key = apps.profile_key(app.name)
        clients.dynamodb().delete_item(TableName=settings().table_name, Key=key)
        raise
    DynamoLedger(_table()).open(app.name, now=now_ms())
    return made


def rotate_app_secret(name: str) -> str:
    """Gives the app a new AppSecret; the one before it stays valid until the next rotation.

    Raises Mistake.
    """
    fresh = secrets.token_hex(16)

    def rotate(content: dict[str, Any]) -> None:
        found = [each for each in content.get("apps", {}).values() if each["app"] == name]
        if not found:
            raise Mistake(f"no app {name} with an AppSecret")
        for each in found:
            each["previous_secret"], each["secret"] = each["secret"], fresh

    credentials.change(rotate)
    return fresh


_SETTINGS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "callback_url": s,
    "state": n,
    "quota": n,
    "rate": n,
    "cooling_s": lambda seconds: n(checks.cooling(seconds)),
    "retention_days": n,
    "max_call_s": n,
    "strict_nonce": lambda value: {"BOOL": value},
    "im_calls": lambda calls: s(" ".join(sorted(checks.im_calls(calls)))),
    "dialect": s,
    "callback_json": lambda value: {"BOOL": value},
    "role": s,
    "sources": lambda sources: s(" ".join(checks.networks(sources))),
    "wants": lambda kinds: s(" ".join(sorted(kinds))),
    "recording_days": lambda days: n(checks.recording_days(days)),
    "recording_auth": lambda auth: s(checks.recording_auth(auth)),
    "recording_link_days": lambda days: n(checks.recording_link_days(days)),
    "tariff": lambda tariff: s(f"{tariff.binding} {tariff.sms} {tariff.minute}"),
}
"""What of an app can be set, and how it stands in the table."""


def set_app(
    name: str, *, tried: bool = False, **changes: int | bool | str | Iterable[str] | Tariff
) -> None:
    """Changes settings of an app, named as in `_new_app` (also `state` and `tariff`). Raises
    Mistake.

    `tried`: a new address or dialect only if its receiver answers, where the dialect asks for that.
    They take effect when the caches have run out (`CACHE_S`).
    """
    if not changes or changes.keys() - _SETTINGS.keys():
        raise Mistake(f"what can be set: {', '.join(sorted(_SETTINGS))}")
    if changes.keys() & {"callback_url", "dialect", "wants"}:
        _check_told(name, changes, tried=tried)
    client = clients.dynamodb()
    try:
        client.update_item(
            TableName=settings().table_name,
            Key=apps.profile_key(name),
            UpdateExpression="SET " + ", ".join(f"#{each} = :{each}" for each in changes),
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={f"#{each}": each for each in changes},
            ExpressionAttributeValues={
                f":{each}": _SETTINGS[each](value) for each, value in changes.items()
            },
        )
    except client.exceptions.ConditionalCheckFailedException:
        raise Mistake(f"no app {name}") from None


def list_apps() -> dict[str, list[str]]:
    """App -> its AppKeys and developer's ids, by name."""
    content = credentials.read()
    found: dict[str, list[str]] = {}
    for kind in ("apps", "developers"):
        for key, entry in content.get(kind, {}).items():
            found.setdefault(entry["app"], []).append(key)
    return dict(sorted(found.items()))


def show_app(name: str) -> App:
    """An app as it stands in the table, with its numbers. Raises Mistake."""
    app = apps.DynamoApps(_table(), _vault, max_age_s=0).get(name)
    if app is None:
        raise Mistake(f"no app {name}")
    return app


def add_numbers(app: str, numbers: Iterable[tuple[str, str | None]]) -> int:
    """Gives X numbers (digits, area code or None) to an app; how many were new.

    A number that the app has already is left alone. Raises Mistake for one of another app, for one
    that is just leaving one, and for one that somebody has in another form, with 86 or without.
    """
    carrier, added = show_app(app).carrier, 0
    for number, area in numbers:
        checks.number(number, area)
        table, now, before = _table(), now_ms(), _owners_of(number)
        if before and before[-1].until is None and before[-1].number != number:
            raise Mistake(f"number {number} is there already, as {before[-1].number}")
        after = apps.given(before, app=app, carrier=carrier, now=now, number=number)
        if after is None:
            _check_leaving(number, before[-1], app)
            continue
        if before and (at := _free_at(table, number)) > now:
            raise Mistake(f"somebody is or was bound over {number}: add it after {written(at)}")
        pool = {"Item": apps.app_number_item(app, number, area)}
        if not _write_owners(number, before, after, {"Put": pool}):
            raise Mistake(f"number {number} is being given to somebody else; try again")
        added += 1
    return added


def remove_numbers(app: str, numbers: Iterable[str]) -> int:
    """Takes X numbers from an app; the latest moment (epoch ms) from which on they may be given to
    another one.

    Until then, some minutes, what carriers report of them is still told to this app. What is bound
    by a process that does not know of it yet goes on until it runs out, and X is free after that.
    Raises Mistake for a number that it has not, and for one over which somebody is bound, or was
    until lately.
    """
    free = now_ms()
    for number in numbers:
        table, now, before = _table(), now_ms(), _owners_of(number)
        if not before or not _has(before[-1], app, number):
            raise Mistake(f"the app {app} has no number {number}")
        if (at := _free_at(table, number)) > now:
            raise Mistake(
                f"somebody is or was bound over {number}: until {written(at)} it may not lead to"
                " anybody else; stop binding over it, and take it then"
            )
        after = apps.taken(before, now=now)
        if not _write_owners(number, before, after, apps.number_leaves(app, number, now=now)):
            raise Mistake(f"number {number} is being changed; try again")
        free = max(free, (after[-1].until or now) + CLOCKS_APART_MS)
    return free


def _owners_of(number: str) -> tuple[Owner, ...]:
    """Whose an X is and was, however it was spelled."""
    item = _table().get(owners_key(number, _vault()))
    return apps.read_owners(item) if item is not None else ()


def _has(owner: Owner, app: str, number: str) -> bool:
    return owner.app == app and owner.number == number and owner.until is None


def _check_leaving(number: str, owner: Owner, app: str) -> None:
    if owner.until is not None:
        free = written(owner.until + CLOCKS_APART_MS)
        raise Mistake(f"number {number} is leaving {owner.app}: add it after {free}")
    if owner.app != app:
        raise Mistake(f"number {number} belongs to another app")


def _free_at(table: Table, number: str) -> int:
    """From when on nobody's call over X, in any spelling, can be of a binding that there was."""
    legs = [
        leg
        for each in numbering.spellings(number)
        for leg in table.query(
            KeyConditionExpression="pk = :pk AND begins_with(sk, :leg)",
            ExpressionAttributeValues={":pk": s(f"X#{each}"), ":leg": s("L#")},
            ConsistentRead=True,
        )
    ]
    return max(
        (
            max(
                int(leg["free_at"]["N"]),
                int(leg["expires"]["N"]) + int(leg["max_call"]["N"]) * 1000,
            )
            for leg in legs
        ),
        default=0,
    )


def _write_owners(
    number: str, before: Sequence[Owner], after: Sequence[Owner], pool: dict[str, Any]
) -> bool:
    """Writes whose an X is, and what that changes in a pool; False if somebody else was quicker."""
    vault = _vault()
    put: dict[str, Any] = {"Item": apps.owners_item(number, after, vault)}
    if before:
        put["ConditionExpression"] = "owners = :before"
        was = apps.owners_item(number, before, vault)["owners"]
        put["ExpressionAttributeValues"] = {":before": was}
    else:
        put["ConditionExpression"] = "attribute_not_exists(pk)"
    return _table().transact([{"Put": put}, pool]) is None


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
) -> None:
    """Registers an account of ours with a carrier, under a name for `create_app`.

    `kind` is one of `carriers.base.KINDS`. `key` and `secret` sign, `urls` are the carrier's
    addresses, the preferred one first, `lease_minutes` how long it is told to keep a binding at
    most (default: a day), `login_secret` what it encrypts one-click numbers with, if not `secret`,
    `app_id` the id of our app there (wanted for `interline`, whose developer's id is `key`),
    `shows_numbers` that it may show people's real numbers, `sources` the networks that its
    callbacks come from (none: any), `recording_hosts` where its recordings may be fetched from
    (`*.example.com`: any name below it).
    For the kind `trunk` there is one address, the switch's, and `secret`, base64 of 24 bytes or
    more, signs our requests to it; without such an account it can't be asked to place calls. Raises
    Mistake.
    """
    checks.carrier(name, kind, key=key, app_id=app_id, urls=urls)
    checks.carrier_secret(kind, secret)
    checks.lease(lease_minutes)
    entry = {
        "kind": kind,
        "key": key,
        "secret": secret,
        "previous_secret": None,
        "urls": list(urls),
        "lease_minutes": lease_minutes,
        "login_secret": login_secret,
        "shows_numbers": shows_numbers,
        "sources": list(checks.networks(sources)),
        "recording_hosts": list(checks.recording_hosts(recording_hosts)),
    }
    if app_id:
        entry |= {"app_id": app_id, "callback_token": _token(), "previous_callback_token": None}

    def add(content: dict[str, Any]) -> None:
        carriers = content.setdefault("carriers", {})
        there = carriers.get(name)
        # A switch that was made without an address is given one now.
        if there is not None and (there["kind"] != kind or there["urls"]):
            raise Mistake(f"carrier {name} exists")
        carriers[name] = entry

    credentials.change(add)


def rotate_carrier_secret(name: str, secret: str) -> None:
    """Notes the carrier's new secret; callbacks signed with the one before are taken until the next
    rotation. Raises Mistake."""

    def rotate(content: dict[str, Any]) -> None:
        entry = content.get("carriers", {}).get(name)
        if entry is None:
            raise Mistake(f"no carrier {name}")
        checks.carrier_secret(entry["kind"], secret)
        entry["previous_secret"], entry["secret"] = entry["secret"], secret

    credentials.change(rotate)


def callback_paths(carrier: str) -> list[str]:
    """Where a carrier of the kind `interline` tells us of calls, behind the gateway's address: of
    how they ended and of how they began. The paths are secret. Raises Mistake."""
    return _paths(carrier, credentials.read())


def rotate_callback_paths(carrier: str) -> list[str]:
    """The same, new; what comes to those before is taken until the next rotation."""
    made: list[str] = []

    def rotate(content: dict[str, Any]) -> None:
        _paths(carrier, content)
        entry = content["carriers"][carrier]
        entry["previous_callback_token"] = entry["callback_token"]
        entry["callback_token"] = _token()
        made.extend(_paths(carrier, content))

    credentials.change(rotate)
    return made


def _paths(carrier: str, content: dict[str, Any]) -> list[str]:
    token = content.get("carriers", {}).get(carrier, {}).get("callback_token")
    if token is None:
        raise Mistake(f"no carrier {carrier} of the kind interline")
    return [f"/callbacks/interline/{carrier}/{token}/{what}" for what in ("cdr", "start")]


def _token() -> str:
    return secrets.token_urlsafe(24)


def list_carriers() -> dict[str, str]:
    """Carrier account -> its kind, by name."""
    carriers = credentials.read().get("carriers", {})
    return {name: carriers[name]["kind"] for name in sorted(carriers)}


def set_app_login(name: str, *, secret: str | None) -> None:
    """What the numbers of one-click login are encrypted with for this app; None: its AppSecret.

    Raises Mistake.
    """

    def change(content: dict[str, Any]) -> None:
        found = [each for each in content.get("apps", {}).values() if each["app"] == name]
        if not found:
            raise Mistake(f"no app {name}")
        for each in found:
            each["login_secret"] = secret

    credentials.change(change)


def create_switch(
    user: str,
    carrier: str = "trunk",
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
    checks.name(carrier)
    password = secrets.token_urlsafe(24)
    plan = checks.dial_plan(dial_plan or {})
    hosts = list(checks.recording_hosts(recording_hosts))

    def add(content: dict[str, Any]) -> None:
        switches = content.setdefault("switches", {})
        if user in switches:
            raise Mistake(f"switch {user} exists")
        account = content.setdefault("carriers", {})
        if carrier != EMBEDDED and carrier not in account:
            account[carrier] = {"kind": EMBEDDED, "secret": "", "urls": []}
        elif carrier in account and account[carrier]["kind"] != EMBEDDED:
            raise Mistake(f"carrier {carrier} is of the kind {account[carrier]['kind']}, no switch")
        switches[user] = {
            "carrier": carrier,
            "password": password,
            "previous_password": None,
            "recording_hosts": hosts,
            "dial_plan": plan,
        }

    if not user or ":" in user:
        raise Mistake("a switch's user name is not empty and has no colon")
    credentials.change(add)
    return password


def rotate_switch_password(user: str) -> str:
    """Gives the switch a new password; the one before it stays valid until the next rotation."""
    fresh = secrets.token_urlsafe(24)

    def rotate(content: dict[str, Any]) -> None:
        entry = content.get("switches", {}).get(user)
        if entry is None:
            raise Mistake(f"no switch {user}")
        entry["previous_password"], entry["password"] = entry["password"], fresh

    credentials.change(rotate)
    return fresh


def add_data_key() -> str:
    """Adds a new version of the data key, which everybody reads and nobody writes yet; its name.

    Make it current with `use_data_key` when every cache has seen it (`CACHE_S`).
    """
    client, name = clients.secretsmanager(), settings().data_keys_secret
    keys = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    version = str(max(int(each) for each in keys if each != "current") + 1)
    keys[version] = secrets.token_hex(32)
    client.put_secret_value(SecretId=name, SecretString=json.dumps(keys))
    return version


def use_data_key(version: str) -> None:
    """Makes a version the one that new items are written under. Raises Mistake."""
    client, name = clients.secretsmanager(), settings().data_keys_secret
    keys = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    if version == "current" or version not in keys:
        raise Mistake(f"no data key {version}")
    keys["current"] = version
    client.put_secret_value(SecretId=name, SecretString=json.dumps(keys))


def _check_told(name: str, changes: Mapping[str, Any], *, tried: bool) -> None:
    """Whether the app could be told of its calls like this."""
    told = {"callback_url", "dialect", "wants"} & changes.keys()
    app = replace(show_app(name), **{each: changes[each] for each in told})
    if "callback_url" in changes:
        checks.callback_url(app.callback_url)
    if "dialect" in changes:
        receivers.check_dialect(name, app.dialect)
    receivers.wanted(app.wants, app.dialect)
    if tried and told != {"wants"}:
        receivers.try_address(app)


def _table() -> Table:
    return Table(clients.dynamodb, settings().table_name, SYSTEM)


def _vault() -> Vault:
    return gateway().vault()


def _put_new(item: dict[str, Any], otherwise: str) -> None:
    client = clients.dynamodb()
    try:
        client.put_item(
            TableName=settings().table_name,
            Item=item,
            ConditionExpression="attribute_not_exists(pk)",
        )
    except client.exceptions.ConditionalCheckFailedException:
        raise Mistake(otherwise) from None
