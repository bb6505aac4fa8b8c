"""NetEase's callbacks (eventType 10, 32, 33, 34), signed for apps that expect them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.carriers.netease import signing, wire_callbacks
from chalicelib.core.credentials import AppCredentials
from chalicelib.core.errors import Unavailable
from chalicelib.core.ports import EventFormat, OutgoingEvent
from chalicelib.store.tenants.credentials import CredentialStore


@dataclass(frozen=True)
class Format(EventFormat):
    """NetEase's callbacks."""

    credentials: CredentialStore
    kinds = frozenset(wire_callbacks.WRITERS)

    def callback(self, outgoing: OutgoingEvent) -> tuple[Mapping[str, str], bytes]:
        """Signed with the app's current secret, and every other time with the previous one while
        that is valid too: there is room for one signature."""
        credentials = self.credentials.of_app(outgoing.app.name)
        if credentials is None:
            raise Unavailable("the app has no credentials")
        message = wire_callbacks.write(outgoing.event, outgoing.call, binding=outgoing.binding)
        marked = {**message, "test": True} if outgoing.test else message
        body = json.dumps(marked, ensure_ascii=False, separators=(",", ":")).encode()
        secret = credentials.secrets[outgoing.attempt % len(credentials.secrets)]
        return signing.callback_headers(credentials.key, secret, body, now=outgoing.now), body


def check(to: AppCredentials, *, now: int) -> tuple[Mapping[str, str], bytes]:
    """`{}`, with which the platform finds out whether an address that is saved answers."""
    body = b"{}"
    return signing.callback_headers(to.key, to.secrets[0], body, now=now), body
