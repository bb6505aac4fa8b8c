"""Where and how apps are told of their calls: what each dialect takes, and whether somebody is
there to listen."""

import secrets
from base64 import b64encode
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from admin import credentials, developers
from admin.credentials import Mistake
from chalicelib.carriers.base import DIALECTS, Checking
from chalicelib.clock import SYSTEM, now_ms
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import NotDelivered
from chalicelib.core.event_ports import Dialect
from chalicelib.core.values import App
from chalicelib.egress.client import Client
from chalicelib.egress.webhooks import CallbackSender
from chalicelib.settings import settings
from chalicelib.store.secrets import Credentials, Secret, provider

TRIAL_S = 5
"""So long a receiver has to answer when its address is tried."""
SECRET_BYTES = 32
OWN_SECRET = "cloudevents"  # noqa: S105
"""The dialect that signs with a secret of its own."""


def wanted(kinds: Iterable[str], dialect: str) -> frozenset[str]:
    """The kinds of events that an app of this dialect wants to be told of; none: all that it has
    words for. Raises Mistake."""
    chosen, told = frozenset(kinds), _dialect(dialect).tells
    if chosen - told:
        raise Mistake(f"what an app of {dialect} can want: {', '.join(sorted(told))}")
    return chosen


def check_dialect(app: str, dialect: str) -> None:
    """Whether the app has the credentials that this dialect signs or addresses with. Raises
    Mistake."""
    if dialect not in DIALECTS:
        raise Mistake(f"what can be a dialect: {', '.join(sorted(DIALECTS))}")
    if dialect == "interline" and not developers.exists(app):
        raise Mistake("this dialect names a developer; make one first with app-developer")
    if dialect == OWN_SECRET and app not in credentials.read().get("callbacks", {}):
        raise Mistake("this dialect has a secret of its own; make it first: app-callback-secret")
    if dialect == "netease" and _known().of_app(app) is None:
        raise Mistake("this dialect is signed with an AppSecret, and the app has none")


def try_address(app: App, to: AppCredentials | None = None) -> None:
    """Posts what the app's dialect tries addresses with to its own, if it does. `to` is how the app
    signs, where that is not stored yet. Raises Mistake unless the receiver takes it."""
    dialect = _dialect(app.dialect)
    to = to or _known().of_app(app.name)
    if not isinstance(dialect, Checking) or to is None:
        return
    headers, body = dialect.check(to, now=now_ms())
    sender = CallbackSender(Client(private=settings().private_addresses), timeout_s=TRIAL_S)
    try:
        sender.post(app.callback_url, headers, body)
    except NotDelivered as error:
        raise Mistake(
            f"nobody answered 200 at the callback address within {TRIAL_S} s ({error});"
            " --unchecked saves it all the same"
        ) from None


def give_secret(app: str) -> str:
    """Gives an app the secret that its callbacks are signed with, unless it has one; the secret."""
    fresh = _fresh()

    def add(content: dict[str, Any]) -> None:
        entry = {"secret": fresh, "previous_secret": None}
        content.setdefault("callbacks", {}).setdefault(app, entry)

    credentials.change(add)
    return secret_of(app)


def new_secret(app: str) -> str:
    """The same for an app that has none. Raises Mistake."""
    if app in credentials.read().get("callbacks", {}):
        raise Mistake(f"app {app} has a secret for callbacks; --rotate gives it a new one")
    return give_secret(app)


def secret_of(app: str) -> str:
    """The one that is current. Raises Mistake."""
    return str(_entry(credentials.read(), app)["secret"])


def rotate_secret(app: str) -> str:
    """A new secret; what is told from now on has a signature of the one before it too. Raises
    Mistake."""
    fresh = _fresh()

    def rotate(content: dict[str, Any]) -> None:
        entry = _entry(content, app)
        entry["previous_secret"], entry["secret"] = entry["secret"], fresh

    credentials.change(rotate)
    return fresh


def drop_previous_secret(app: str) -> None:
    """Signs with the current one alone. Raises Mistake."""

    def drop(content: dict[str, Any]) -> None:
        _entry(content, app)["previous_secret"] = None

    credentials.change(drop)


def _entry(content: dict[str, Any], app: str) -> dict[str, Any]:
    entry: dict[str, Any] | None = content.get("callbacks", {}).get(app)
    if entry is None:
        raise Mistake(f"app {app} has no secret for callbacks; app-callback-secret makes one")
    return entry


def _fresh() -> str:
    return f"whsec_{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def _dialect(name: str) -> Dialect:
    if name not in DIALECTS:
        raise Mistake(f"what can be a dialect: {', '.join(sorted(DIALECTS))}")
    module: Any = import_module(DIALECTS[name])
    made: Dialect = module.dialect(_known())
    return made


def _known() -> Credentials:
    """The credentials as the gateway reads them, fetched anew."""
    return Credentials(Secret(provider, settings().credentials_secret, 0, SYSTEM))
