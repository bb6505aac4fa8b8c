"""Northbound: exports."""

from chalicelib.carriers.facade import Access, Members
from chalicelib.core import errors
from chalicelib.core.calls.exports import Export
from chalicelib.core.messages import Reply
from chalicelib.rest import wire
from chalicelib.rest.facade import RequestContext, RestFacade, reply
from chalicelib.services.calls.exports import LINK_S, ExportService


class ExportFacade(RestFacade):
    """What an app asks about its exports."""

    def __init__(self, access: Access, service: ExportService) -> None:
        super().__init__(access)
        self._service = service

    def latest(self, context: RequestContext) -> Members:
        """GET /v1/exports"""
        wire.nothing(context.request)
        latest = self._service.latest(context.app, now=context.now)[: wire.MAX_LIMIT]
        return {"exports": [_shown(each, now=context.now) for each in latest]}

    def start(self, context: RequestContext) -> Reply:
        """POST /v1/exports"""
        members = wire.body(context.request, ("day", "format"))
        export = self._service.start(
            context.app,
            day=wire.read_day(members),
            written_as=wire.read_format(members),
            request=wire.read_key(context.request),
            now=context.now,
        )
        status, where = 200 if export.done else 202, {"Location": f"/v1/exports/{export.id}"}
        return reply(status, _shown(export, now=context.now), where)

    def export(self, context: RequestContext, export_id: str) -> Members:
        """GET /v1/exports/{id}"""
        wire.nothing(context.request)
        if not wire.is_id(export_id):
            raise errors.UnknownExport("no such export")
        export = self._service.get(context.app, export_id, now=context.now)
        links = self._service.links(export)
        return {**_shown(export, now=context.now), "links": links, "expires_in": LINK_S}


def _shown(export: Export, *, now: int) -> Members:
    return {
        "id": export.id,
        "day": export.date,
        "format": export.format,
        "state": export.state(now=now),
        "created": export.created,
        "parts": len(export.parts),
        "records": export.records,
    }
