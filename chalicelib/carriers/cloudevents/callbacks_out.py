"""Callbacks as CloudEvents 1.0, for apps that speak no vendor's format."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.carriers.cloudevents import wire_callbacks as wire
from chalicelib.carriers.standard_webhooks import signed_headers
from chalicelib.core.errors import Unavailable
from chalicelib.core.ports import EventFormat, OutgoingEvent
from chalicelib.store.tenants.credentials import CredentialStore

_JSON = {"Content-Type": "application/cloudevents+json; charset=utf-8"}


@dataclass(frozen=True)
class Format(EventFormat):
    """CloudEvents, signed by Standard Webhooks."""

    credentials: CredentialStore
    kinds = wire.KINDS
    any_success = True
    plain_links = False

    def callback(self, outgoing: OutgoingEvent) -> tuple[Mapping[str, str], bytes]:
        """Structured JSON, with a signature for each secret that is valid."""
        secrets = self.credentials.callback_secrets(outgoing.app.name)
        if not secrets:
            raise Unavailable("the app has no secret for callbacks")
        message = wire.write(
            outgoing.event,
            outgoing.call,
            key=outgoing.key,
            record=outgoing.record,
            app=outgoing.app.name,
            binding=outgoing.binding,
        )
        if outgoing.test:
            # Beside `data` for whoever reads the envelope, and in it for whoever only has that.
            message |= {"test": True, "data": {**message["data"], "test": True}}
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        signature = signed_headers(secrets, outgoing.key.id, body, now=outgoing.now)
        return {**_JSON, **signature}, body.encode()
