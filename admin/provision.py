"""Registers apps, their numbers and switches; secrets go to Secrets Manager, the rest to the table.

Works with whatever AWS account and stage the environment names (see `chalicelib/settings.py`).
Changes to the credentials secret are read-modify-write: one operator at a time.
"""

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chalicelib.carriers.base import EMBEDDED, KINDS
from chalicelib.core.errors import BadParameter
from chalicelib.core.values import (
    DAY_MS,
    MAX_LIFETIME_MS,
    MINUTE_MS,
    App,
    AppState,
    Pool,
    parse_number,
)
from chalicelib.settings import settings
from chalicelib.store import apps, clients
from chalicelib.store.items import number_key
from chalicelib.store.table import Table

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_AREA = re.compile(r"[1-9][0-9]{0,2}")
_IM_CALL = re.compile(r"[A-Za-z]{1,32}/[A-Za-z]{1,32}", re.ASCII)

SWITCH_SECRET_BYTES = 24
"""The fewest that Standard Webhooks allows."""


class Mistake(Exception):
    """What the operator asked for can't be done; the text says why."""


def create_app(
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
) -> tuple[str, str]:
    """Makes an app and returns its AppKey and AppSecret, which is not shown again.

    `carrier` is `trunk` or the name of an account made by `create_carrier`. `quota` live bindings,
    `rate` requests a second, `cooling_s` seconds, `retention_days` days for ended bindings,
    `max_call_s` seconds, `im_calls` the messaging calls that are relayed, as `msg/sendMsg`.
    Raises Mistake.
    """
    if not _NAME.fullmatch(name):
        raise Mistake("a name has 1 to 32 lower-case letters, digits or hyphens")
    if not callback_url.startswith(("http://", "https://")):
        raise Mistake("the callback address starts with https:// or http://")
    if min(quota, rate, retention_days, max_call_s) < 1 or cooling_s < 0:
        raise Mistake("quota, rate, retention and call length are at least 1, cooling at least 0")
    if carrier != EMBEDDED and carrier not in list_carriers():
        raise Mistake(f"no carrier {carrier}; make it first with carrier-create")
    app = App(
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
        im_calls=_im_calls(im_calls),
    )
    app_key, app_secret = secrets.token_hex(16), secrets.token_hex(16)

    def add(credentials: dict[str, Any]) -> None:
        credentials.setdefault("apps", {})[app_key] = {
            "app": name,
            "secret": app_secret,
            "previous_secret": None,
        }

    _put_new(apps.profile_item(app), f"app {name} exists")
    try:
        _change_credentials(add)
    except Exception:
        # Without credentials nobody could use it, and a second try would find it there.
        clients.dynamodb().delete_item(TableName=settings().table_name, Key=apps.profile_key(name))
        raise
    return app_key, app_secret


def rotate_app_secret(name: str) -> str:
    """Gives the app a new AppSecret; the one before it stays valid until the next rotation.

    Raises Mistake.
    """
    fresh = secrets.token_hex(16)

    def rotate(credentials: dict[str, Any]) -> None:
        found = [each for each in credentials.get("apps", {}).values() if each["app"] == name]
        if not found:
            raise Mistake(f"no app {name}")
        for each in found:
            each["previous_secret"], each["secret"] = each["secret"], fresh

    _change_credentials(rotate)
    return fresh


def set_app(name: str, **changes: int | bool | str | Iterable[str]) -> None:
    """Changes settings of an app, named as in `create_app` (also `state`). Raises Mistake.

    They take effect when the caches have run out (`CACHE_S`).
    """
    allowed = {
        "callback_url": "S",
        "state": "N",
        "quota": "N",
        "rate": "N",
        "cooling_s": "N",
        "retention_days": "N",
        "max_call_s": "N",
        "strict_nonce": "BOOL",
        "im_calls": "S",
    }
    if "im_calls" in changes:
        changes["im_calls"] = " ".join(sorted(_im_calls(changes["im_calls"])))
    if not changes or changes.keys() - allowed.keys():
        raise Mistake(f"what can be set: {', '.join(sorted(allowed))}")
    values = {
        f":{setting}": {allowed[setting]: value if isinstance(value, bool) else str(value)}
        for setting, value in changes.items()
    }
    client = clients.dynamodb()
    try:
        client.update_item(
            TableName=settings().table_name,
            Key=apps.profile_key(name),
            UpdateExpression="SET " + ", ".join(f"#{each} = :{each}" for each in changes),
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeNames={f"#{each}": each for each in changes},
            ExpressionAttributeValues=values,
        )
    except client.exceptions.ConditionalCheckFailedException:
        raise Mistake(f"no app {name}") from None


