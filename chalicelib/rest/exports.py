"""Exports: all records of one day as files."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from chalicelib.core import errors
from chalicelib.core.calls.exports import Export, ExportState
from chalicelib.core.durations import DAY_MS, YEAR_2001_MS
from chalicelib.rest.operations import (
    Answer,
    Context,
    Page,
    Paging,
    Resource,
    Result,
    operation,
    page,
)
from chalicelib.rest.problems import NOT_READY, TABLE, UNKNOWN
from chalicelib.schema.types import Json, Listed, Member, member, of_class, shape
from chalicelib.schema.values import DATE, TIMESTAMP, choice, count, duration_s, shown_text
from chalicelib.services.calls.exports import LINK_S, ExportService

FAR_MS = 400 * DAY_MS

_ID = shown_text("NNmIxr_reuNeCIqdv7IYHA")


class Format(StrEnum):
    """How the files are written."""

    CSV = "csv"
    JSONL = "jsonl"


_FORMAT = choice(Format, title="ExportFormat")


_MEMBERS = {
    "id": Member(_ID, ""),
    "day": Member(DATE, "Of which the records are, by their `started`."),
    "format": Member(_FORMAT, ""),
    "state": Member(choice(ExportState, "done", title="ExportState"), ""),
    "created": Member(TIMESTAMP, "When it was first asked for."),
    "parts": Member(count(1), "Files so far."),
    "records": Member(count(512), "Records in them."),
}
EXPORT = shape("Export", _MEMBERS)
WITH_LINKS = shape(
    "ExportWithLinks",
    {
        **_MEMBERS,
        "links": Member(
            Listed(shown_text("https://masking-gateway-files.s3.amazonaws.com/exports/...")),
            "One for each part; anybody who has a link gets the file.",
        ),
        "expires_in_s": Member(
            duration_s(least=1, most=LINK_S, example=LINK_S), "How long the links work."
        ),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What is exported."""

    day: int = member(DATE, "A day (UTC), from 04:30 UTC of the next day on.")
    format: Format = member(_FORMAT, "How the files are written.", default=Format.CSV)


class Exports(Resource):
    """What an app asks about its exports."""

    name = "exports"
    text = "All records of a day as files, made in the background and kept for seven days."
    parameters: ClassVar = {"export_id": Member(_ID, "`id` of the export.")}

    def __init__(self, service: ExportService) -> None:
        self._service = service

    @operation(
        "GET",
        "/v1/exports",
        "List exports, the latest first",
        {200: Answer(page(EXPORT, "Exports"), "A page.")},
        query=of_class(Paging),
        example={"limit": 10},
    )
    def list(self, context: Context, query: Paging) -> Page:
        """By when they were first asked for."""
        exports = self._service.latest(context.app, now=context.now)
        if context.place is not None:
            exports = [each for each in exports if _place(each) > context.place]
        shown = exports[: query.limit]
        more = len(exports) > query.limit
        return Page(
            [_shown(each, now=context.now) for each in shown], _place(shown[-1]) if more else None
        )

    @operation(
        "POST",
        "/v1/exports",
        "Export a day",
        {
            202: Answer(EXPORT, "It is being made.", {"Location": "Where to ask how far it is."}),
            200: Answer(EXPORT, "It is done.", {"Location": "Where to ask how far it is."}),
        },
        text="The same day and format is the same export until a record of that day changes.",
        body=of_class(ExportRequest),
        problems=(UNKNOWN, NOT_READY, *(each for each in TABLE if each.word == "quota")),
        conflict="not_ready",
        changes=True,
        while_suspended=True,
        example={"day": "2026-01-14", "format": "csv"},
    )
    def start(self, context: Context, body: ExportRequest) -> Result:
        """Raises UnknownExport, TooEarly, QuotaExceeded."""
        if body.day < YEAR_2001_MS:
            raise errors.UnknownExport("there are no records of that day")
        if body.day > context.now + FAR_MS:
            wait_s = (body.day - context.now) // 1000
            raise errors.TooEarly("that day is far away", wait_s=wait_s)
        export = self._service.start(
            context.app,
            day=body.day,
            written_as=body.format,
            request=None,
            now=context.now,
        )
        location = {"Location": f"/v1/exports/{export.id}"}
        return Result(200 if export.done else 202, _shown(export, now=context.now), location)

    @operation(
        "GET",
        "/v1/exports/{export_id}",
        "Get an export, with links to its files",
        {200: Answer(WITH_LINKS, "How far it is.")},
        problems=(UNKNOWN,),
    )
    def get(self, context: Context, export_id: str) -> Json:
        """Raises UnknownExport."""
        export = self._service.get(context.app, export_id, now=context.now)
        links = self._service.links(export)
        return {**_shown(export, now=context.now), "links": links, "expires_in_s": LINK_S}


def _place(export: Export) -> str:
    """Sorts as the list does: the latest first."""
    return f"{10**15 - export.created:016d}{export.id}"


def _shown(export: Export, *, now: int) -> dict[str, Any]:
    return {
        "id": export.id,
        "day": export.begins,
        "format": export.format,
        "state": export.state(now=now),
        "created": export.created,
        "parts": len(export.parts),
        "records": export.records,
    }
