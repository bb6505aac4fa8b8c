"""Callbacks as CloudEvents 1.0, for apps that speak no vendor's format."""

import json
from collections.abc import Mapping, Sequence

from chalicelib.carriers.cloudevents import wire_callbacks as wire
from chalicelib.carriers.standard_webhooks import signed_headers
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event
from chalicelib.core.calls.model import EventKey
from chalicelib.core.errors import Unavailable
from chalicelib.core.tenants import App
from chalicelib.store.tenants.credentials import CredentialStore

_JSON = {"Content-Type": "application/cloudevents+json; charset=utf-8"}


def event_format(credentials: CredentialStore) -> "CloudEventsFormat":
    """See carriers.registry."""
    return CloudEventsFormat(credentials)


class CloudEventsFormat:
    """CloudEvents, signed by Standard Webhooks."""

    kinds = wire.KINDS
    any_success = True
    plain_links = False
    names_recordings = False

    def __init__(self, credentials: CredentialStore) -> None:
        self._credentials = credentials

    def callback(
        self,
        event: Event,
        call: Sequence[Event],
        *,
        key: EventKey,
        record: str,
        attempt: int,  # noqa: ARG002
        app: App,
        binding: Binding | None,
        now: int,
    ) -> tuple[Mapping[str, str], bytes]:
        """Structured JSON, with a signature for each secret that is valid. Raises Unavailable for
        an app without one."""
        secrets = self._credentials.callback_secrets(app.name)
        if not secrets:
            raise Unavailable("the app has no secret for callbacks")
        message = wire.write(event, call, key=key, record=record, app=app.name, binding=binding)
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
        return {**_JSON, **signed_headers(secrets, key.id, body, now=now)}, body.encode()
