"""Recordings: fetched before the carrier's link expires, and kept."""

from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum

from chalicelib.core import errors
from chalicelib.core.calls.events import Event, EventKind
from chalicelib.core.calls.model import Call, Delivery, Progress, Recording, Stored, Task
from chalicelib.core.durations import DAY_MS
from chalicelib.core.ports import EventFormats
from chalicelib.core.retries import EARLY_MS, RECORDING_RETRIES_S, queue_delay_s, retry_at
from chalicelib.core.tenants import App
from chalicelib.core.webhooks.policy import wanted_by
from chalicelib.egress.recordings import RecordingSource
from chalicelib.services.calls.ingest import EventIngest
from chalicelib.store.calls.calls import CallStore
from chalicelib.store.files import FileStore
from chalicelib.store.tenants.apps import AppStore
from chalicelib.store.tenants.credentials import CredentialStore
from chalicelib.store.work_queues import WorkQueues


class Fetched(StrEnum):
    """What became of a task."""

    STORED = "stored"
    TAKEN = "taken"
    UNMATCHED = "unmatched"
    DONE_BEFORE = "done before"
    FAILED = "failed"
    LOST = "lost"


class RecordingService:
    """Fetches recordings. Times are epoch ms. `report` is called with the reason of each fetch that
    failed, `correlate` with the id of the request that reported the recording."""

    def __init__(
        self,
        *,
        calls: CallStore,
        queues: WorkQueues,
        ingest: EventIngest,
        apps: AppStore,
        formats: EventFormats,
        credentials: CredentialStore,
        source: RecordingSource,
        files: FileStore,
        report: Callable[[Call, errors.RecordingFailed], None],
        correlate: Callable[[str | None], None],
    ) -> None:
        self._calls = calls
        self._queues = queues
        self._ingest = ingest
        self._apps = apps
        self._formats = formats
        self._credentials = credentials
        self._source = source
        self._files = files
        self._report = report
        self._correlate = correlate

    def fetch(self, task: Task, *, now: int, within_s: float) -> Fetched:
        """Fetches the recording of one event, which is delivered to its app then. A fetch that
        failed is retried after RECORDING_RETRIES_S; one that failed for good is an event of its
        own. May take `within_s` seconds. Raises Unavailable, Contended."""
        context = self._calls.open(task)
        stored = context.call.find(task.key)
        if stored is None:
            raise errors.Unavailable("the event of a queue message is not visible yet")
        self._correlate(stored.event.request)
        if stored.progress.delivery is not Delivery.FETCHING:
            return Fetched.DONE_BEFORE
        if stored.progress.at > now + EARLY_MS:
            return Fetched.TAKEN
        app = self._apps.get(context.call.app) if context.call.app is not None else None
        if app is None:
            self._calls.advance(context.call, stored, Progress(Delivery.UNMATCHED, 0, now))
            return Fetched.UNMATCHED
        tried = stored.progress.attempts
        if tried > len(RECORDING_RETRIES_S):
            why = errors.RecordingFailed("no attempt came to its end", final=True)
            return self._retry(task, context.call, stored, why, failed=tried, now=now)
        taken = self._take(context.call, stored, until=now + round(within_s * 1000))
        if taken is None:
            return Fetched.TAKEN
        call, stored = taken
        try:
            recording = self._keep(app, stored, now=now, within_s=within_s)
        except errors.RecordingFailed as error:
            tried = stored.progress.attempts
            return self._retry(task, call, stored, error, failed=tried, now=now)
        except errors.Unavailable:
            # Of ours something is down: that is no attempt.
            tried = stored.progress.attempts - 1
            self._calls.advance(call, stored, replace(stored.progress, at=now, attempts=tried))
            raise
        wanted = stored.event.kind in wanted_by(app, self._formats.of(app))
        progress = Progress(Delivery.PENDING if wanted else Delivery.KEPT, 0, now)
        self._calls.advance(call, stored, progress, recording=recording)
        if wanted:
            self._queues.deliver([task])
        return Fetched.STORED

    def _take(self, call: Call, stored: Stored, *, until: int) -> tuple[Call, Stored] | None:
        """The call and its event as they stand once nobody else fetches the recording before
        `until` (epoch ms): two at once would write to one file, and one of them note the other's
        md5. None if somebody does. It counts as an attempt from now on, or what kills its worker
        would be tried for ever."""
        progress = replace(stored.progress, at=until, attempts=stored.progress.attempts + 1)
        if not self._calls.advance(call, stored, progress):
            return None
        seen = self._calls.call(call.id)
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

    def _retry(
        self,
        task: Task,
        call: Call,
        stored: Stored,
        why: errors.RecordingFailed,
        *,
        failed: int,
        now: int,
    ) -> Fetched:
        self._report(call, why)
        at = retry_at(RECORDING_RETRIES_S, failed=failed, now=now, salt=stored.key.id)
        if at is None or why.final:
            # First the event that says so: if we die now, it is stored again, as the same one.
            self._ingest.note(_lost(stored, call, why, now=now), call)
            self._calls.advance(call, stored, Progress(Delivery.LOST, failed, now))
            return Fetched.LOST
        if self._calls.advance(call, stored, replace(stored.progress, attempts=failed, at=at)):
            self._queues.fetch([task], delay_s=queue_delay_s(at, now=now))
        return Fetched.FAILED


def _lost(stored: Stored, call: Call, why: errors.RecordingFailed, *, now: int) -> Event:
    """The event that says that a recording will not come. The recording may have named nothing but
    its call: which X and binding that has, its other events say."""
    return replace(
        call.completed(stored.event),
        id=f"lost {stored.key.event}",
        kind=EventKind.RECORDING_FAILED,
        at=now,
        received=now,
        url=None,
        md5=None,
        result=str(why),
        raw="",
    )
