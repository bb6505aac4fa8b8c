"""Northbound: exports."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core import errors
from chalicelib.core.calls.exports import Export
from chalicelib.core.messages import Reply, Request
from chalicelib.rest import wire
from chalicelib.rest.authenticator import Authenticator, RequestContext, as_json
from chalicelib.services.calls.exports import LINK_S, ExportService

Json = Mapping[str, Any]


class ExportFacade:
    """What an app asks about its exports."""

    def __init__(self, authenticator: Authenticator, service: ExportService) -> None:
        self._authenticator = authenticator
        self._service = service

    def exports(self, request: Request, now: int) -> Reply:
        """GET and POST /v1/exports"""

        def listed(context: RequestContext) -> Json:
            wire.nothing(context.request)
            latest = self._service.latest(context.app, now=now)[: wire.MAX_LIMIT]
            return {"exports": [_shown(each, now=now) for each in latest]}

        def start(context: RequestContext) -> Reply:
            members = wire.body(context.request, ("day", "format"))
            export = self._service.start(
                context.app,
                day=wire.read_day(members),
                written_as=wire.read_format(members),
                request=wire.read_key(context.request),
                now=now,
            )
            shown = _shown(export, now=now)
            where = {"Location": f"/v1/exports/{export.id}"}
            return Reply(200 if export.done else 202, as_json(shown), where)

        return self._authenticator.answer({"GET": listed, "POST": start}, request, now=now)

    def export(self, export_id: str, request: Request, now: int) -> Reply:
        """GET /v1/exports/{id}"""

        def handle(context: RequestContext) -> Json:
            wire.nothing(context.request)
            if not wire.is_id(export_id):
                raise errors.UnknownExport("no such export")
            export = self._service.get(context.app, export_id, now=now)
            links = self._service.links(export)
            return {**_shown(export, now=now), "links": links, "expires_in": LINK_S}

        return self._authenticator.answer({"GET": handle}, request, now=now)


def _shown(export: Export, *, now: int) -> Json:
    return {
        "id": export.id,
        "day": export.date,
        "format": export.format,
        "state": export.state(now=now),
        "created": export.created,
        "parts": len(export.parts),
        "records": export.records,
    }
