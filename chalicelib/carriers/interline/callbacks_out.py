"""interline's callbacks (5.1, 5.3), for apps that expect them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from chalicelib.carriers.interline import wire_callbacks
from chalicelib.core.errors import Unavailable
from chalicelib.core.ports import EventFormat, OutgoingEvent
from chalicelib.store.tenants.credentials import CredentialStore

_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True)
class Format(EventFormat):
    """interline's callbacks. Nothing is signed: the vendor's callbacks are not."""

    credentials: CredentialStore
    kinds = frozenset(wire_callbacks.WRITERS)
    names_recordings = True

    def callback(self, outgoing: OutgoingEvent) -> tuple[Mapping[str, str], bytes] | None:
        """A form, or JSON if the app wants it. A recording is sent with its call's record, and None
        if that has been sent already."""
        event, app = outgoing.event, outgoing.app
        developer = self.credentials.developer_of(app.name)
        if developer is None:
            raise Unavailable("the app has no developer")
        write = wire_callbacks.WRITERS[event.kind]
        message = write(event, outgoing.call, developer, outgoing.binding)
        if message is None:
            return None
        if app.callback_json:
            marked = {**message, "test": True} if outgoing.test else message
            text = json.dumps(marked, ensure_ascii=False, separators=(",", ":"))
            return _JSON, text.encode()
        marked = {**message, "test": "true"} if outgoing.test else message
        return _FORM, urlencode(marked).encode()
