"""Northbound: records, recordings and dead events."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core import errors
from chalicelib.core.messages import Reply, Request
from chalicelib.core.tenants import App
from chalicelib.rest import wire
from chalicelib.rest.door import Door, Visit, as_json
from chalicelib.rest.problems import MALFORMED, Refused
from chalicelib.rest.rendering import Renderer
from chalicelib.services.calls.recording_links import LINK_S, RecordingLinks
from chalicelib.services.calls.search import Archive
from chalicelib.services.webhooks.redelivery import AT_ONCE, DeadEvent, Redelivery

Json = Mapping[str, Any]


class HistoryFacade:
    """What an app asks about its calls."""

    def __init__(
        self,
        door: Door,
        *,
        archive: Archive,
        recordings: RecordingLinks,
        redelivery: Redelivery,
        renderer: Renderer,
    ) -> None:
        self._door = door
        self._archive = archive
        self._recordings = recordings
        self._redelivery = redelivery
        self._renderer = renderer

    def records(self, request: Request, now: int) -> Reply:
        """GET /v1/records"""

        def use(visit: Visit) -> Json:
            if any(name == "person" for name, _ in visit.request.query):
                raise Refused(MALFORMED, wire.NOT_IN_URLS)
            known = (*wire.PLACED, *(name for name in wire.SEARCHED if name != "person"))
            return self._found(visit, wire.query(visit.request, known))

        return self._door.answer({"GET": use}, request, now=now)

    def search(self, request: Request, now: int) -> Reply:
        """POST /v1/records/search"""

        def use(visit: Visit) -> Json:
            return self._found(visit, wire.body(visit.request, (*wire.PLACED, *wire.SEARCHED)))

        return self._door.answer({"POST": use}, request, now=now)

    def record(self, record_id: str, request: Request, now: int) -> Reply:
        """GET /v1/records/{id}"""

        def use(visit: Visit) -> Json:
            wire.nothing(visit.request)
            if not wire.is_record_id(record_id):
                raise errors.UnknownRecord("no such record")
            entry = self._archive.get(visit.app.name, record_id, now=now)
            return self._renderer.record(visit.app.name, entry, now=now)

        return self._door.answer({"GET": use}, request, now=now)

    def recording(self, event_id: str, request: Request, now: int) -> Reply:
        """GET and HEAD /v1/recordings/{id}, signed in or with a link's expires and signature"""
        proof = wire.read_proof(request)

        def bearer() -> App | None:
            return self._recordings.bearer(event_id, **proof, now=now) if proof else None

        def use(visit: Visit) -> Reply:
            members = wire.query(visit.request, ("redirect", *wire.PROOF))
            redirect = wire.read_redirect(members)
            head = request.method == "HEAD"
            url = self._recordings.open(visit.app, event_id, now=now, head=head)
            if redirect:
                return Reply(302, "", {"Location": url})
            return Reply(200, as_json({"url": url, "expires_in": LINK_S}))

        return self._door.answer({"GET": use, "HEAD": use}, request, now=now, bearer=bearer)

    def events(self, request: Request, now: int) -> Reply:
        """GET /v1/events"""

        def use(visit: Visit) -> Json:
            members = wire.query(visit.request, ("state", *wire.PLACED))
            since, until, after = wire.read_dead(members, now=now)
            page = self._redelivery.dead(
                visit.app.name,
                since=since,
                until=until,
                after=after,
                limit=wire.read_limit(members),
            )
            return {
                "events": [_dead(each) for each in page.events],
                "cursor": wire.write_cursor(since, until, page.after),
            }

        return self._door.answer({"GET": use}, request, now=now)

    def redeliver(self, event_id: str, request: Request, now: int) -> Reply:
        """POST /v1/events/{id}/redeliver"""

        def use(visit: Visit) -> Reply:
            _check_enabled(visit)
            wire.nothing(visit.request)
            self._redelivery.again(visit.app.name, event_id, now=now)
            return Reply(202, as_json({"id": event_id}))

        return self._door.answer({"POST": use}, request, now=now)

    def redeliver_all(self, request: Request, now: int) -> Reply:
        """POST /v1/events/redeliver"""

        def use(visit: Visit) -> Reply:
            _check_enabled(visit)
            members = wire.body(visit.request, ("since", "until"))
            since, until = wire.read_span(members)
            told = self._redelivery.again_between(visit.app.name, since=since, until=until, now=now)
            return Reply(202, as_json({"redelivered": told, "more": told >= AT_ONCE}))

        return self._door.answer({"POST": use}, request, now=now)

    def _found(self, visit: Visit, members: wire.Members) -> Json:
        search = wire.read_search(members, visit.app.name, now=visit.now)
        page = self._archive.find(search, limit=wire.read_limit(members), now=visit.now)
        return {
            "records": [
                self._renderer.record(visit.app.name, entry, now=visit.now)
                for entry in page.entries
            ],
            "cursor": wire.write_cursor(search.since, search.until, page.after),
        }


def _check_enabled(visit: Visit) -> None:
    """To see is one thing, to have something done another."""
    if not visit.app.enabled:
        raise errors.Suspended


def _dead(event: DeadEvent) -> Json:
    return {
        "id": event.id,
        "kind": event.kind,
        "at": event.at,
        "attempts": event.attempts,
        "failed": event.failed,
    }
