"""Northbound: calls placed over NetEase's dedicated line (ECP), as NetEase answers them."""

from chalicelib.carriers.facade import Access, Members
from chalicelib.carriers.netease import wire_ecp
from chalicelib.carriers.netease.facade import NeteaseFacade, RequestContext
from chalicelib.core.calls.placed_calls import CallAsk
from chalicelib.services.outbound_calls import OutboundCalls


class EcpFacade(NeteaseFacade):
    """The three calls under /call/ecp; parameters and replies as in the document."""

    def __init__(self, access: Access, service: OutboundCalls) -> None:
        super().__init__(access)
        self._service = service

    def startcall(self, context: RequestContext) -> Members:
        """POST /call/ecp/startcall.action"""
        return self._placed(context, wire_ecp.read_call(context.parameters))

    def startconf(self, context: RequestContext) -> Members:
        """POST /call/ecp/startconf.action"""
        return self._placed(context, wire_ecp.read_conference(context.parameters))

    def query(self, context: RequestContext) -> Members:
        """POST /call/ecp/queryBySession.action"""
        session, conference = wire_ecp.read_session(context.parameters)
        status = self._service.status(context.app, session, conference=conference, now=context.now)
        return wire_ecp.write_status(session, status)

    def _placed(self, context: RequestContext, ask: CallAsk) -> Members:
        session = self._service.place(context.app, ask, context.identify(), now=context.now)
        return wire_ecp.write_placed(session)
