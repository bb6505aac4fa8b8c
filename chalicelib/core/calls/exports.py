"""Exports: the records of one day of an app, and how far the files are."""

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from chalicelib.core.calls.export_days import date_of
from chalicelib.core.durations import DAY_MS
from chalicelib.core.retries import EXPORT_TRIES

KEPT_MS = 7 * DAY_MS
"""How long an export is available."""


STALLED_MS = 8 * 3_600_000
"""An export without progress for so long has failed: its worker died, and the queue will not
send it again."""


class ExportState(StrEnum):
    """How far an export is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A request for the records of the day (UTC) from `begins` on (epoch ms), in a format. `id` is
    the same for the same day and format until a record of the day changes."""

    id: str
    begins: int
    format: str


@dataclass(frozen=True, slots=True)
class Export:
    """The records of one day (UTC), from `begins` on, in a format. Times are epoch ms.

    `listed` is the digest of the list of the day's calls (None: not written yet), `taken` how many
    of them are in the parts so far; `parts` are the digests of the files, `records` how many are in
    them. `queued`: the workers were sent it. `failures` is how often it failed in a row,
    `changed` when it last made progress; `version` grows with every change.
    """

    id: str
    app: str
    begins: int
    format: str
    created: int
    changed: int
    version: int
    listed: str | None = None
    taken: int = 0
    parts: tuple[str, ...] = ()
    records: int = 0
    done: bool = False
    queued: bool = False
    failures: int = 0

    def changed_to(self, *, now: int, failures: int = 0, **more: Any) -> Self:
        """The next version, whose members are these; it is queued."""
        version = self.version + 1
        return replace(self, queued=True, failures=failures, changed=now, version=version, **more)

    def state(self, *, now: int) -> ExportState:
        """How far it is at `now`."""
        if self.done:
            return ExportState.DONE
        given_up = self.failures >= EXPORT_TRIES or now - self.changed >= STALLED_MS
        return ExportState.FAILED if given_up else ExportState.RUNNING

    @property
    def date(self) -> str:
        """The day, as `2026-11-21`."""
        return date_of(self.begins)

    @property
    def list_file(self) -> str:
        """Where the list of the day's calls is kept."""
        return f"{self._folder}/calls-{self.listed}.txt"

    def file(self, part: int) -> str:
        """Where a part (from 0) is kept. Its digest is in the name: of two workers that write the
        same part at the same time, neither overwrites what the other one has recorded."""
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
