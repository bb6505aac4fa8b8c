"""Apps and the numbers they own; read through a cache. Operators write them, and an app those of
its settings that say how it is sent its events."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.core.bindings.call_routes import NOTICE_MS, Owner
from chalicelib.core.durations import CLOCKS_APART_MS, DAY_MS
from chalicelib.core.tenants import SETTINGS, App, Pool
from chalicelib.store import codec
from chalicelib.store.cache import Cache
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.keys import owners_key
from chalicelib.store.table import Item, Table, key, n, s, update

LEFT_MS = 2 * DAY_MS
"""How long the audit still looks at an X that has left a pool: longer than a lease of a day that
was asked for late."""
ABSENT_S = 2
"""How long it is remembered that there is no app of a name."""

APP_KEY, DEVELOPER = "app", "developer"
"""The kinds of public ids that apps sign with."""
DIRECTORY = "APPS"
"""The partition that lists all apps by name, each with its carrier."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Under which public ids an app signs, and which version of its secret counts."""

    app_key: str | None
    developer: str | None
    app_id: str | None
    version: str


@dataclass(frozen=True, slots=True)
class SeenApp:
    """An app as it stood in the table, without its numbers; `item` is what `change_settings`
    compares."""

    app: App
    item: Item = field(repr=False)


class AppStore:
    """Apps by name, and whose an X is. A profile is one query and is kept `max_age_s`."""

    def __init__(
        self, table: Table, encryption: Callable[[], FieldEncryption], max_age_s: float
    ) -> None:
        self._table = table
        self._monotonic = table.runtime.monotonic
        self._encryption = encryption
        self._max_age_s = max_age_s
        # The app may be created the next moment.
        absent_s = min(max_age_s, ABSENT_S)
        self._profiles = Cache(self._read, self._monotonic, max_age_s, absent_s)
        self._directory = Cache(self._listed, self._monotonic, max_age_s)
        self._owners: dict[str, tuple[float, tuple[Owner, ...]]] = {}

    def get(self, name: str) -> App | None:
        """The app of this name. Raises Unavailable."""
        found = self._profiles.get(name)
        return found[0] if found is not None else None

    def keys_of(self, name: str) -> Keys | None:
        """How the app of this name signs; read with it. Raises Unavailable."""
        found = self._profiles.get(name)
        return found[1] if found is not None else None

    def at_carriers(self) -> Sequence[tuple[str, str]]:
        """The names of all apps, each with its carrier; kept as long as a profile. Raises
        Unavailable."""
        return self._directory.get(DIRECTORY) or ()

    def profile(self, name: str) -> SeenApp | None:
        """The settings of an app as they stand in the table now. One read. Raises Unavailable."""
        item = self._table.get(profile_key(name))
        app = _app([item]) if item is not None else None
        return SeenApp(app, item) if app is not None and item is not None else None

    def change_settings(
        self, seen: SeenApp, values: Mapping[str, Any], *, unchanged: Collection[str]
    ) -> bool:
        """Sets these settings; False if the app is gone, or if one of those that have to be
        `unchanged` is not as it was seen. One write. Raises Unavailable."""
        attributes = {name: codec.attribute(value) for name, value in values.items()}
        before = {f":was_{name}": seen.item[name] for name in unchanged if name in seen.item}
        conditions = [
            f"#{name} = :was_{name}" if name in seen.item else f"attribute_not_exists(#{name})"
            for name in sorted(unchanged)
        ]
        condition = " AND ".join(["attribute_exists(pk)", *conditions])
        write = update(profile_key(seen.app.name), attributes, condition, before)
        if self._table.update_if(write) is None:
            return False
        self.forget(seen.app.name)
        return True

    def forget(self, name: str) -> None:
        """Reads an app anew the next time: something of it was changed here."""
        self._profiles.forget(name)

    def _read(self, name: str) -> tuple[App, Keys | None] | None:
        query = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": s(app_pk(name))},
            # Who keeps nothing wants to see what was changed a moment ago.
            ConsistentRead=self._max_age_s == 0,
        )
        items = list(query)
        app = _app(items)
        return (app, _keys(items)) if app is not None else None

    def _listed(self, _: str) -> tuple[tuple[str, str], ...]:
        entries = listed_apps(self._table)
        return tuple((item["sk"]["S"], item["carrier"]["S"]) for item in entries)

    def owners_of(self, number: str, *, fresh: bool = False) -> tuple[Owner, ...]:
        """Everybody that X belonged to; `fresh`: read now, not remembered. One read; for an X that
        has or had an owner it is remembered as long as a profile, which is safe: it is written
        NOTICE_MS before an X leaves an app."""
        until, owners = self._owners.get(number, (0.0, ()))
        if not fresh and self._monotonic() < until:
            return owners
        item = self._table.get(owners_key(number, self._encryption()))
        if item is None:
            return ()
        self._owners[number] = (self._monotonic() + self._max_age_s, read_owners(item))
        return self._owners[number][1]


