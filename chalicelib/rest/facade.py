"""Northbound: records, recordings and dead events."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core import errors
from chalicelib.core.messages import Reply, Request
from chalicelib.core.tenants import App
from chalicelib.rest import wire
from chalicelib.rest.authenticator import Authenticator, RequestContext, as_json
from chalicelib.rest.problems import MALFORMED, Refused
from chalicelib.rest.rendering import Renderer
from chalicelib.services.calls.recording_links import LINK_S, RecordingLinks
from chalicelib.services.calls.search import Archive
from chalicelib.services.webhooks.redelivery import AT_ONCE, DeadLetter, Redelivery

Json = Mapping[str, Any]


class HistoryFacade:
    """What an app asks about its calls."""

    def __init__(
        self,
        authenticator: Authenticator,
        *,
        archive: Archive,
        recordings: RecordingLinks,
        redelivery: Redelivery,
        renderer: Renderer,
    ) -> None:
        self._authenticator = authenticator
        self._archive = archive
        self._recordings = recordings
        self._redelivery = redelivery
        self._renderer = renderer

    def records(self, request: Request, now: int) -> Reply:
        """GET /v1/records"""

        def handle(context: RequestContext) -> Json:
            if any(name == "person" for name, _ in context.request.query):
                raise Refused(MALFORMED, wire.NOT_IN_URLS)
            known = (*wire.PLACED, *(name for name in wire.SEARCHED if name != "person"))
            return self._found(context, wire.query(context.request, known))

        return self._authenticator.answer({"GET": handle}, request, now=now)

    def search(self, request: Request, now: int) -> Reply:
        """POST /v1/records/search"""

        def handle(context: RequestContext) -> Json:
            return self._found(context, wire.body(context.request, (*wire.PLACED, *wire.SEARCHED)))

        return self._authenticator.answer({"POST": handle}, request, now=now)

    def record(self, record_id: str, request: Request, now: int) -> Reply:
        """GET /v1/records/{id}"""

        def handle(context: RequestContext) -> Json:
            wire.nothing(context.request)
            if not wire.is_record_id(record_id):
                raise errors.UnknownRecord("no such record")
            entry = self._archive.get(context.app.name, record_id, now=now)
            return self._renderer.record(context.app.name, entry, now=now)

        return self._authenticator.answer({"GET": handle}, request, now=now)

    def recording(self, event_id: str, request: Request, now: int) -> Reply:
        """GET and HEAD /v1/recordings/{id}, signed in or with a link's expires and signature"""
        proof = wire.read_proof(request)

        def bearer() -> App | None:
            return self._recordings.bearer(event_id, **proof, now=now) if proof else None

        def handle(context: RequestContext) -> Reply:
            members = wire.query(context.request, ("redirect", *wire.PROOF))
            redirect = wire.read_redirect(members)
            head = request.method == "HEAD"
            url = self._recordings.open(context.app, event_id, now=now, head=head)
            if redirect:
                return Reply(302, "", {"Location": url})
            return Reply(200, as_json({"url": url, "expires_in": LINK_S}))

        return self._authenticator.answer(
            {"GET": handle, "HEAD": handle}, request, now=now, bearer=bearer
        )

    def events(self, request: Request, now: int) -> Reply:
        """GET /v1/events"""

        def handle(context: RequestContext) -> Json:
            members = wire.query(context.request, ("state", *wire.PLACED))
            since, until, after = wire.read_dead(members, now=now)
            page = self._redelivery.dead_letters(
                context.app.name,
                since=since,
                until=until,
                after=after,
                limit=wire.read_limit(members),
            )
            return {
                "events": [_dead(each) for each in page.events],
                "cursor": wire.write_cursor(since, until, page.after),
            }

        return self._authenticator.answer({"GET": handle}, request, now=now)

    def redeliver(self, event_id: str, request: Request, now: int) -> Reply:
        """POST /v1/events/{id}/redeliver"""

        def handle(context: RequestContext) -> Reply:
            _check_enabled(context)
            wire.nothing(context.request)
            self._redelivery.redeliver(context.app.name, event_id, now=now)
            return Reply(202, as_json({"id": event_id}))

        return self._authenticator.answer({"POST": handle}, request, now=now)

    def redeliver_all(self, request: Request, now: int) -> Reply:
        """POST /v1/events/redeliver"""

        def handle(context: RequestContext) -> Reply:
            _check_enabled(context)
            members = wire.body(context.request, ("since", "until"))
            since, until = wire.read_span(members)
            told = self._redelivery.redeliver_between(
                context.app.name, since=since, until=until, now=now
            )
            return Reply(202, as_json({"redelivered": told, "more": told >= AT_ONCE}))

        return self._authenticator.answer({"POST": handle}, request, now=now)

    def _found(self, context: RequestContext, members: wire.Members) -> Json:
        search = wire.read_search(members, context.app.name, now=context.now)
        page = self._archive.find(search, limit=wire.read_limit(members), now=context.now)
        return {
            "records": [
                self._renderer.record(context.app.name, entry, now=context.now)
                for entry in page.entries
            ],
            "cursor": wire.write_cursor(search.since, search.until, page.after),
        }


def _check_enabled(context: RequestContext) -> None:
    """To see is one thing, to have something done another."""
    if not context.app.enabled:
        raise errors.Suspended


def _dead(event: DeadLetter) -> Json:
    return {
        "id": event.id,
        "kind": event.kind,
        "at": event.at,
        "attempts": event.attempts,
        "failed": event.failed,
    }
