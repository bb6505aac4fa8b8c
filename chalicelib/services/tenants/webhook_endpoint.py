"""An app's webhook endpoint as the app itself sees and changes it: address, event format, kinds,
and the secret that CloudEvents are signed with."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from chalicelib.clock import Runtime
from chalicelib.core import credentials
from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import BadParameter, Contended, RequestOver, StoreUnavailable
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.core.webhooks.endpoint import Endpoint, EndpointChange
from chalicelib.services.tenants.app_settings import DELIVERY, AppSettings
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.store.tenants.secret_changes import Content, SecretChanges, app_owner

SECRET_BYTES = 32
REMEMBERED_MS = 2 * DAY_MS
"""How long a request that rotated the secret is remembered with it."""
WAIT_S = 8.0
"""How long a request with an id waits while somebody else changes the app's secret: probably the
same request."""
PAUSE_S = 0.2
_MEMBER, _REQUESTS = "callback_secret", "callback_secret_requests"
_MADE_BY = "callback_secret_made_by"
"""Which request made which secret: an operator, or a request without an id, may have made another
one since."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """The use cases over an app's endpoint. `settings` and `known` are read anew each time, `apps`
    is the store that this process goes by. `now` is epoch ms."""

    settings: AppSettings
    known: CredentialStore
    changes: SecretChanges
    apps: AppStore
    runtime: Runtime

    def get(self, name: str) -> Endpoint:
        """The endpoint as it is set now. Raises Unavailable."""
        return self._endpoint(self.app(name))

    def app(self, name: str) -> App:
        """The app as it is set now, without its numbers. Raises Unavailable."""
        seen = self.settings.apps.profile(name)
        if seen is None:
            raise StoreUnavailable("the app is gone")
        return seen.app

    def faults(self, name: str, change: EndpointChange) -> Sequence[BadParameter]:
        """Everything that is wrong with it, before it is tried: `callback_url`, `event_format`,
        `wants`. Raises Unavailable."""
        after = self._changed(self.app(name), change)
        return list(self.settings.rules.faults(after, DELIVERY))

    def put(self, name: str, change: EndpointChange, *, now: int) -> Endpoint:
        """Changes the endpoint. One that its event format tries has to answer. It takes effect when
        the caches have run out. Raises BadParameter as in `faults`, Contended, Unavailable."""
        after = self._changed(self.app(name), change)
        values = {"callback_url": after.callback_url, "wants": after.wants}
        if change.event_format is not None:
            values["event_format"] = change.event_format
        app = self.settings.change(name, values, tried=True, now=now)
        if app is None:
            raise StoreUnavailable("the app is gone")
        self.apps.forget(name)
        return self._endpoint(app)

    def rotate_secret(self, app: App, request: RequestId | None, *, now: int) -> tuple[str, bool]:
        """Gives the app a new secret, or its first one; the secret, and whether the one before it
        is valid too, until `drop_previous`. A repeat of the request gets the same secret while that
        is the current one.

        Raises PreviousStillValid, RequestOver, Contended, Unavailable.
        """
        made = f"whsec_{b64encode(self.runtime.random_bytes(SECRET_BYTES)).decode()}"

        def rotate(content: Content) -> None:
            requests = {
                key: at
                for key, at in (content.get(_REQUESTS) or {}).items()
                if at > now - REMEMBERED_MS
            }
            if request is not None and request.key in requests:
                raise _Repeated(content)
            credentials.rotate(content, _MEMBER, made)
            if request is not None:
                content[_REQUESTS] = requests | {request.key: now}
                content[_MADE_BY] = _made_by(request, made)

        try:
            content = self._change(app.name, rotate, request)
        except _Repeated as repeated:
            content = repeated.content
            if request is None or content.get(_MADE_BY) != _made_by(request, content[_MEMBER]):
                raise RequestOver(
                    "this request was carried out, and the secret was rotated again since; send a"
                    " new request"
                ) from None
        return str(content[_MEMBER]), bool(content.get(f"previous_{_MEMBER}"))

    def drop_previous(self, app: App) -> None:
        """Lets the current secret alone sign; nothing happens if it does so already. Raises
        Contended, Unavailable."""
        if len(self.known.callback_secrets(app.name)) < 2:
            return

        def drop(content: Content) -> None:
            credentials.drop_previous(content, _MEMBER)

        self.changes.change(app_owner(app.name), drop)
        self.apps.forget(app.name)

    def _change(
        self, name: str, how: Callable[[Content], None], request: RequestId | None
    ) -> Content:
        """Changes the app's secret, once whoever else changes it is done. Raises what `how` does,
        Contended."""
        until = self.runtime.monotonic() + (WAIT_S if request is not None else 0)
        while True:
            try:
                content = self.changes.change(app_owner(name), how)
            except Contended:
                if self.runtime.monotonic() >= until:
                    raise
                self.runtime.sleep(PAUSE_S)
            else:
                self.apps.forget(name)
                return content

    def _changed(self, app: App, change: EndpointChange) -> App:
        after = replace(
            app,
            callback_url=change.url,
            event_format=change.event_format or app.event_format,
        )
        every = self.settings.rules.formats.of(after).kinds
        kinds = set(change.kinds)
        return replace(after, wants=() if kinds == every else tuple(sorted(kinds)))

    def _endpoint(self, app: App) -> Endpoint:
        every = self.settings.rules.formats.of(app).kinds
        return Endpoint(
            url=app.callback_url,
            event_format=app.event_format,
            kinds=sorted(set(app.wants) & every if app.wants else every),
            secrets=len(self.known.callback_secrets(app.name)),
        )


class _Repeated(Exception):
    """The request came before; `content` is the secret as it is now."""

    def __init__(self, content: Content) -> None:
        super().__init__()
        self.content = content


def _made_by(request: RequestId, secret: str) -> dict[str, str]:
    """Says of a secret which request made it."""
    return {"request": request.key, "digest": sha256(secret.encode()).hexdigest()}
