"""Links to recordings: the addresses that are sent to apps, and who may open them."""

from collections.abc import Callable
from urllib.parse import urlencode

from chalicelib.core import errors
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import Call, Delivery, EventKey, Stored
from chalicelib.core.durations import DAY_MS
from chalicelib.core.tenants import App, AppState, RecordingAuth
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.field_encryption import FieldEncryption
from chalicelib.store.files import FileStore
from chalicelib.store.tenants.apps import AppStore

LINK_S = 300
"""How long a link to the file itself works."""


class RecordingLinks:
    """Gives out recordings. `site` is the address of the API, without a slash at its end. Times are
    epoch ms; every method may raise Unavailable.

    A recording is at one address for good, which wants the app's authentication. The same address
    with `expires` (epoch seconds) and `signature` opens without, until then: whoever has the link
    has the recording, as the vendors' documents have it. Nothing is stored for that.
    """

    def __init__(
        self,
        *,
        site: Callable[[], str],
        signer: Callable[[], FieldEncryption],
        calls: CallStore,
        apps: AppStore,
        files: FileStore,
    ) -> None:
        self._site = site
        self._signer = signer
        self._calls = calls
        self._apps = apps
        self._files = files

    def address(self, event_id: str) -> str:
        """Where the app gets the recording of an event, with its authentication."""
        return f"{self._site()}/v1/recordings/{event_id}"

    def plain(self, app: App, key: EventKey, event: Event, *, now: int) -> str:
        """The same for a callback in a vendor's format: opens without authentication, unless the
        app wants it required. The same text in each retry of a callback."""
        address = self.address(key.id)
        if app.recording_auth is RecordingAuth.REQUIRED:
            return address
        expires = str(_end(event.received, app.recording_link_days * DAY_MS, now=now) // 1000)
        signature = self._signer().sign("recording", key.id, expires)
        return f"{address}?{urlencode({'expires': expires, 'signature': signature})}"

    def bearer(self, event_id: str, *, expires: str, signature: str, now: int) -> App | None:
        """Whose recording this signature opens at `now`; None if it opens none, which is then
        answered as if there were no signature. Raises RecordingGone when the link has expired or
        the app is closed, UnknownRecording."""
        if not self._signer().is_signed(signature, "recording", event_id, expires):
            return None
        if int(expires) * 1000 <= now:
            raise errors.RecordingGone("this link has expired, ask for the recording by its id")
        call, _ = self._found(event_id)
        app = self._apps.get(call.app) if call.app is not None else None
        if app is None:
            raise errors.UnknownRecording("no such recording")
        if app.state is AppState.CLOSED:
            raise errors.RecordingGone("this link is not valid any more")
        return app if app.recording_auth is RecordingAuth.LINK else None

    def open(self, app: App, event_id: str, *, now: int, head: bool = False) -> str:
        """An address at which anybody can get a recording of this app's for LINK_S seconds, or with
        `head` what is known of the file. Raises UnknownRecording, RecordingNotReady,
        RecordingGone."""
        call, stored = self._found(event_id)
        if call.app != app.name:
            raise errors.UnknownRecording("no such recording")
        if stored.progress.delivery is Delivery.FETCHING:
            raise errors.RecordingNotReady("the recording is still on its way here")
        kept = stored.recording
        if kept is None or kept.expires <= now:
            raise errors.RecordingGone("the recording is not kept any more")
        kind = kept.content_type.rpartition("/")[2].removeprefix("x-")
        name = f"{stored.event.at}.{kind}"
        return self._files.link(kept.name, expires_s=LINK_S, filename=name, head=head)

    def _found(self, event_id: str) -> tuple[Call, Stored]:
        found = self._calls.event(event_id)
        if found is None or found[1].event.kind is not EventKind.RECORDING_READY:
            raise errors.UnknownRecording("no such recording")
        return found


def _end(received: int, life_ms: int, *, now: int) -> int:
    """When a link ends that is told at `now`: `life_ms` after the event was received, so that each
    retry of its callback has the same link. One that is told later, after half of that, because it
    was asked for again, has more: it begins anew every half of `life_ms`."""
    half = life_ms // 2
    return received + life_ms + max(0, now - received) // half * half
