"""Records of calls, messages and placed calls: listed, searched, one by one."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from chalicelib.core import errors
from chalicelib.core.calls.search import Search
from chalicelib.core.durations import DAY_MS, MINUTE_MS
from chalicelib.core.subscribers import Subscriber
from chalicelib.rest.operations import Answer, Context, Page, Paging, Resource, operation, page
from chalicelib.rest.problems import UNKNOWN
from chalicelib.rest.rendering import RECORD, Renderer
from chalicelib.schema.types import Json, Member, member, of_class
from chalicelib.schema.values import ANYBODY, PROXY_NUMBER, TIMESTAMP, shown_text, text
from chalicelib.services.calls.records import Archive, Entry

SPAN_MS = 31 * DAY_MS
"""How much time one page goes over where nothing but time is asked for; the next goes on."""
AHEAD_MS = 5 * MINUTE_MS
"""How far a carrier's clock may be ahead of ours: what just happened is found all the same."""

BINDING_ID = text(
    "12202601151600000123456789",
    most=26,
    pattern=r"\d{26}",
    wanted="must be the id of a binding, 26 digits",
)
PERSON_IN_QUERY = (
    "a person's number must not stand in an address, which is logged on its way: send it in the"
    " body of POST /v1/records/search"
)

_RECORD_ID = text("", most=39, pattern=r"[A-Za-z0-9_-]{22}(?:\.[0-9a-z]{1,16})?")
_PAGE = page(RECORD, "Records")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery(Paging):
    """Which records are listed."""

    since: int | None = member(
        TIMESTAMP,
        "The first moment, by the record's `started`; without: all there is of a binding, number or"
        " person, else the last day.",
        default=None,
    )
    until: int | None = member(TIMESTAMP, "The first moment afterwards.", default=None)
    binding: str | None = member(BINDING_ID, "Of this binding.", default=None)
    number: str | None = member(PROXY_NUMBER, "Over this X.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSearch(RecordQuery):
    """The same, also by a person."""

    person: Subscriber | None = member(
        ANYBODY, "In which this person called, or was called.", default=None
    )


class Records(Resource):
    """What an app asks about its calls."""

    name = "records"
    text = (
        "All events of a call, merged: the same bytes in whatever order and however often the"
        " events came. Records are found by indexes that follow within a moment."
    )
    parameters: ClassVar = {
        "record_id": Member(shown_text("A7yIiw-CjYoCmIcgGCC5Lw"), "`id` of the record.")
    }

    def __init__(self, archive: Archive, renderer: Renderer) -> None:
        self._archive = archive
        self._renderer = renderer

    @operation(
        "GET",
        "/v1/records",
        "List records, newest first",
        {200: Answer(_PAGE, "A page; it may be short, or empty, though more follow.")},
        query=of_class(RecordQuery, refused={"person": PERSON_IN_QUERY}),
        example={"number": "+8610000000001", "limit": 10},
    )
    def list(self, context: Context, query: RecordQuery) -> Page:
        """At most one index is asked; what else is wanted is picked from its page."""
        return self._found(context, query, None)

    @operation(
        "POST",
        "/v1/records/search",
        "Search records, also by a person",
        {200: Answer(_PAGE, "A page; it may be short, or empty, though more follow.")},
        text="A person's number never stands in an address, so this is a POST; it changes nothing.",
        body=of_class(RecordSearch),
        example={"person": "+447700900001", "since": "2026-01-15T00:00:00Z"},
    )
    def search(self, context: Context, body: RecordSearch) -> Page:
        """The same, with a person."""
        return self._found(context, body, body.person)

    @operation(
        "GET",
        "/v1/records/{record_id}",
        "Get a record",
        {200: Answer(RECORD, "The record.")},
        problems=(UNKNOWN,),
    )
    def get(self, context: Context, record_id: str) -> Json:
        """Raises UnknownRecord."""
        app, now = context.app.name, context.now
        if not is_record_id(record_id):
            raise errors.UnknownRecord("no such record")
        return self._renderer.record(app, self._archive.get(app, record_id, now=now), now=now)

    def _found(self, context: Context, query: RecordQuery, person: Subscriber | None) -> Page:
        about = _index(query, person)
        since, until, after = _span(context, query, whole=bool(about))
        if since >= until:
            return Page([], None)
        app, now = context.app.name, context.now
        begins = since if about else max(since, until - SPAN_MS)
        search = Search(app, begins, until, after=after, **about)
        found = self._archive.find(search, limit=query.limit, now=now)
        entries = [each for each in found.entries if _is_wanted(each, query, person)]
        place = None
        if found.after is not None:
            place = json.dumps([since, until, found.after])
        elif begins > since:
            place = json.dumps([since, begins, None])
        return Page([self._renderer.record(app, each, now=now) for each in entries], place)


def is_record_id(record_id: str) -> bool:
    """Whether it can be the id of a record: of a call whose id was used before it has two parts."""
    try:
        _RECORD_ID.read(record_id)
    except ValueError:
        return False
    return True


def _index(query: RecordQuery, person: Subscriber | None) -> dict[str, Any]:
    """What the search goes by: the narrowest of what is wanted."""
    if query.binding is not None:
        return {"binding": query.binding}
    if person is not None:
        return {"person": person}
    return {"number": query.number} if query.number is not None else {}


def _is_wanted(entry: Entry, query: RecordQuery, person: Subscriber | None) -> bool:
    record = entry.record
    return (
        query.number in (None, record.number)
        and query.binding in (None, record.binding)
        and (person is None or person in (record.caller, record.callee, *record.parties))
    )


def _span(context: Context, query: RecordQuery, *, whole: bool) -> tuple[int, int, str | None]:
    """Since, until and the place to go on from; a cursor has all of them. Without times all there
    is (`whole`), or the last day."""
    if context.place is not None:
        since, until, after = json.loads(context.place)
        return since, until, after
    # Nothing happened yet that is later, whatever a carrier's clock says.
    latest = context.now + (DAY_MS if query.until is not None else AHEAD_MS)
    until = latest if query.until is None else min(query.until, latest)
    if query.since is not None:
        return query.since, until, None
    return 0 if whole else max(0, min(until, context.now) - DAY_MS), until, None
