"""interline's callbacks (5.1, 5.3), for apps that expect them."""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from chalicelib.carriers.interline import wire_callbacks
from chalicelib.core.bindings.model import Binding
from chalicelib.core.calls.events import Event
from chalicelib.core.calls.model import EventKey
from chalicelib.core.errors import Unavailable
from chalicelib.core.tenants import App
from chalicelib.store.tenants.credentials import CredentialStore

_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}


def event_format(credentials: CredentialStore) -> "InterlineFormat":
    """See carriers.registry."""
    return InterlineFormat(credentials)


class InterlineFormat:
    """interline's callbacks. Nothing is signed: the vendor's callbacks are not."""

    kinds = frozenset(wire_callbacks.WRITERS)
    any_success = False
    plain_links = True
    names_recordings = True

    def __init__(self, credentials: CredentialStore) -> None:
        self._credentials = credentials

    def callback(
        self,
        event: Event,
        call: Sequence[Event],
        *,
        key: EventKey,  # noqa: ARG002
        record: str,  # noqa: ARG002
        attempt: int,  # noqa: ARG002
        app: App,
        binding: Binding | None,
        now: int,  # noqa: ARG002
    ) -> tuple[Mapping[str, str], bytes] | None:
        """A form, or JSON if the app wants it. A recording is told by its call's record, and None
        if that has told of it already. Raises Unavailable for an app without a developer."""
        to = self._credentials.developer_of(app.name)
        if to is None:
            raise Unavailable("the app has no developer")
        message = wire_callbacks.WRITERS[event.kind](event, call, to, binding)
        if message is None:
            return None
        if app.callback_json:
            text = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
            return _JSON, text.encode()
        return _FORM, urlencode(message).encode()
