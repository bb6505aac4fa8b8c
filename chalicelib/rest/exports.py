"""Northbound: exports."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core import errors
from chalicelib.core.calls.exports import Export
from chalicelib.core.messages import Reply, Request
from chalicelib.rest import wire
from chalicelib.rest.door import Door, Visit, as_json
from chalicelib.services.calls.exports import LINK_S, ExportDesk

Json = Mapping[str, Any]


class ExportFacade:
    """What an app asks about its exports."""

    def __init__(self, door: Door, desk: ExportDesk) -> None:
        self._door = door
        self._desk = desk

    def exports(self, request: Request, now: int) -> Reply:
        """GET and POST /v1/exports"""

        def listed(visit: Visit) -> Json:
            wire.nothing(visit.request)
            latest = self._desk.latest(visit.app, now=now)[: wire.MAX_LIMIT]
            return {"exports": [_shown(each, now=now) for each in latest]}

        def start(visit: Visit) -> Reply:
            members = wire.body(visit.request, ("day", "format"))
            export = self._desk.start(
                visit.app,
                day=wire.read_day(members),
                written_as=wire.read_format(members),
                request=wire.read_key(visit.request),
                now=now,
            )
            shown = _shown(export, now=now)
            where = {"Location": f"/v1/exports/{export.id}"}
            return Reply(200 if export.done else 202, as_json(shown), where)

        return self._door.answer({"GET": listed, "POST": start}, request, now=now)

    def export(self, export_id: str, request: Request, now: int) -> Reply:
        """GET /v1/exports/{id}"""

        def use(visit: Visit) -> Json:
            wire.nothing(visit.request)
            if not wire.is_id(export_id):
                raise errors.UnknownExport("no such export")
            export = self._desk.get(visit.app, export_id, now=now)
            links = self._desk.links(export)
            return {**_shown(export, now=now), "links": links, "expires_in": LINK_S}

        return self._door.answer({"GET": use}, request, now=now)


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
