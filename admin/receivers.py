"""Where and how apps are sent their events: what each event format needs, whether an endpoint is
there to answer, and the secret that callbacks are signed with."""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from admin import credentials
from chalicelib.carriers.profile import Credential
from chalicelib.carriers.registry import EventFormatRegistry, endpoint_check, profiles
from chalicelib.clock import now_ms
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import BadParameter, Contended, EndpointUnanswered
from chalicelib.core.tenants import App
from chalicelib.egress.webhooks import WebhookSender
from chalicelib.services.tenants.app_settings import TRIAL_S, AppSettings, DeliveryRules
from chalicelib.stage_settings import settings
from chalicelib.store.secrets import OwnersSecrets, provider
from chalicelib.store.tenants import apps
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.wiring import egress
from chalicelib.wiring.gateway import gateway
from cli.failures import Mistake

SECRET_BYTES = 32

_REMEDIES = {
    "AppSecret": "this event format is signed with an AppSecret, and the app has none",
    "developer": "this event format names a developer; make one first with app-developer",
    "callback secret": "this event format has a secret of its own: app-callback-secret makes it",
}


def signs_with(name: str) -> Credential:
    """What of an app its callbacks are signed or addressed with. Raises Mistake."""
    known = {name: each.signs_with for name, each in profiles().items() if each.signs_with}
    if name not in known:
        raise Mistake(f"what can be an event format: {', '.join(known)}")
    return known[name]


def check_new(app: App, to: AppCredentials | None = None) -> None:
    """Whether an app can be sent its events as its settings say. With `to`, which is how it will
    sign: only if its endpoint answers, where its event format asks for that. Raises Mistake."""
    with _mistakes():
        _rules().check_address(app.callback_url)
        signs_with(app.event_format)
        _rules().check_kinds(app)
        if to is not None:
            _rules().try_address(app, to, now=now_ms())


def change_settings(app: str, values: dict[str, Any], *, tried: bool) -> None:
    """Sets settings of an app that were checked each by itself; `tried`: only if its endpoint
    answers, where its event format asks for that. Raises Mistake."""
    stored = AppSettings(apps.AppStore(credentials.table(), gateway().encryption, 0), _rules())
    with _mistakes():
        if stored.change(app, values, tried=tried, now=now_ms()) is None:
            raise Mistake(f"no app {app}")


@contextmanager
def _mistakes() -> Iterator[None]:
    try:
        yield
    except EndpointUnanswered as error:
        raise Mistake(f"{error}; use --unchecked to save it anyway") from None
    except BadParameter as error:
        raise Mistake(error.why) from None
    except Contended as error:
        raise Mistake(str(error)) from None


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


def _rules() -> DeliveryRules:
    return DeliveryRules(
        guard=egress.guard,
        formats=EventFormatRegistry(_known()),
        signs_with=signs_with,
        endpoint_check=endpoint_check,
        credentials=_known(),
        sender=WebhookSender(egress.client(), timeout_s=TRIAL_S),
        remedies=_REMEDIES,
    )


def _known() -> CredentialStore:
    """The credentials as the gateway reads them, read anew."""
    table = credentials.table()
    known = apps.AppStore(table, gateway().encryption, max_age_s=0)
    secrets_of = OwnersSecrets(provider, settings().secrets_prefix)
    return CredentialStore(table, known, secrets_of, max_age_s=0)
