"""Credentials: an item of the table says whose a public id is and which version of a secret counts,
the secret is in Secrets Manager. Read here; operators write them (admin.credentials)."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from chalicelib.core.credentials import (
    EMBEDDED,
    AppCredentials,
    CarrierAccount,
    DialPlan,
    SwitchCredentials,
)
from chalicelib.core.durations import DAY_MS, MINUTE_MS
from chalicelib.core.errors import StoreUnavailable
from chalicelib.store.cache import Cache
from chalicelib.store.secrets import OwnersSecrets
from chalicelib.store.table import Item, Table, key, s
from chalicelib.store.tenants.apps import APP_KEY, DEVELOPER, AppStore, public_key

_PUBLIC_ID = re.compile(r"[A-Za-z0-9_.@=+-]{1,128}", re.ASCII)
_NO_SEPARATORS = str.maketrans("", "", "_.@=+-")
_DIGITS = 9
"""So many digits and more, and nothing else, may be somebody's telephone number."""


def is_public_id(text: str) -> bool:
    """Whether it can be an AppKey, a developer's id, a switch's user or the name of an account.
    Nothing is read for any other text: no key of the table is made of a telephone number."""
    digits = text.translate(_NO_SEPARATORS)
    like_a_number = digits.isdecimal() and len(digits) >= _DIGITS
    return not like_a_number and _PUBLIC_ID.fullmatch(text) is not None


CARRIERS, SWITCHES = "CARRIERS", "SWITCHES"
"""The partitions of our accounts with carriers, by name, and of switches, by user."""

_T = TypeVar("_T")


class CredentialStore:
    """Who signs in, and with what. An item is kept `max_age_s`, and costs one read when it is read
    anew; that there is none is remembered for half a minute, so that guessing costs no reads. Every
    method may raise Unavailable."""

    def __init__(
        self, table: Table, apps: AppStore, secrets: OwnersSecrets, max_age_s: float
    ) -> None:
        self._table = table
        self._apps = apps
        self._secrets = secrets

        def cache(read: Callable[[str], _T | None]) -> Cache[_T]:
            return Cache(read, table.runtime.monotonic, max_age_s)

        self._app_keys = cache(lambda name: self._owner(APP_KEY, name))
        self._developers = cache(lambda name: self._owner(DEVELOPER, name))
        self._switches = cache(lambda user: self._item(SWITCHES, user))
        self._carriers = cache(lambda name: self._item(CARRIERS, name))
        # A stage without one is usual, so its absence is remembered as long.
        self._embedded = cache(lambda name: self._item(CARRIERS, name) or {})
        self._hosts = cache(self._read_hosts)

    def app(self, app_key: str) -> AppCredentials | None:
        """Whose AppKey this is."""
        name = self._app_keys.get(app_key) if is_public_id(app_key) else None
        found = self.of_app(name) if name is not None else None
        return found if found is not None and found.key == app_key else None

    def developer(self, developer: str) -> AppCredentials | None:
        """Whose developer's id this is."""
        name = self._developers.get(developer) if is_public_id(developer) else None
        found = self.developer_of(name) if name is not None else None
        return found if found is not None and found.key == developer else None

    def of_app(self, name: str) -> AppCredentials | None:
        """How callbacks to this app are signed, and how it signs."""
        keys = self._apps.keys_of(name)
        if keys is None or keys.app_key is None:
            return None
        secret = self._secrets.get(app_secret(name), keys.version)
        return AppCredentials(name, keys.app_key, valid(secret, "secret"), **_login(secret))

    def developer_of(self, name: str) -> AppCredentials | None:
        """As whom callbacks to this app address it, in an event format that names developers."""
        keys = self._apps.keys_of(name)
        if keys is None or keys.developer is None:
            return None
        secret = self._secrets.get(app_secret(name), keys.version)
        secrets = valid(secret, "auth_key")
        return AppCredentials(name, keys.developer, secrets, app_id=keys.app_id)

    def callback_secrets(self, name: str) -> tuple[str, ...]:
        """What callbacks to this app are signed with where its event format has secrets for it."""
        keys = self._apps.keys_of(name)
        secret = self._secrets.get(app_secret(name), keys.version) if keys is not None else {}
        return valid(secret, "callback_secret") if secret.get("callback_secret") else ()

    def switch(self, user: str) -> SwitchCredentials | None:
        """Who signs in under this name."""
        item = self._switches.get(user) if is_public_id(user) else None
        if item is None:
            return None
        secret = self._secrets.get(switch_secret(user), item["version"]["S"])
        return SwitchCredentials(
            item["carrier"]["S"], valid(secret, "password"), DialPlan(**dial_plan(item))
        )

    def carrier(self, name: str) -> CarrierAccount | None:
        """Our account of this name."""
        known = self._embedded if name == EMBEDDED else self._carriers
        item = known.get(name) if is_public_id(name) else None
        if not item:
            return None
        secret = self._secrets.get(carrier_secret(name), item["version"]["S"])
        return read_account(item, secret)

    def recording_hosts(self, carrier: str) -> tuple[str, ...]:
        """From where recordings of this carrier, or of its switches, may be fetched."""
        return self._hosts.get(carrier) or ()

    def _owner(self, kind: str, public_id: str) -> str | None:
        item = self._table.get(public_key(kind, public_id))
        return item["app"]["S"] if item is not None else None

    def _item(self, partition: str, name: str) -> Item | None:
        item = self._table.get(key(partition, name))
        return item if item is not None and "version" in item else None

    def _read_hosts(self, carrier: str) -> tuple[str, ...] | None:
        account = self._item(CARRIERS, carrier)
        switches = self._table.query(
            KeyConditionExpression="pk = :pk",
            FilterExpression="carrier = :carrier",
            ExpressionAttributeValues={":pk": s(SWITCHES), ":carrier": s(carrier)},
        )
        found = [*([account] if account is not None else []), *switches]
        hosts = [host for item in found for host in listed(item, "recording_hosts")]
        # None instead of nothing: an operator may add the first one the next moment.
        return tuple(dict.fromkeys(hosts)) or None


