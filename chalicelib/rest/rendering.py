"""Records as our own API and its exports show them: the same text for the same record."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, get_args

from chalicelib.core.calls.merging import KeptRecording, RecordKind
from chalicelib.core.calls.missing_events import Gap
from chalicelib.core.ports import KeyedDigest
from chalicelib.core.subscribers import Subscriber
from chalicelib.schema import calls
from chalicelib.schema.types import Json, Listed, Member, Nullable, shape
from chalicelib.schema.values import TIMESTAMP, choice, count, shown_text
from chalicelib.services.calls.records import Entry

_ID = shown_text("A7yIiw-CjYoCmIcgGCC5Lw")
_REF = shown_text("u2P9m2pOGuqZ0Z5bT0h6cQ")
_TIMES = ("started", "ringing", "answered", "ended", "talked_s")
_NAMELESS = ("number", *_TIMES, "released_by", "outcome", "cause", "sms_result")

_KEPT = {
    "id": Member(shown_text("A7yIiw-CjYoCmIcgGCC5Lw.lmwfP-NJ__F6dkZqLUWm4Q"), ""),
    "state": Member(choice(("fetching", "kept", "lost", "expired"), "kept"), ""),
    "size": Member(Nullable(count(128_044)), "Bytes."),
    "md5": Member(Nullable(shown_text("9e107d9d372bb6826bd81d3542a419d6")), ""),
    "expires": Member(Nullable(TIMESTAMP), "Until when it is kept."),
}
_URL = Member(
    Nullable(shown_text("https://gateway.example/v1/recordings/A7yIiw...")),
    "Where it is, with the app's own authentication; null unless it is `kept`.",
)
RECORDING = shape("Recording", {**_KEPT, "url": _URL})

_EVERYWHERE = {
    "id": Member(_ID, "Ours; the first half of the ids of its events."),
    "kind": Member(choice(get_args(RecordKind)), ""),
    **calls.members(("binding",)),
    **calls.members(("number",)),
    "caller_ref": Member(Nullable(_REF), "What stands for the caller in exports."),
    "callee_ref": Member(Nullable(_REF), "What stands for the callee in exports."),
    "party_refs": Member(Listed(_REF), "What stands for the parties in exports."),
    **calls.members(_TIMES),
    **calls.members(("released_by", "outcome", "cause", "sms_result")),
}
_LAST = {
    "gaps": Member(
        Listed(choice(Gap)), "What is missing though it should be there by now: see events."
    ),
    "events": Member(Listed(calls.KINDS), "The kinds that were reported."),
}
RECORD = shape(
    "Record",
    {
        **_EVERYWHERE,
        **_LAST,
        **calls.members(("call_id", "caller", "callee", "parties", "result")),
        "recordings": Member(Listed(RECORDING), ""),
    },
)
EXPORTED = shape(
    "ExportedRecord",
    {**_EVERYWHERE, "recordings": Member(Listed(shape("", _KEPT)), ""), **_LAST},
)
"""A line of an export: without numbers of people, and without a carrier's own words and ids, which
may hold one."""

COLUMNS = tuple(EXPORTED.members)
"""Of a CSV export, in this order."""

_BINDING = re.compile(r"\d{26}", re.ASCII)
_HARMLESS = re.compile(
    r"[A-Za-z0-9_-]{22}(?:\.[0-9a-z]{1,16})?(?:[. ][A-Za-z0-9_-]{22})*|\+[0-9]{7,24}", re.ASCII
)
"""Ids of records and recordings, what stands for people, and an X."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Renderer:
    """Shows records. What stands for a person is the same in all records of an app, and tells
    nothing to whoever does not know the person; `link` makes a recording's address of its id."""

    def __init__(self, tag: KeyedDigest, link: Callable[[str], str]) -> None:
        self._tag = tag
        self._link = link

    def record(self, app: str, entry: Entry, *, now: int) -> dict[str, Any]:
        """The values of RECORD: with the numbers that the app itself gave us."""
        shown = entry.record
        return {
            **self._everywhere(app, entry),
            "call_id": shown.call_id,
            "caller": shown.caller,
            "callee": shown.callee,
            "parties": shown.parties,
            "result": shown.result,
            "recordings": [self._recording(each, now=now) for each in shown.recordings],
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
        values = self._everywhere(app, entry)
        binding = values["binding"]
        return EXPORTED.write(
            values
            | {
                "binding": binding if binding and _BINDING.fullmatch(binding) else None,
                "recordings": [_recording(each, now=now) for each in entry.record.recordings],
            }
        )

    def _everywhere(self, app: str, entry: Entry) -> dict[str, Any]:
        """The values that records and exports have alike."""
        shown = entry.record
        return {
            "id": shown.id,
            "kind": shown.kind,
            "binding": shown.binding,
            "caller_ref": self._ref(app, shown.caller),
            "callee_ref": self._ref(app, shown.callee),
            "party_refs": [self._ref(app, party) for party in shown.parties],
            "gaps": entry.gaps,
            "events": shown.events,
            **{name: getattr(shown, name) for name in _NAMELESS},
        }

    def _ref(self, app: str, person: Subscriber | None) -> str | None:
        return self._tag("person of", app, person.digits) if person is not None else None

    def _recording(self, recording: KeptRecording, *, now: int) -> dict[str, Any]:
        shown = _recording(recording, now=now)
        return shown | {"url": self._link(recording.id) if shown["state"] == "kept" else None}


def _recording(recording: KeptRecording, *, now: int) -> dict[str, Any]:
    gone = recording.expires is not None and recording.expires <= now
    return {
        "id": recording.id,
        "state": "expired" if gone else recording.state,
        "size": recording.size,
        "md5": recording.md5,
        "expires": recording.expires,
    }


def _cell(value: Any) -> str | int | None:
    """A list is joined by blanks. What a spreadsheet would take for a formula begins with an
    apostrophe; a digest or an X may begin with a hyphen or a plus sign and stays what it is: it
    can't call anything."""
    if isinstance(value, list):
        value = " ".join(value)
    if isinstance(value, str) and value.startswith(_FORMULA) and not _HARMLESS.fullmatch(value):
        return f"'{value}"
    return value if isinstance(value, int) or value is None else str(value)
