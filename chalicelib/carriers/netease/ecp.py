"""Northbound: calls placed over NetEase's dedicated line (ECP), as NetEase answers them."""

from collections.abc import Callable
from typing import Any

from chalicelib.carriers.netease import wire_ecp
from chalicelib.carriers.netease.authenticator import Authenticator, RequestContext
from chalicelib.carriers.parameters import Parameters
from chalicelib.core.calls.placed import CallAsk
from chalicelib.core.messages import Reply, Request
from chalicelib.services.outbound_calls import OutboundCalls


class EcpFacade:
    """The three calls under /call/ecp; parameters and replies as in the document."""

    def __init__(self, authenticator: Authenticator, service: OutboundCalls) -> None:
        self._authenticator = authenticator
        self._service = service

    def startcall(self, request: Request, now: int) -> Reply:
        """POST /call/ecp/startcall.action"""
        return self._place("startcall", wire_ecp.read_call, request, now=now)

    def startconf(self, request: Request, now: int) -> Reply:
        """POST /call/ecp/startconf.action"""
        return self._place("startconf", wire_ecp.read_conference, request, now=now)

    def query(self, request: Request, now: int) -> Reply:
        """POST /call/ecp/queryBySession.action"""

        def handle(context: RequestContext) -> dict[str, Any]:
            session, conference = wire_ecp.read_session(context.parameters)
            status = self._service.status(context.app, session, conference=conference, now=now)
            return wire_ecp.write_status(session, status)

        return self._authenticator.answer("queryBySession", request, handle, now=now)

    def _place(
        self,
        operation: str,
        read: Callable[[Parameters], CallAsk],
        request: Request,
        *,
        now: int,
    ) -> Reply:
        def handle(context: RequestContext) -> dict[str, Any]:
            ask = read(context.parameters)
            session = self._service.place(context.app, ask, context.identify(), now=now)
            return wire_ecp.write_placed(session)

        return self._authenticator.answer(operation, request, handle, now=now)
