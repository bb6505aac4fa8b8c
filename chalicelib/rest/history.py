"""Northbound: records and dead events."""

from chalicelib.carriers.facade import Access, Members
from chalicelib.carriers.parameters import Malformed
from chalicelib.core import errors
from chalicelib.core.messages import Reply
from chalicelib.rest import wire
from chalicelib.rest.facade import RequestContext, RestFacade, check_enabled, reply
from chalicelib.rest.rendering import Renderer
from chalicelib.services.calls.records import Archive
from chalicelib.services.webhooks.redelivery import AT_ONCE, DeadLetter, Redelivery


class HistoryFacade(RestFacade):
    """What an app asks about its calls."""

    def __init__(
        self, access: Access, *, archive: Archive, redelivery: Redelivery, renderer: Renderer
    ) -> None:
        super().__init__(access)
        self._archive = archive
        self._redelivery = redelivery
        self._renderer = renderer

    def records(self, context: RequestContext) -> Members:
        """GET /v1/records"""
        if any(name == "person" for name, _ in context.request.query):
            raise Malformed(wire.NOT_IN_URLS)
        known = (*wire.PLACED, *(name for name in wire.SEARCHED if name != "person"))
        return self._found(context, wire.query(context.request, known))

    def search(self, context: RequestContext) -> Members:
        """POST /v1/records/search"""
        return self._found(context, wire.body(context.request, (*wire.PLACED, *wire.SEARCHED)))

    def record(self, context: RequestContext, record_id: str) -> Members:
        """GET /v1/records/{id}"""
        app, now = context.app.name, context.now
        wire.nothing(context.request)
        if not wire.is_record_id(record_id):
            raise errors.UnknownRecord("no such record")
        return self._renderer.record(app, self._archive.get(app, record_id, now=now), now=now)

    def events(self, context: RequestContext) -> Members:
        """GET /v1/events"""
        members = wire.query(context.request, ("state", *wire.PLACED))
        since, until, after = wire.read_dead(members, now=context.now)
        limit = wire.read_limit(members)
        page = self._redelivery.dead_letters(
            context.app.name, since=since, until=until, after=after, limit=limit
        )
        return {
            "events": [_dead(each) for each in page.events],
            "cursor": wire.write_cursor(since, until, page.after),
        }

    def redeliver(self, context: RequestContext, event_id: str) -> Reply:
        """POST /v1/events/{id}/redeliver"""
        check_enabled(context)
        wire.nothing(context.request)
        self._redelivery.redeliver(context.app.name, event_id, now=context.now)
        return reply(202, {"id": event_id})

    def redeliver_all(self, context: RequestContext) -> Reply:
        """POST /v1/events/redeliver"""
        check_enabled(context)
        since, until = wire.read_span(wire.body(context.request, ("since", "until")))
        told = self._redelivery.redeliver_between(
            context.app.name, since=since, until=until, now=context.now
        )
        return reply(202, {"redelivered": told, "more": told >= AT_ONCE})

    def _found(self, context: RequestContext, members: wire.Members) -> Members:
        app, now = context.app.name, context.now
        search = wire.read_search(members, app, now=now)
        page = self._archive.find(search, limit=wire.read_limit(members), now=now)
        return {
            "records": [self._renderer.record(app, entry, now=now) for entry in page.entries],
            "cursor": wire.write_cursor(search.since, search.until, page.after),
        }


def _dead(event: DeadLetter) -> Members:
    return {
        "id": event.id,
        "kind": event.kind,
        "at": event.at,
        "attempts": event.attempts,
        "failed": event.failed,
    }
