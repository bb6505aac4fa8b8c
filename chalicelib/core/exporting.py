"""Exports: all records of one day of an app, written as files part by part."""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol, Self

from chalicelib.core import errors
from chalicelib.core.archive import Archive, Entry
from chalicelib.core.event_ports import Search
from chalicelib.core.ports import Tag
from chalicelib.core.values import DAY_MS, App

KEPT_MS = 7 * DAY_MS
"""So long an export is to be had."""
PART = 10_000
"""Records in a file,"""
PAGE = 500
"""and how many calls are in memory at a time."""
RUNNING = 3
"""How many an app may have in the making: the workers are everybody's."""
TRIES = 5
"""After so many failures in a row an export has failed,"""
RETRY_S = 60
"""each of which is followed by this much more of a pause."""
STALLED_MS = 8 * 3_600_000
"""So long without a word its worker is dead, and the queue will not send it again."""
LINK_S = 300
"""How long a link to a part works."""


class ExportState(StrEnum):
    """How far an export is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Export:
    """The records of one day (UTC), which begins at `day`, in a format. Times are epoch ms.

    `parts` are the digests of the files so far, `records` how many are in them, `after` the place
    of the last one. `failures` is how often it failed in a row since, `changed` when it last got
    further; `version` grows with every change.
    """

    id: str
    app: str
    day: int
    format: str
    created: int
    changed: int
    parts: tuple[str, ...] = ()
    records: int = 0
    after: str | None = None
    done: bool = False
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
        return f"{datetime.fromtimestamp(self.day // 1000, UTC):%Y-%m-%d}"

    def file(self, part: int) -> str:
        """Where a part (from 0) is kept. Its digest is in the name: of two workers that write the
        same part at the same time, neither can overwrite what the other one has noted."""
        name = f"part-{part + 1:05d}-{self.parts[part]}.{self.format}"
        return f"exports/{self.app}/{self.date}/{self.id}/{name}"


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

    def add(self, export: Export, *, now: int) -> Export:
        """The one that stands under this id from now on: this, or an earlier one that is still to
        be had. One write."""
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
        """The export of a day that is over; a repeat of the same `request` gives the same one.
        Raises BadParameter, RequestMismatch, QuotaExceeded."""
        if written_as not in self._formats:
            raise errors.BadParameter("format")
        if day + DAY_MS > now:
            raise errors.BadParameter("day", "this day (UTC) is not over")
        key = self._tag("export", app.name, request) if request else secrets.token_urlsafe(16)
        known = self._exports.of(app.name, now=now)
        earlier = next((each for each in known if each.id == key), None)
        running = [each for each in known if each.state(now=now) is ExportState.RUNNING]
        if earlier is None and len(running) >= RUNNING:
            raise errors.QuotaExceeded(f"{RUNNING} exports are in the making")
        wanted = Export(key, app.name, day, written_as, created=now, changed=now)
        export = earlier or self._exports.add(wanted, now=now)
        if (export.day, export.format) != (day, written_as):
            raise errors.RequestMismatch("this Idempotency-Key came with other parameters")
        if export.state(now=now) is ExportState.RUNNING and not export.parts:
            # Also for a repeat: whoever started it may have died before he said so.
            self._queue.export(Job(app.name, export.id))
        return export

    def get(self, app: App, export_id: str, *, now: int) -> Export:
        """Raises UnknownExport."""
        export = self._exports.get(app.name, export_id, now=now)
        if export is None:
            raise errors.UnknownExport("no such export")
        return export

    def latest(self, app: App, *, now: int) -> Sequence[Export]:
        """All that are to be had, the latest first."""
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
        try:
            while not export.done and time_left():
                further = self._written(export, now=now())
                if self._exports.note(further) != further:
                    return Worked.TAKEN
                export = further
        except errors.GatewayError:
            return self._failed(export, now=now())
        if export.done:
            return Worked.DONE
        self._queue.export(job)
        return Worked.GOES_ON

    def _written(self, export: Export, *, now: int) -> Export:
        """The export with one part more, which is kept already."""
        entries, after = self._entries(export)
        parts = export.parts
        further = replace(
            export,
            records=export.records + len(entries),
            after=after,
            done=after is None,
            failures=0,
            changed=now,
            version=export.version + 1,
        )
        if not entries:
            return further
        written = self._formats[export.format]
        content = written.render(export.app, entries, now=export.created)
        further = replace(further, parts=(*parts, hashlib.sha256(content).hexdigest()[:16]))
        self._files.put(further.file(len(parts)), content, content_type=written.content_type)
        return further

    def _entries(self, export: Export) -> tuple[list[Entry], str | None]:
        """The records of the next part, and where the one after begins."""
        entries: list[Entry] = []
        after = export.after
        while True:
            search = Search(
                export.app, export.day, export.day + DAY_MS, after=after, newest_first=False
            )
            limit = min(PAGE, PART - len(entries))
            page = self._archive.find(search, limit=limit, now=export.created)
            entries += page.entries
            after = page.after
            if after is None or len(entries) >= PART:
                return entries, after

    def _failed(self, export: Export, *, now: int) -> Worked:
        failed = replace(
            export, failures=export.failures + 1, changed=now, version=export.version + 1
        )
        if self._exports.note(failed) != failed:
            return Worked.TAKEN
        if failed.state(now=now) is ExportState.FAILED:
            return Worked.FAILED
        job = Job(export.app, export.id)
        self._queue.export(job, delay_s=RETRY_S * failed.failures)
        return Worked.FAILED
