"""Apps and the numbers they own; read through a cache, written by operators only."""

import time

from chalicelib.core.values import DAY_MS, FREE, App, AppState, Pool, Tariff
from chalicelib.store.items import number_key
from chalicelib.store.table import Item, Table, key, s


class DynamoApps:
    """Fulfils the port Apps. A profile is one query and is kept `max_age_s`."""

    def __init__(self, table: Table, max_age_s: float) -> None:
        self._table = table
        self._max_age_s = max_age_s
        self._kept: dict[str, tuple[float, App | None]] = {}
        self._owners: dict[str, tuple[float, str]] = {}

    def get(self, name: str) -> App | None:
        """The app of this name. Raises Unavailable."""
        until, app = self._kept.get(name, (0.0, None))
        if time.monotonic() < until:
            return app
        items = self._table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": s(app_pk(name))},
        )
        app = _app(list(items))
        self._kept[name] = (time.monotonic() + self._max_age_s, app)
        return app

    def owner_of(self, number: str) -> str | None:
        """The app that X belongs to. One read; one that has an owner is remembered as long as a
        profile."""
        until, owner = self._owners.get(number, (0.0, ""))
        if time.monotonic() < until:
            return owner
        item = self._table.get(number_key(number))
        if item is None:
            return None
        self._owners[number] = (time.monotonic() + self._max_age_s, item["app"]["S"])
        return self._owners[number][1]


def app_pk(name: str) -> str:
    """The partition of an app: its profile and its numbers."""
    return f"APP#{name}"


def profile_key(name: str) -> Item:
    """Where an app's settings stand."""
    return key(app_pk(name), "PROFILE")


def profile_item(app: App) -> Item:
    """The settings of an app, without its numbers."""
    return profile_key(app.name) | {
        "carrier": s(app.carrier),
        "callback_url": s(app.callback_url),
        "state": {"N": str(int(app.state))},
        "quota": {"N": str(app.quota)},
        "quota_shards": {"N": str(app.quota_shards)},
        "rate": {"N": str(app.rate)},
        "cooling_s": {"N": str(app.cooling_ms // 1000)},
        "retention_days": {"N": str(app.retention_ms // DAY_MS)},
        "max_call_s": {"N": str(app.max_call_s)},
        "strict_nonce": {"BOOL": app.strict_nonce},
        "im_calls": s(" ".join(sorted(app.im_calls))),
        "dialect": s(app.dialect),
        "callback_json": {"BOOL": app.callback_json},
        "tariff": s(f"{app.tariff.binding} {app.tariff.sms} {app.tariff.minute}"),
        "role": s(app.role),
        "sources": s(" ".join(app.sources)),
        "wants": s(" ".join(sorted(app.wants))),
        "recording_days": {"N": str(app.recording_days)},
        "recording_auth": s(app.recording_auth),
        "recording_link_days": {"N": str(app.recording_link_days)},
    }


def app_number_item(name: str, number: str, area: str | None) -> Item:
    """An entry of an app's pool."""
    item = key(app_pk(name), f"NUMBER#{number}")
    return item | ({"area": s(area)} if area is not None else {})


def _app(items: list[Item]) -> App | None:
    profile = next((item for item in items if item["sk"]["S"] == "PROFILE"), None)
    if profile is None:
        return None
    areas = {
        item["sk"]["S"].removeprefix("NUMBER#"): item["area"]["S"] if "area" in item else None
        for item in items
        if item["sk"]["S"].startswith("NUMBER#")
    }
    return App(
        name=profile["pk"]["S"].removeprefix("APP#"),
        carrier=profile["carrier"]["S"],
        callback_url=profile["callback_url"]["S"],
        state=_state(profile),
        quota=int(profile["quota"]["N"]),
        quota_shards=int(profile["quota_shards"]["N"]),
        rate=int(profile["rate"]["N"]),
        cooling_ms=int(profile["cooling_s"]["N"]) * 1000,
        retention_ms=int(profile["retention_days"]["N"]) * DAY_MS,
        max_call_s=int(profile["max_call_s"]["N"]),
        strict_nonce=profile["strict_nonce"]["BOOL"],
        pool=Pool(areas),
        im_calls=frozenset(_words(profile, "im_calls")),
        dialect=profile["dialect"]["S"] if "dialect" in profile else "netease",
        callback_json=profile["callback_json"]["BOOL"] if "callback_json" in profile else False,
        tariff=Tariff(*map(int, _words(profile, "tariff"))) if "tariff" in profile else FREE,
        role=profile["role"]["S"] if "role" in profile else "",
        sources=tuple(_words(profile, "sources")),
        wants=frozenset(_words(profile, "wants")),
        recording_days=int(profile["recording_days"]["N"]) if "recording_days" in profile else 180,
        recording_auth="required" if profile["recording_auth"]["S"] == "required" else "link",
        recording_link_days=int(profile["recording_link_days"]["N"]),
    )


def _words(profile: Item, name: str) -> list[str]:
    return profile[name]["S"].split() if name in profile else []


def _state(profile: Item) -> AppState:
    if "state" in profile:
        return AppState(int(profile["state"]["N"]))
    # As it was written when an app was on or off.
    return AppState.ACTIVE if profile["enabled"]["BOOL"] else AppState.SUSPENDED
