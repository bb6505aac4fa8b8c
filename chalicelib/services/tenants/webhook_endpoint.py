"""An app's webhook endpoint as the app itself sees and changes it: address, event format, kinds,
and the secret that CloudEvents are signed with."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chalicelib.clock import Runtime
from chalicelib.core import credentials
from chalicelib.core.durations import DAY_MS
from chalicelib.core.errors import Contended, RequestOver, StoreUnavailable
from chalicelib.core.requests import RequestId
from chalicelib.core.tenants import App
from chalicelib.services.tenants.app_settings import AppSettings
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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how an app is sent its events; `kinds` are all that it is sent. `secrets` is how
    many secrets sign: 2 while the one before the current one is valid."""

    url: str
    event_format: str
    kinds: Sequence[str]
    secrets: int


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
        seen = self.settings.apps.profile(name)
        if seen is None:
            raise StoreUnavailable("the app is gone")
        return self._endpoint(seen.app)

    def put(
        self, name: str, *, url: str, event_format: str | None, kinds: Sequence[str], now: int
    ) -> Endpoint:
        """Sets the endpoint. `event_format` None: as it is; no `kinds`, or all of them: all that
        the event format has words for, those that are added later too. An endpoint that its event
        format tries has to answer. It takes effect when the caches have run out.

        Raises BadParameter (`callback_url`, `event_format`, `wants`), Contended, Unavailable.
        """
        seen = self.settings.apps.profile(name)
        if seen is None:
            raise StoreUnavailable("the app is gone")
        after = replace(seen.app, event_format=event_format or seen.app.event_format)
        values = {"callback_url": url, "event_format": after.event_format}
        every = self.settings.rules.formats.of(after).kinds
        wants = () if set(kinds) == every else tuple(sorted(set(kinds)))
        app = self.settings.change(name, values | {"wants": wants}, tried=True, now=now)
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
                raise _Repeated(content, latest=max(requests, key=lambda each: requests[each]))
            credentials.rotate(content, _MEMBER, made)
            if request is not None:
                content[_REQUESTS] = requests | {request.key: now}

        try:
            content = self._change(app.name, rotate, request)
        except _Repeated as repeated:
            if request is None or repeated.latest != request.key:
                raise RequestOver(
                    "this request was carried out, and the secret was rotated again since; send a"
                    " new request"
                ) from None
            content = repeated.content
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

    def _endpoint(self, app: App) -> Endpoint:
        every = self.settings.rules.formats.of(app).kinds
        return Endpoint(
            url=app.callback_url,
            event_format=app.event_format,
            kinds=sorted(set(app.wants) & every if app.wants else every),
            secrets=len(self.known.callback_secrets(app.name)),
        )


class _Repeated(Exception):
    """The request came before; `latest` is the one that made the current secret."""

    def __init__(self, content: Content, *, latest: str) -> None:
        super().__init__()
        self.content = content
        self.latest = latest
