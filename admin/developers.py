"""interline's kind of credentials for apps: a developer's id and key, and the app's id."""

import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from admin import credentials
from chalicelib.store.table import Item, s
from chalicelib.store.tenants import apps
from cli.failures import Mistake

FIRST_ID, LAST_ID = 10_000_000, 99_999_999


@dataclass(frozen=True, slots=True)
class Developer:
    """How an app signs by Keytime, and the id that it has there."""

    devid: str
    auth_key: str = field(repr=False)
    appid: str

    def described(self) -> dict[str, str]:
        """As an operator hands it on."""
        return asdict(self)

    @property
    def attributes(self) -> Item:
        """What of it stands in the app's item."""
        return {"developer": s(self.devid), "app_id": s(self.appid)}


def fresh() -> Developer:
    """A new one, with an id that is nobody's."""
    while True:
        devid = str(FIRST_ID + secrets.randbelow(LAST_ID - FIRST_ID + 1))
        if credentials.table().get(apps.public_key(apps.DEVELOPER, devid)) is None:
            return Developer(devid, secrets.token_hex(16), secrets.token_hex(8))


def create(app: str) -> Developer:
    """Gives an app a developer of its own; the key is not shown again. Raises Mistake."""
    made = fresh()

    def add(content: dict[str, Any]) -> None:
        if content.get("auth_key"):
            raise Mistake(f"app {app} has a developer; --rotate gives him a new key")
        content["auth_key"] = made.auth_key

    public = apps.public_key(apps.DEVELOPER, made.devid) | {"app": s(app)}
    put = {"Put": {"Item": public, "ConditionExpression": "attribute_not_exists(pk)"}}
    credentials.change(
        credentials.app(app),
        add,
        made.attributes,
        beside=[(put, "the id that was drawn has just become another app's: try again")],
    )
    return made


def rotate(app: str, *, again: bool = False) -> Developer:
    """Gives its developer a new key; the one before it is taken until it is dropped. `again`: in
    the place of one that was lost. Raises Mistake."""
    key, change = secrets.token_hex(16), credentials.rotating(again=again)
    owner = credentials.app(app)
    item = credentials.known(owner)
    if "developer" not in item:
        raise Mistake(f"app {app} has no developer")
    credentials.change(owner, lambda content: change(content, "auth_key", key))
    return Developer(item["developer"]["S"], key, item["app_id"]["S"])


def drop_previous(app: str) -> None:
    """Ends the key before the current one. Raises Mistake."""
    if not exists(app):
        raise Mistake(f"app {app} has no developer")
    credentials.change(
        credentials.app(app), lambda content: credentials.drop_previous(content, "auth_key")
    )


def exists(app: str) -> bool:
    """Whether the app has one."""
    item = credentials.item_of(credentials.app(app))
    return item is not None and "developer" in item