def app_secret(name: str) -> str:
    """The name of an app's secret, below the stage's prefix."""
    return f"app/{name}"


def carrier_secret(name: str) -> str:
    """The same of an account with a carrier."""
    return f"carrier/{name}"


def switch_secret(user: str) -> str:
    """The same of a switch's user."""
    return f"switch/{user}"


def read_account(item: Item, secret: Mapping[str, Any]) -> CarrierAccount:
    """An account from its item and its secret. Raises Unavailable."""
    minutes = int(item["lease_minutes"]["N"]) if "lease_minutes" in item else None
    return CarrierAccount(
        name=item["sk"]["S"],
        kind=item["kind"]["S"],
        key=item["key"]["S"],
        # A switch that only asks us has none.
        secrets=valid(secret, "secret") if item["version"]["S"] else (),
        urls=tuple(listed(item, "urls")),
        lease_ms=minutes * MINUTE_MS if minutes else DAY_MS,
        app_id=item["app_id"]["S"] if "app_id" in item else None,
        shows_numbers=item["shows_numbers"]["BOOL"],
        callback_tokens=valid(secret, "callback_token") if secret.get("callback_token") else (),
        sources=tuple(listed(item, "sources")),
        **_login(secret),
    )


def texts(values: Iterable[str]) -> Item:
    """An attribute that is a list of texts."""
    return {"L": [s(value) for value in values]}


def listed(item: Item, name: str) -> list[str]:
    """Reads `texts`."""
    return [each["S"] for each in item[name]["L"]]


def dial_plan(item: Item) -> dict[str, str]:
    """How a switch writes numbers, where that is not as usual."""
    return {member: value["S"] for member, value in item["dial_plan"]["M"].items()}


def valid(secret: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """What of a name is valid now, the current one first. Raises Unavailable for a secret that
    lacks it."""
    current, previous = secret.get(name), secret.get(f"previous_{name}")
    if not isinstance(current, str) or not current:
        raise StoreUnavailable("a secret lacks what its owner signs with")
    return (current, previous) if isinstance(previous, str) and previous else (current,)


def _login(secret: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: secret.get(name) for name in ("login_secret", "login_scheme")}
