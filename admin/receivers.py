"""Where and how apps are told of their calls: what each event format takes, and whether somebody is
there to listen."""

import secrets
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from admin import credentials, developers
from chalicelib.carriers.profile import Credential
from chalicelib.carriers.registry import endpoint_check, event_format, profiles
from chalicelib.clock import now_ms
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.ports import EventFormat
from chalicelib.core.tenants import App
from chalicelib.egress.client import Client
from chalicelib.egress.webhooks import NotDelivered, WebhookSender
from chalicelib.stage_settings import settings
from chalicelib.store.secrets import OwnersSecrets, provider
from chalicelib.store.tenants import apps
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.wiring import egress
from chalicelib.wiring.gateway import gateway
from cli.failures import Mistake

TRIAL_S = 5
"""So long a receiver has to answer when its address is tried."""
SECRET_BYTES = 32


def wanted(kinds: Iterable[str], event_format: str) -> frozenset[str]:
    """The kinds of events that an app with this event format wants to be sent; none: all that it
    has words for. Raises Mistake."""
    chosen, told = frozenset(kinds), _format(event_format).kinds
    if chosen - told:
        raise Mistake(f"the event format {event_format} has words for: {', '.join(sorted(told))}")
    return chosen


def check_format(app: str, event_format: str) -> None:
    """Whether the app has the credentials that this event format signs or addresses with. Raises
    Mistake."""
    needs = signs_with(event_format)
    if needs == "developer" and not developers.exists(app):
        raise Mistake("this event format names a developer; make one first with app-developer")
    if needs == "callback secret" and not _known().callback_secrets(app):
        raise Mistake("this event format has a secret of its own: app-callback-secret makes it")
    if needs == "AppSecret" and _known().of_app(app) is None:
        raise Mistake("this event format is signed with an AppSecret, and the app has none")


def signs_with(name: str) -> Credential:
    """What of an app its callbacks are signed or addressed with. Raises Mistake."""
    known = {name: each.signs_with for name, each in profiles().items() if each.signs_with}
    if name not in known:
        raise Mistake(f"what can be an event format: {', '.join(known)}")
    return known[name]


def try_address(app: App, to: AppCredentials | None = None) -> None:
    """Posts what the app's event format tries addresses with to its own, if it does. `to` is how
    the app signs, where that is not stored yet. Raises Mistake unless the receiver takes it."""
    signs_with(app.event_format)
    check = endpoint_check(app.event_format)
    to = to or _known().of_app(app.name)
    if check is None or to is None:
        return
    headers, body = check(to, now=now_ms())
    sender = WebhookSender(Client(egress.guard), timeout_s=TRIAL_S)
    try:
        sender.post(app.callback_url, headers, body)
    except NotDelivered as error:
        raise Mistake(
            f"nobody answered 200 at the callback address within {TRIAL_S} s ({error});"
            " --unchecked saves it all the same"
        ) from None


def new_secret(app: str) -> str:
    """Gives an app that has none the secret that its callbacks are signed with; the secret. Raises
    Mistake."""
    made = fresh()

    def add(content: dict[str, Any]) -> None:
        if content.get("callback_secret"):
            raise Mistake(f"app {app} has a secret for callbacks; --rotate gives it a new one")
        content["callback_secret"] = made

    credentials.change(credentials.app(app), add)
    return made


def secret_of(app: str) -> str:
    """The one that is current. Raises Mistake."""
    owner = credentials.app(app)
    content = credentials.content_of(owner, credentials.known(owner))
    _check_has(app, content)
    return str(content["callback_secret"])


def rotate_secret(app: str, *, again: bool = False) -> str:
    """A new secret; what is told from now on has a signature of the one before it too. `again`: in
    the place of one that was lost. Raises Mistake."""
    made, rotate = fresh(), credentials.rotating(again=again)

    def change(content: dict[str, Any]) -> None:
        _check_has(app, content)
        rotate(content, "callback_secret", made)

    credentials.change(credentials.app(app), change)
    return made


def drop_previous_secret(app: str) -> None:
    """Signs with the current one alone. Raises Mistake."""

    def drop(content: dict[str, Any]) -> None:
        _check_has(app, content)
        credentials.drop_previous(content, "callback_secret")

    credentials.change(credentials.app(app), drop)


def _check_has(app: str, content: dict[str, Any]) -> None:
    if not content.get("callback_secret"):
        raise Mistake(f"app {app} has no secret for callbacks; app-callback-secret makes one")


def fresh() -> str:
    """A secret of the kind that Standard Webhooks asks for."""
    return f"whsec_{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def _format(name: str) -> EventFormat:
    signs_with(name)
    return event_format(name, _known())


def _known() -> CredentialStore:
    """The credentials as the gateway reads them, read anew."""
    table = credentials.table()
    known = apps.AppStore(table, gateway().encryption, max_age_s=0)
    secrets_of = OwnersSecrets(provider, settings().secrets_prefix)
    return CredentialStore(table, known, secrets_of, max_age_s=0)
