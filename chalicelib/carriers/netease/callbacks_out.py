"""NetEase's callbacks (eventType 10, 32, 33, 34), signed for apps that expect them."""

import json
from collections.abc import Mapping, Sequence

from chalicelib.carriers.netease import signing, wire_callbacks
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event
from chalicelib.core.calls.model import EventKey
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import Unavailable
from chalicelib.core.tenants import App
from chalicelib.store.tenants.credentials import CredentialStore


def event_format(credentials: CredentialStore) -> "NeteaseFormat":
    """See carriers.registry."""
    return NeteaseFormat(credentials)


class NeteaseFormat:
    """NetEase's callbacks, and the check of an address that is saved."""

    kinds = frozenset(wire_callbacks.WRITERS)
    any_success = False
    plain_links = True
    names_recordings = False

    def __init__(self, credentials: CredentialStore) -> None:
        self._credentials = credentials

    def callback(
        self,
        event: Event,
        call: Sequence[Event],
        *,
        key: EventKey,  # noqa: ARG002
        record: str,  # noqa: ARG002
        attempt: int,
        app: App,
        binding: Binding | None,
        now: int,
    ) -> tuple[Mapping[str, str], bytes]:
        """Signed with the app's current secret, and every other time with the previous one while
        that is valid too: there is room for one signature. Raises Unavailable for an app without
        a secret."""
        credentials = self._credentials.of_app(app.name)
        if credentials is None:
            raise Unavailable("the app has no credentials")
        message = wire_callbacks.write(event, call, binding=binding)
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
        secret = credentials.secrets[attempt % len(credentials.secrets)]
        return signing.callback_headers(credentials.key, secret, body, now=now), body

    def check(self, to: AppCredentials, *, now: int) -> tuple[Mapping[str, str], bytes]:
        """`{}`, with which the platform finds out whether an address that is saved answers."""
        body = b"{}"
        return signing.callback_headers(to.key, to.secrets[0], body, now=now), body
