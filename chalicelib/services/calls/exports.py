"""Exports: all records of one day of an app, written as files part by part.

The list of the day's calls is written first. The parts are slices of it and read the calls by
their ids, so that a call which moves in the index meanwhile is neither lost nor doubled.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, Self

from chalicelib.core import errors
from chalicelib.core.calls.days import date_of, opens_at
from chalicelib.core.durations import DAY_MS
from chalicelib.core.ports import Tag
from chalicelib.core.tenants import App
from chalicelib.services.calls.search import Archive, Entry

KEPT_MS = 7 * DAY_MS
"""How long an export is available."""
PART = 10_000
"""Records in a file, at most."""
RUNNING = 3
"""How many exports of an app may be running: the workers are everybody's."""
TRIES = 5
"""After so many failures in a row an export has failed,"""
RETRY_S = 60
"""each of which is followed by this much more of a pause."""
STALLED_MS = 8 * 3_600_000
"""An export without progress for so long has failed: its worker is dead, and the queue will not
send it again."""
LINK_S = 300
"""How long a link to a part works."""


class ExportState(StrEnum):
    """How far an export is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: the records of the day (UTC) that begins at `day` (epoch ms), in a
    format. `id` is the same for the same day and format until a record of the day changes."""

    id: str
    day: int
    format: str


@dataclass(frozen=True, slots=True)
class Export:
    """The records of one day (UTC), which begins at `day`, in a format. Times are epoch ms.

    `listed` is the digest of the list of the day's calls (None: not written yet), `taken` how many
    of them are in the parts so far; `parts` are the digests of the files, `records` how many are in
    them. `queued`: the workers were told of it. `failures` is how often it failed in a row,
    `changed` when it last made progress; `version` grows with every change.
    """

    id: str
    app: str
    day: int
    format: str
    created: int
    changed: int
    listed: str | None = None
    taken: int = 0
    parts: tuple[str, ...] = ()
    records: int = 0
    done: bool = False
    queued: bool = False
    failures: int = 0
    version: int = 1

    def state(self, *, now: int) -> ExportState:
        """How far it is at `now`."""
        if self.done:
            return ExportState.DONE
        given_up = self.failures >= TRIES or now - self.changed >= STALLED_MS
        return ExportState.FAILED if given_up else ExportState.RUNNING

    @property
    def date(self) -> str:
        """The day, as `2026-11-21`."""
        return date_of(self.day)

    @property
    def list_file(self) -> str:
        """Where the list of the day's calls is kept."""
        return f"{self._folder}/calls-{self.listed}.txt"

    def file(self, part: int) -> str:
        """Where a part (from 0) is kept. Its digest is in the name: of two workers that write the
        same part at the same time, neither can overwrite what the other one has noted."""
        return f"{self._folder}/part-{part + 1:05d}-{self.parts[part]}.{self.format}"

    @property
    def _folder(self) -> str:
        return f"exports/{self.app}/{self.date}/{self.id}"


@dataclass(frozen=True, slots=True)
class Job:
    """What a queue message asks for: that an export goes on."""

    app: str
    export: str

    def to_text(self) -> str:
        """As it stands in a queue message."""
        return json.dumps({"export": f"{self.app}/{self.export}"})

    @classmethod
    def from_text(cls, text: str) -> Self | None:
        """Reads `to_text`; None for a message about something else. Raises ValueError."""
        fields = json.loads(text)
        name = fields.get("export") if isinstance(fields, dict) else None
        if not isinstance(name, str):
            return None
        app, _, export = name.partition("/")
        return cls(app, export)


class Exports(Protocol):
    """Exports as they stand. Every method may raise Unavailable."""

    def revision(self, app: str, day: int) -> int:
        """How often records of the day changed after it could be exported. One consistent read."""
        ...

    def claim(self, app: str, request: str, asked: Asked, *, now: int) -> Asked:
        """What was asked for by the first request of this name (a digest), within KEPT_MS. One
        write."""
        ...

    def add(self, export: Export, *, now: int) -> Export:
        """The one that stands under this id from now on: this, or an earlier one that is still
        available. One write."""
        ...

    def tell(self, export: Export) -> None:
        """Notes that the workers were told of it. One write."""
        ...

    def get(self, app: str, export_id: str, *, now: int) -> Export | None:
        """One consistent read."""
        ...

    def of(self, app: str, *, now: int) -> Sequence[Export]:
        """All of an app, the latest first. One query."""
        ...

    def note(self, export: Export) -> Export | None:
        """Notes the next version; what stands there then. One write."""
        ...


