"""Records as our own API and its exports show them: the same text for the same record."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.core.calls.merging import KeptRecording
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.subscribers import Subscriber
from chalicelib.services.calls.records import Entry

Json = dict[str, Any]

COLUMNS = (
    *("id", "kind", "binding", "number", "caller_ref", "callee_ref", "party_refs"),
    *("started", "ringing", "answered", "ended", "talked_s"),
    *("released_by", "outcome", "cause", "sms_result", "recordings", "gaps", "events"),
)
"""Of a CSV export, in this order."""

_BINDING = re.compile(r"\d{26}", re.ASCII)
_DIGESTS = re.compile(r"[A-Za-z0-9_-]{22}(?:\.[0-9a-z]{1,16})?(?:[. ][A-Za-z0-9_-]{22})*", re.ASCII)
"""Ids of records and recordings, and what stands for people."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Renderer:
    """Shows records. What stands for a person is the same in all records of an app, and tells
    nothing to whoever does not know the person; `link` makes a recording's address of its id."""

    def __init__(self, tag: KeyedDigest, link: Callable[[str], str]) -> None:
        self._tag = tag
        self._link = link

    def record(self, app: str, entry: Entry, *, now: int) -> Json:
        """As the API shows it: with the numbers that the app itself gave us."""
        record = entry.record
        return {
            **self._common(app, entry),
            "call_id": record.call_id,
            "caller": _digits(record.caller),
            "callee": _digits(record.callee),
            "parties": [party.digits for party in record.parties],
            "result": record.result,
            "recordings": [self._recording(each, now=now) for each in record.recordings],
        }

    def csv(self, app: str, entries: Sequence[Entry], now: int) -> bytes:
        """Lines as RFC 4180 has them, with a first one that names the columns."""
        text = io.StringIO()
        lines = csv.DictWriter(text, COLUMNS, lineterminator="\r\n")
        lines.writeheader()
        for entry in entries:
            row = self._row(app, entry, now=now)
            recordings = [each["id"] for each in row["recordings"]]
            lines.writerow(
                {name: _cell(each) for name, each in (row | {"recordings": recordings}).items()}
            )
        return text.getvalue().encode()

    def jsonl(self, app: str, entries: Sequence[Entry], now: int) -> bytes:
        """A JSON object a line."""
        rows = (self._row(app, entry, now=now) for entry in entries)
        return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()

    def _row(self, app: str, entry: Entry, *, now: int) -> Json:
        """As an export has it: without numbers of people, and without a carrier's own words and
        ids, which may hold one."""
        binding = entry.record.binding
        recordings = [_recording(each, now=now) for each in entry.record.recordings]
        return {
            **self._common(app, entry),
            "binding": binding if binding and _BINDING.fullmatch(binding) else None,
            "recordings": recordings,
        }

    def _common(self, app: str, entry: Entry) -> Json:
        record = entry.record
        return {
            "id": record.id,
            "kind": record.kind,
            "binding": record.binding,
            "number": record.number,
            "caller_ref": self._ref(app, record.caller),
            "callee_ref": self._ref(app, record.callee),
            "party_refs": [self._ref(app, party) for party in record.parties],
            "started": record.started,
            "ringing": record.ringing,
            "answered": record.answered,
            "ended": record.ended,
            "talked_s": record.talked_s,
            "released_by": record.released_by,
            "outcome": record.outcome,
            "cause": record.cause,
            "sms_result": record.sms_result,
            "gaps": list(entry.gaps),
            "events": list(record.events),
        }

    def _ref(self, app: str, person: Subscriber | None) -> str | None:
        return self._tag("person of", app, person.digits) if person is not None else None

    def _recording(self, recording: KeptRecording, *, now: int) -> Json:
        shown = _recording(recording, now=now)
        return shown | {"url": self._link(recording.id) if shown["state"] == "kept" else None}


def _recording(recording: KeptRecording, *, now: int) -> Json:
    gone = recording.expires is not None and recording.expires <= now
    return {
        "id": recording.id,
        "state": "expired" if gone else recording.state,
        "size": recording.size,
        "md5": recording.md5,
        "expires": recording.expires,
    }


def _digits(person: Subscriber | None) -> str | None:
    return person.digits if person is not None else None


def _cell(value: Any) -> str | int | None:
    """A list is joined by blanks. What a spreadsheet would take for a formula begins with an
    apostrophe; a digest may begin with a hyphen and stays what it is: it can't call anything."""
    if isinstance(value, list):
        value = " ".join(value)
    if isinstance(value, str) and value.startswith(_FORMULA) and not _DIGESTS.fullmatch(value):
        return f"'{value}"
    return value if isinstance(value, int) or value is None else str(value)
