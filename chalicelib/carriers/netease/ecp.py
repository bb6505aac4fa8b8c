"""Northbound: calls placed over NetEase's dedicated line (ECP), as NetEase answers them."""

from collections.abc import Callable
from typing import Any

from chalicelib.carriers.netease import wire_ecp
from chalicelib.carriers.netease.door import Door, Visit
from chalicelib.carriers.parameters import Parameters
from chalicelib.core.calls.placed import CallAsk
from chalicelib.core.messages import Reply, Request
from chalicelib.services.outbound_calls import CallDesk


class EcpFacade:
    """The three calls under /call/ecp; parameters and replies as in the document."""

    def __init__(self, door: Door, desk: CallDesk) -> None:
        self._door = door
        self._desk = desk

    def startcall(self, request: Request, now: int) -> Reply:
        """POST /call/ecp/startcall.action"""
        return self._place("startcall", wire_ecp.read_call, request, now=now)

    def startconf(self, request: Request, now: int) -> Reply:
        """POST /call/ecp/startconf.action"""
        return self._place("startconf", wire_ecp.read_conference, request, now=now)

    def query(self, request: Request, now: int) -> Reply:
        """POST /call/ecp/queryBySession.action"""

        def use(visit: Visit) -> dict[str, Any]:
            session, conference = wire_ecp.read_session(visit.parameters)
            status = self._desk.status(visit.app, session, conference=conference, now=now)
            return wire_ecp.write_status(session, status)

        return self._door.answer("queryBySession", request, use, now=now)

    def _place(
        self,
        operation: str,
        read: Callable[[Parameters], CallAsk],
        request: Request,
        *,
        now: int,
    ) -> Reply:
        def use(visit: Visit) -> dict[str, Any]:
            ask = read(visit.parameters)
            session = self._desk.place(visit.app, ask, visit.identify(), now=now)
            return wire_ecp.write_placed(session)

        return self._door.answer(operation, request, use, now=now)