def list_apps() -> dict[str, list[str]]:
    """App -> its AppKeys, by name."""
    secret = clients.secretsmanager().get_secret_value(SecretId=settings().credentials_secret)
    found: dict[str, list[str]] = {}
    for app_key, entry in json.loads(secret["SecretString"]).get("apps", {}).items():
        found.setdefault(entry["app"], []).append(app_key)
    return dict(sorted(found.items()))


def show_app(name: str) -> App:
    """An app as it stands in the table, with its numbers. Raises Mistake."""
    app = apps.DynamoApps(Table(clients.dynamodb, settings().table_name), max_age_s=0).get(name)
    if app is None:
        raise Mistake(f"no app {name}")
    return app


def add_numbers(app: str, numbers: Iterable[tuple[str, str | None]]) -> int:
    """Gives X numbers (digits, area code or None) to an app; how many were new.

    A number that the app has already is left alone. Raises Mistake for one of another app.
    """
    client, table = clients.dynamodb(), settings().table_name
    if "Item" not in client.get_item(TableName=table, Key=apps.profile_key(app)):
        raise Mistake(f"no app {app}")
    added = 0
    for number, area in numbers:
        try:
            parse_number(number, name="number")
        except BadParameter:
            raise Mistake("a number has 3 to 24 digits and nothing else") from None
        if area is not None and not _AREA.fullmatch(area):
            raise Mistake("an area code has up to three digits and no leading zero")
        owner = client.get_item(TableName=table, Key=number_key(number)).get("Item")
        if owner is not None:
            if owner["app"]["S"] != app:
                raise Mistake(f"number {number} belongs to another app")
            continue
        put = {"TableName": table, "ConditionExpression": "attribute_not_exists(pk)"}
        client.transact_write_items(
            TransactItems=[
                {"Put": {**put, "Item": number_key(number) | {"app": {"S": app}}}},  # type: ignore[typeddict-item]
                {"Put": {**put, "Item": apps.app_number_item(app, number, area)}},  # type: ignore[typeddict-item]
            ]
        )
        added += 1
    return added


def create_carrier(
    name: str,
    *,
    kind: str,
    secret: str,
    urls: Sequence[str],
    key: str = "",
    lease_minutes: int | None = None,
    login_secret: str | None = None,
) -> None:
    """Registers an account of ours with a carrier, under a name for `create_app`.

    `kind` is one of `carriers.base.KINDS`. `key` and `secret` sign, `urls` are the carrier's
    addresses, the preferred one first, `lease_minutes` how long it is told to keep a binding at
    most (default: a day), `login_secret` what it encrypts one-click numbers with, if not `secret`.
    For the kind `trunk` (whose name is `trunk`) there is one address, the switch's, and `secret`,
    base64 of 24 bytes or more, signs our requests to it. Raises Mistake.
    """
    if kind not in KINDS:
        raise Mistake(f"what can be a carrier's kind: {', '.join(sorted(KINDS))}")
    if not _NAME.fullmatch(name):
        raise Mistake("a name has 1 to 32 lower-case letters, digits or hyphens")
    if (name == EMBEDDED) != (kind == EMBEDDED):
        raise Mistake("the account of kind trunk is named trunk, and no other is")
    if not urls or not all(url.startswith(("http://", "https://")) for url in urls):
        raise Mistake("a carrier needs an address that starts with https:// or http://")
    if kind != EMBEDDED and not key:
        raise Mistake("the key that the carrier gave us is wanted")
    _check_secret(kind, secret)
    if lease_minutes is not None and not 1 <= lease_minutes <= MAX_LIFETIME_MS // MINUTE_MS:
        raise Mistake("a lease has 1 to 525600 minutes")

    def add(credentials: dict[str, Any]) -> None:
        carriers = credentials.setdefault("carriers", {})
        if name in carriers:
            raise Mistake(f"carrier {name} exists")
        carriers[name] = {
            "kind": kind,
            "key": key,
            "secret": secret,
            "previous_secret": None,
            "urls": list(urls),
            "lease_minutes": lease_minutes,
            "login_secret": login_secret,
        }

    _change_credentials(add)


