"""Recordings: fetched before the carrier's link dies, kept, and given out to whose they are."""

from dataclasses import replace
from enum import StrEnum
from typing import Any

from chalicelib.core import errors
from chalicelib.core.addressing import AddressBook
from chalicelib.core.event_ports import Dialects, Events, Files, Outbox, RecordingSource
from chalicelib.core.events import (
    Call,
    Delivery,
    Errand,
    Event,
    EventKey,
    EventKind,
    Progress,
    Recording,
    Stored,
)
from chalicelib.core.ports import Credentials
from chalicelib.core.reporting import EventDesk
from chalicelib.core.retrying import EARLY_MS, FETCHES_S, retry_at, wait_s
from chalicelib.core.settling import settle
from chalicelib.core.telling import wanted_by
from chalicelib.core.values import DAY_MS, App

KEPT_DAYS = (7, 30, 90, 180, 365, 730)
"""How long an app may have its recordings kept; each is a rule of the bucket."""
LINK_S = 300
"""How long a link to one works."""


class Fetched(StrEnum):
    """What became of an errand."""

    STORED = "stored"
    TAKEN = "taken"
    UNMATCHED = "unmatched"
    DONE_BEFORE = "done before"
    FAILED = "failed"
    LOST = "lost"


class RecordingDesk:
    """Fetches recordings and gives them out. Times are epoch ms."""

    def __init__(
        self,
        *,
        events: Events,
        outbox: Outbox,
        desk: EventDesk,
        book: AddressBook,
        dialects: Dialects,
        credentials: Credentials,
        source: RecordingSource,
        files: Files,
    ) -> None:
        self._events = events
        self._outbox = outbox
        self._desk = desk
        self._book = book
        self._dialects = dialects
        self._credentials = credentials
        self._source = source
        self._files = files

    def fetch(self, errand: Errand, *, now: int, within_s: float) -> Fetched:
        """Fetches the recording of one event, and lets its app be told then. What fails is tried
        again as `retrying` has it; what fails for good is an event of its own. It
        may take `within_s` seconds. Raises Unavailable, Contended."""
        dossier = self._events.open(errand)
        stored = dossier.call.find(errand.key)
        if stored is None:
            raise errors.Unavailable("an announced event is not to be seen yet")
        if stored.progress.delivery is not Delivery.FETCHING:
            return Fetched.DONE_BEFORE
        if stored.progress.at > now + EARLY_MS:
            return Fetched.TAKEN
        app, _ = self._book.concerned(stored.event, dossier)
        if app is None:
            return self._nobodys(dossier.call, stored, errand, now=now)
        tried = stored.progress.attempts
        if tried > len(FETCHES_S):
            why = errors.RecordingFailed("no attempt came to its end", final=True)
            return self._again(errand, dossier.call, stored, why, failed=tried, now=now)
        taken = self._take(dossier.call, stored, until=now + round(within_s * 1000))
        if taken is None:
            return Fetched.TAKEN
        call, stored = taken
        try:
            recording = self._keep(app, stored, now=now, within_s=within_s)
        except errors.RecordingFailed as error:
            tried = stored.progress.attempts
            return self._again(errand, call, stored, error, failed=tried, now=now)
        except errors.Unavailable:
            # Of ours something is down: that is no attempt.
            tried = stored.progress.attempts - 1
            self._note(call, stored, replace(stored.progress, at=now, attempts=tried))
            raise
        told = stored.event.kind in wanted_by(app, self._dialects)
        progress = Progress(Delivery.PENDING if told else Delivery.KEPT, 0, now)
        self._note(call, stored, progress, recording)
        if told:
            self._outbox.announce([errand])
        return Fetched.STORED

    def link(self, app: App, event_id: str, *, now: int) -> str:
        """An address at which anybody can get a recording of this app's for LINK_S seconds. Raises
        UnknownRecording, RecordingNotReady, RecordingGone."""
        key = EventKey.from_id(event_id)
        call = self._events.call(key.call) if key else None
        stored = call.find(key) if call and key else None
        if call is None or stored is None or stored.event.kind is not EventKind.RECORDING_READY:
            raise errors.UnknownRecording("no such recording")
        if call.app != app.name:
            raise errors.UnknownRecording("no such recording")
        if stored.progress.delivery is Delivery.FETCHING:
            raise errors.RecordingNotReady("the recording is still on its way here")
        kept = stored.recording
        if kept is None or kept.expires <= now:
            raise errors.RecordingGone("the recording is not kept any more")
        kind = kept.content_type.rpartition("/")[2].removeprefix("x-")
        return self._files.link(kept.name, expires_s=LINK_S, filename=f"{stored.event.at}.{kind}")

    def _take(self, call: Call, stored: Stored, *, until: int) -> tuple[Call, Stored] | None:
        """The call and its event as they stand once nobody else fetches the recording before
        `until` (epoch ms): two at once would write to one file, and one of them note the other's
        md5. None if somebody does. It counts as an attempt from now on, or what kills its worker
        would be tried for ever."""
        progress = replace(stored.progress, at=until, attempts=stored.progress.attempts + 1)
        if not self._note(call, stored, progress):
            return None
        seen = self._events.call(call.id)
        current = seen.find(stored.key) if seen else None
        return (seen, current) if seen and current and current.progress == progress else None

    def _keep(self, app: App, stored: Stored, *, now: int, within_s: float) -> Recording:
        name = f"recordings/{app.recording_days}/{app.name}/{stored.key.id}"
        hosts = self._credentials.recording_hosts(stored.event.carrier)
        url, md5 = stored.event.url or "", stored.event.md5 or None
        with self._source.open(url, hosts=hosts, md5=md5, within_s=within_s) as reader:
            self._files.store(name, reader, content_type=reader.content_type)
            return Recording(
                name=name,
                size=reader.size,
                md5=reader.md5,
                stored=now,
                expires=now + app.recording_days * DAY_MS,
                content_type=reader.content_type,
            )

    def _again(
        self,
        errand: Errand,
        call: Call,
        stored: Stored,
        why: errors.RecordingFailed,
        *,
        failed: int,
        now: int,
    ) -> Fetched:
        at = retry_at(FETCHES_S, failed=failed, now=now, salt=stored.key.id)
        if at is None or why.final:
            # First the event that says so: if we die now, it is only said again.
            self._desk.record([_lost(stored, call, why, now=now)])
            self._note(call, stored, Progress(Delivery.LOST, failed, now))
            return Fetched.LOST
        if self._note(call, stored, Progress(Delivery.FETCHING, failed, at)):
            delay_s = wait_s(at, now=now)
            if delay_s is not None:
                self._outbox.transfer([errand], delay_s=delay_s)
        return Fetched.FAILED

    def _nobodys(self, call: Call, stored: Stored, errand: Errand, *, now: int) -> Fetched:
        """Whose it is may be known once its call has ended: asked again as if it had failed."""
        why = errors.RecordingFailed("nobody's call as yet")
        failed = stored.progress.attempts + 1
        if retry_at(FETCHES_S, failed=failed, now=now, salt="") is not None:
            return self._again(errand, call, stored, why, failed=failed, now=now)
        self._note(call, stored, Progress(Delivery.UNMATCHED, failed, now))
        return Fetched.UNMATCHED

    def _note(
        self, call: Call, stored: Stored, progress: Progress, recording: Recording | None = None
    ) -> bool:
        return settle(self._events, call, stored, progress, recording=recording)


_ABOUT = ("binding", "carrier_binding", "number", "caller", "callee")


def _lost(stored: Stored, call: Call, why: errors.RecordingFailed, *, now: int) -> Event:
    """The event that says that a recording will not come. The recording may have named nothing but
    its call: whose that is, its other events say."""
    event = stored.event
    known: dict[str, Any] = {
        name: next(filter(None, (getattr(each, name) for each in (event, *call.events))), None)
        for name in _ABOUT
    }
    return replace(
        event,
        **known,
        id=f"lost {stored.key.event}",
        kind=EventKind.RECORDING_FAILED,
        at=now,
        received=now,
        url=None,
        result=str(why),
        raw="",
    )
