"""interline's kind of credentials for apps: a developer's id and key, and the app's id."""

import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from admin import credentials
from admin.credentials import Mistake

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


def create(app: str) -> Developer:
    """Gives an app a developer of its own; the key is not shown again. Raises Mistake."""
    made: list[Developer] = []

    def add(content: dict[str, Any]) -> None:
        known = content.setdefault("developers", {})
        if _find(known, app) is not None:
            raise Mistake(f"app {app} has a developer; --rotate gives him a new key")
        developer = Developer(_free_id(known), secrets.token_hex(16), secrets.token_hex(8))
        known[developer.devid] = {
            "app": app,
            "app_id": developer.appid,
            "secret": developer.auth_key,
            "previous_secret": None,
        }
        made.append(developer)

    credentials.change(add)
    return made[0]


def rotate(app: str) -> Developer:
    """Gives its developer a new key; the one before it is taken until the next rotation. Raises
    Mistake."""
    made: list[Developer] = []

    def change(content: dict[str, Any]) -> None:
        known = content.get("developers", {})
        devid = _find(known, app)
        if devid is None:
            raise Mistake(f"app {app} has no developer")
        entry, fresh = known[devid], secrets.token_hex(16)
        entry["previous_secret"], entry["secret"] = entry["secret"], fresh
        made.append(Developer(devid, fresh, entry["app_id"]))

    credentials.change(change)
    return made[0]


def exists(app: str) -> bool:
    """Whether the app has one."""
    return _find(credentials.read().get("developers", {}), app) is not None


def _find(known: dict[str, Any], app: str) -> str | None:
    return next((devid for devid, entry in known.items() if entry["app"] == app), None)


def _free_id(known: dict[str, Any]) -> str:
    while True:
        devid = str(FIRST_ID + secrets.randbelow(LAST_ID - FIRST_ID + 1))
        if devid not in known:
            return devid