def rotate_carrier_secret(name: str, secret: str) -> None:
    """Notes the carrier's new secret; callbacks signed with the one before are taken until the next
    rotation. Raises Mistake."""

    def rotate(credentials: dict[str, Any]) -> None:
        entry = credentials.get("carriers", {}).get(name)
        if entry is None:
            raise Mistake(f"no carrier {name}")
        _check_secret(entry["kind"], secret)
        entry["previous_secret"], entry["secret"] = entry["secret"], secret

    _change_credentials(rotate)


def list_carriers() -> dict[str, str]:
    """Carrier account -> its kind, by name."""
    secret = clients.secretsmanager().get_secret_value(SecretId=settings().credentials_secret)
    carriers = json.loads(secret["SecretString"]).get("carriers", {})
    return {name: carriers[name]["kind"] for name in sorted(carriers)}


def set_app_login(name: str, *, secret: str | None) -> None:
    """What the numbers of one-click login are encrypted with for this app; None: its AppSecret.

    Raises Mistake.
    """

    def change(credentials: dict[str, Any]) -> None:
        found = [each for each in credentials.get("apps", {}).values() if each["app"] == name]
        if not found:
            raise Mistake(f"no app {name}")
        for each in found:
            each["login_secret"] = secret

    _change_credentials(change)


def create_switch(user: str, carrier: str = "trunk") -> str:
    """Makes a switch that may call /switch/*; returns its password. Raises Mistake."""
    password = secrets.token_urlsafe(24)

    def add(credentials: dict[str, Any]) -> None:
        switches = credentials.setdefault("switches", {})
        if user in switches:
            raise Mistake(f"switch {user} exists")
        switches[user] = {"carrier": carrier, "password": password, "previous_password": None}

    if not user or ":" in user:
        raise Mistake("a switch's user name is not empty and has no colon")
    _change_credentials(add)
    return password


def rotate_switch_password(user: str) -> str:
    """Gives the switch a new password; the one before it stays valid until the next rotation."""
    fresh = secrets.token_urlsafe(24)

    def rotate(credentials: dict[str, Any]) -> None:
        entry = credentials.get("switches", {}).get(user)
        if entry is None:
            raise Mistake(f"no switch {user}")
        entry["previous_password"], entry["password"] = entry["password"], fresh

    _change_credentials(rotate)
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


def _check_secret(kind: str, secret: str) -> None:
    """Raises Mistake for one that this kind of carrier can't sign with."""
    if not secret:
        raise Mistake("a carrier's secret is wanted")
    if kind != EMBEDDED:
        return
    try:
        strength = len(base64.b64decode(secret.removeprefix("whsec_"), validate=True))
    except ValueError:
        strength = 0
    if strength < SWITCH_SECRET_BYTES:
        raise Mistake(
            f"a switch's secret is base64 of at least {SWITCH_SECRET_BYTES} bytes:"
            " openssl rand -base64 32"
        )


def _im_calls(calls: Any) -> frozenset[str]:
    wanted = frozenset(calls)
    if not all(_IM_CALL.fullmatch(call) for call in wanted):
        raise Mistake("a messaging call is named <resource>/<action>, e.g. msg/sendMsg")
    return wanted


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


def _change_credentials(change: Callable[[dict[str, Any]], None]) -> None:
    client, name = clients.secretsmanager(), settings().credentials_secret
    credentials: dict[str, Any] = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    change(credentials)
    client.put_secret_value(SecretId=name, SecretString=json.dumps(credentials))