class ExportQueue(Protocol):
    """The way to the workers."""

    def export(self, job: Job, *, delay_s: int = 0) -> None:
        """Raises Unavailable."""
        ...


class ExportFiles(Protocol):
    """Where exports are kept. Every method may raise Unavailable."""

    def put(self, key: str, content: bytes, *, content_type: str) -> None: ...

    def get(self, key: str) -> bytes: ...

    def link(self, key: str, *, expires_s: int, filename: str) -> str:
        """An address that anybody can get it at for so long, to be saved under this name."""
        ...


class Format(Protocol):
    """How records become a file."""

    def __call__(self, app: str, entries: Sequence[Entry], *, now: int) -> bytes:
        """The same bytes for the same records."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """A format, and the media type of its files."""

    content_type: str
    render: Format


class Worked(StrEnum):
    """What became of a job."""

    DONE = "done"
    GOES_ON = "goes on"
    FAILED = "failed"
    TAKEN = "taken"
    DONE_BEFORE = "done before"


class ExportDesk:
    """Starts exports, and writes them. `formats` are by name; `now` is epoch ms."""

    def __init__(
        self,
        *,
        exports: Exports,
        archive: Archive,
        queue: ExportQueue,
        files: ExportFiles,
        formats: Mapping[str, Written],
        tag: Tag,
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
        asked = Asked(name, day, written_as)
        if request is not None:
            key = self._tag("export request", app.name, request)
            asked = self._exports.claim(app.name, key, asked, now=now)
        if (asked.day, asked.format) != (day, written_as):
            raise errors.RequestMismatch("this Idempotency-Key came with other parameters")
        export = self._standing(app.name, asked, now=now)
        if export.state(now=now) is ExportState.RUNNING and not export.queued:
            # Also for a repeat: whoever started it may have died before the workers were told.
            self._queue.export(Job(app.name, export.id))
            self._exports.tell(export)
        return export

    def _standing(self, app: str, asked: Asked, *, now: int) -> Export:
        """The export that was asked for, running or done. Raises QuotaExceeded."""
        known = self._exports.of(app, now=now)
        export = next((each for each in known if each.id == asked.id), None)
        if export is not None and export.state(now=now) is not ExportState.FAILED:
            return export
        running = [each for each in known if each.state(now=now) is ExportState.RUNNING]
        if len(running) >= RUNNING:
            raise errors.QuotaExceeded(f"{RUNNING} exports are running, wait until one is done")
        if export is None:
            new = Export(asked.id, app, asked.day, asked.format, created=now, changed=now)
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
        calls = self._archive.listed(export.app, since=export.day, until=export.day + DAY_MS)
        content = "\n".join(calls).encode()
        further = replace(
            export,
            listed=_digest(content),
            done=not calls,
            queued=True,
            failures=0,
            changed=now,
            version=export.version + 1,
        )
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
            since=export.day,
            until=export.day + DAY_MS,
            now=export.created,
        )
        further = replace(
            export,
            taken=taken,
            records=export.records + len(entries),
            done=taken == len(calls),
            queued=True,
            failures=0,
            changed=now,
            version=export.version + 1,
        )
        if not entries:
            return further
        written = self._formats[export.format]
        content = written.render(export.app, entries, now=export.created)
        further = replace(further, parts=(*export.parts, _digest(content)))
        self._files.put(further.file(len(export.parts)), content, content_type=written.content_type)
        return further

    def _failed(self, export: Export, *, now: int) -> Worked:
        failed = replace(
            export,
            queued=True,
            failures=export.failures + 1,
            changed=now,
            version=export.version + 1,
        )
        if self._exports.note(failed) != failed:
            return Worked.TAKEN
        if failed.state(now=now) is ExportState.FAILED:
            return Worked.FAILED
        job = Job(export.app, export.id)
        self._queue.export(job, delay_s=RETRY_S * failed.failures)
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
