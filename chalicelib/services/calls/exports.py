"""Exports: all records of one day of an app, written as files part by part.

The list of the day's calls is written first. The parts are slices of it and read the calls by
their ids, so that a call which moves in the index meanwhile is neither lost nor doubled.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.core import errors
from chalicelib.core.calls.export_days import date_of, opens_at
from chalicelib.core.calls.exports import Export, ExportRequest, ExportState, Job
from chalicelib.core.durations import DAY_MS
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.retries import EXPORT_RETRY_S
from chalicelib.core.tenants import App
from chalicelib.services.calls.records import Archive, Entry
from chalicelib.store.calls.exports import ExportStore
from chalicelib.store.files import FileStore
from chalicelib.store.work_queues import WorkQueues

PART = 10_000
"""Records in a file, at most."""


RUNNING = 3
"""How many exports of an app may be running: the workers are everybody's."""


LINK_S = 300
"""How long a link to a part works."""


@dataclass(frozen=True, slots=True)
class Format:
    """How the entries of an app become a file, as of a moment (epoch ms): the same bytes for the
    same entries."""

    content_type: str
    render: Callable[[str, Sequence[Entry], int], bytes]


class Worked(StrEnum):
    """What became of a job."""

    DONE = "done"
    GOES_ON = "goes on"
    FAILED = "failed"
    TAKEN = "taken"
    DONE_BEFORE = "done before"


class ExportService:
    """Starts exports, and writes them. `formats` are by name; `now` is epoch ms."""

    def __init__(
        self,
        *,
        exports: ExportStore,
        archive: Archive,
        queue: WorkQueues,
        files: FileStore,
        formats: Mapping[str, Format],
        tag: KeyedDigest,
    ) -> None:
        self._exports = exports
        self._archive = archive
        self._queue = queue
        self._files = files
        self._formats = formats
        self._tag = tag

    def start(
        self, app: App, *, day: int, written_as: str, request: str | None, now: int
    ) -> Export:
        """The export of a day: one for each format until a record of the day changes, however often
        it is asked for. A repeat of the same `request` gets what the first one got. One that failed
        goes on. Raises BadParameter, TooEarly, RequestMismatch, QuotaExceeded."""
        if written_as not in self._formats:
            raise errors.BadParameter("format")
        _check_open(day, now=now)
        revision = self._exports.revision(app.name, day)
        name = self._tag("export", app.name, str(day), written_as, str(revision))
        wanted = ExportRequest(name, day, written_as)
        if request is not None:
            key = self._tag("export request", app.name, request)
            wanted = self._exports.claim(app.name, key, wanted, now=now)
        if (wanted.begins, wanted.format) != (day, written_as):
            raise errors.RequestMismatch("this Idempotency-Key came with other parameters")
        export = self._running_or_done(app.name, wanted, now=now)
        if export.state(now=now) is ExportState.RUNNING and not export.queued:
            # Also for a repeat: whoever started it may have died before it was queued.
            self._queue.export(Job(app.name, export.id))
            self._exports.note_queued(export)
        return export

    def _running_or_done(self, app: str, wanted: ExportRequest, *, now: int) -> Export:
        """The export that is wanted. Raises QuotaExceeded."""
        known = self._exports.of(app, now=now)
        export = next((each for each in known if each.id == wanted.id), None)
        if export is not None and export.state(now=now) is not ExportState.FAILED:
            return export
        running = [each for each in known if each.state(now=now) is ExportState.RUNNING]
        if len(running) >= RUNNING:
            raise errors.QuotaExceeded(f"{RUNNING} exports are running, wait until one is done")
        if export is None:
            new = Export(
                wanted.id, app, wanted.begins, wanted.format, created=now, changed=now, version=1
            )
            return self._exports.add(new, now=now)
        again = replace(export, failures=0, changed=now, queued=False, version=export.version + 1)
        return self._exports.note(again) or again

    def get(self, app: App, export_id: str, *, now: int) -> Export:
        """Raises UnknownExport."""
        export = self._exports.get(app.name, export_id, now=now)
        if export is None:
            raise errors.UnknownExport("no such export")
        return export

    def latest(self, app: App, *, now: int) -> Sequence[Export]:
        """All that are available, the latest first."""
        return self._exports.of(app.name, now=now)

    def links(self, export: Export) -> list[str]:
        """Addresses that anybody can get the parts at for LINK_S seconds."""
        return [
            self._files.link(
                export.file(part),
                expires_s=LINK_S,
                filename=f"{export.date}-part-{part + 1:05d}.{export.format}",
            )
            for part in range(len(export.parts))
        ]

    def work(self, job: Job, *, now: Callable[[], int], time_left: Callable[[], bool]) -> Worked:
        """Goes on with an export until it is done or no time is left; then it is queued again, as
        it is after a failure. Raises Unavailable if not even that is possible."""
        export = self._exports.get(job.app, job.export, now=now())
        if export is None or export.state(now=now()) is not ExportState.RUNNING:
            return Worked.DONE_BEFORE
        calls: Sequence[str] | None = None
        try:
            while not export.done and time_left():
                if export.listed is None:
                    further = self._listed(export, now=now())
                else:
                    calls = calls if calls is not None else self._list(export)
                    further = self._written(export, calls, now=now())
                if self._exports.note(further) != further:
                    return Worked.TAKEN
                export = further
        except errors.GatewayError:
            return self._failed(export, now=now())
        if export.done:
            return Worked.DONE
        self._queue.export(job)
        return Worked.GOES_ON

    def _listed(self, export: Export, *, now: int) -> Export:
        """The export with the list of its calls, which is kept already."""
        calls = self._archive.listed(export.app, since=export.begins, until=export.begins + DAY_MS)
        content = "\n".join(calls).encode()
        further = export.changed_to(now=now, listed=_digest(content), done=not calls)
        self._files.put(further.list_file, content, content_type="text/plain")
        return further

    def _list(self, export: Export) -> Sequence[str]:
        return self._files.get(export.list_file).decode().split()

    def _written(self, export: Export, calls: Sequence[str], *, now: int) -> Export:
        """The export with the next slice of the list, whose part is kept already."""
        taken = min(export.taken + PART, len(calls))
        entries = self._archive.entries(
            export.app,
            calls[export.taken : taken],
            since=export.begins,
            until=export.begins + DAY_MS,
            now=export.created,
        )
        further = export.changed_to(
            now=now,
            taken=taken,
            records=export.records + len(entries),
            done=taken == len(calls),
        )
        if not entries:
            return further
        written = self._formats[export.format]
        content = written.render(export.app, entries, export.created)
        further = replace(further, parts=(*export.parts, _digest(content)))
        self._files.put(further.file(len(export.parts)), content, content_type=written.content_type)
        return further

    def _failed(self, export: Export, *, now: int) -> Worked:
        failed = export.changed_to(now=now, failures=export.failures + 1)
        if self._exports.note(failed) != failed:
            return Worked.TAKEN
        if failed.state(now=now) is ExportState.FAILED:
            return Worked.FAILED
        job = Job(export.app, export.id)
        self._queue.export(job, delay_s=EXPORT_RETRY_S * failed.failures)
        return Worked.FAILED


def _check_open(day: int, *, now: int) -> None:
    opens = opens_at(day)
    if now < opens:
        raise errors.TooEarly(
            f"the records of {date_of(day)} can be exported from {date_of(opens)}T04:30:00Z",
            wait_s=-(-(opens - now) // 1000),
        )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