def owners_item(number: str, owners: Sequence[Owner], encryption: FieldEncryption) -> Item:
    """Whose an X was and is."""
    return owners_key(number, encryption) | codec.write(_Owners(tuple(owners)))


def given(
    owners: Sequence[Owner], *, app: str, carrier: str, now: int, number: str = ""
) -> tuple[Owner, ...] | None:
    """The owners of an X, as the pool has it, once it is given to an app; None while it still
    belongs to one, or did until a moment ago: clocks are apart.

    What a carrier reports late of a time before that is the app's too, if nobody else ever had the
    X; else it is the app's since shortly before, by any clock.
    """
    if not owners:
        return (Owner(app, carrier, since=0, number=number),)
    last = owners[-1].until
    since = now - CLOCKS_APART_MS
    if last is None or last > since:
        return None
    return (*owners, Owner(app, carrier, since, number=number))


def taken(owners: Sequence[Owner], *, now: int) -> tuple[Owner, ...]:
    """The owners of an X once it is taken from the last of them, with NOTICE_MS of notice."""
    return (*owners[:-1], replace(owners[-1], until=now + NOTICE_MS))


def read_owners(item: Item) -> tuple[Owner, ...]:
    """Reads `owners_item`."""
    return codec.read(_Owners, item).owners


@dataclass(frozen=True, slots=True)
class _Owners:
    owners: tuple[Owner, ...]


def app_pk(name: str) -> str:
    """The partition of an app: its profile and its numbers."""
    return f"APP#{name}"


def listed_apps(table: Table) -> Iterator[Item]:
    """The entries of all apps that there are, by name; a page of them at a time."""
    return table.query(
        KeyConditionExpression="pk = :pk",
        FilterExpression="attribute_not_exists(deleted)",
        ExpressionAttributeValues={":pk": s(DIRECTORY)},
    )


def directory_key(name: str) -> Item:
    """Where an app is listed. The entry outlives it: no other app ever has its name."""
    return key(DIRECTORY, name)


def public_key(kind: str, public_id: str) -> Item:
    """Where it is written whose a public id is."""
    return key(f"K#{kind}#{public_id}", "K")


def credentials_key(name: str) -> Item:
    """Where it is written how an app signs."""
    return key(app_pk(name), "CREDENTIALS")


def profile_key(name: str) -> Item:
    """Where an app's settings stand."""
    return key(app_pk(name), "PROFILE")


def profile_item(app: App) -> Item:
    """The settings of an app, without its numbers."""
    settings = {name: codec.attribute(getattr(app, name)) for name in SETTINGS}
    return profile_key(app.name) | settings


def app_number_key(name: str, number: str) -> Item:
    """Where an app's pool has an X."""
    return key(app_pk(name), f"NUMBER#{number}")


def app_number_item(name: str, number: str, area: str | None) -> Item:
    """An entry of an app's pool."""
    return app_number_key(name, number) | ({"area": s(area)} if area is not None else {})


def _keys(items: list[Item]) -> Keys | None:
    item = next((item for item in items if item["sk"]["S"] == "CREDENTIALS"), None)
    return codec.read(Keys, item) if item is not None and "version" in item else None


def number_leaves(name: str, number: str, *, now: int) -> Item:
    """The write, as `Table.transact` takes it, by which an X leaves an app's pool, unless it gets
    new bindings again. The entry stays for the audit."""
    return {
        "Update": {
            "Key": app_number_key(name, number),
            "UpdateExpression": "SET #left = :now, #ttl = :ttl REMOVE draining",
            "ConditionExpression": "draining <= :drained",
            "ExpressionAttributeNames": {"#left": "left", "#ttl": "ttl"},
            "ExpressionAttributeValues": {
                ":now": n(now),
                ":ttl": n((now + LEFT_MS) // 1000),
                ":drained": n(now - NOTICE_MS),
            },
        }
    }


def _app(items: list[Item]) -> App | None:
    profile = next((item for item in items if item["sk"]["S"] == "PROFILE"), None)
    if profile is None:
        return None
    numbers = {
        item["sk"]["S"].removeprefix("NUMBER#"): item
        for item in items
        if item["sk"]["S"].startswith("NUMBER#")
    }
    areas = {
        number: item["area"]["S"] if "area" in item else None
        for number, item in numbers.items()
        if "left" not in item
    }
    draining = frozenset(number for number in areas if "draining" in numbers[number])
    # What was stored before there was a setting has its default.
    return codec.read(
        App,
        profile,
        name=profile["pk"]["S"].removeprefix("APP#"),
        pool=Pool(areas, draining),
        left=tuple(sorted(numbers.keys() - areas.keys())),
    )
