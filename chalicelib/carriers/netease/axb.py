"""Northbound: number privacy (AXB) as NetEase answers it."""

from dataclasses import replace

from chalicelib.carriers.facade import Access, Members
from chalicelib.carriers.netease import codes
from chalicelib.carriers.netease import wire_api as wire
from chalicelib.carriers.netease.facade import NeteaseFacade, RequestContext
from chalicelib.core import numbers
from chalicelib.core.tenants import Pool
from chalicelib.services.bindings.service import BindingService


class AxbFacade(NeteaseFacade):
    """The four calls under /smallphone/axb; parameters and replies as in the document."""

    def __init__(self, access: Access, service: BindingService) -> None:
        super().__init__(access)
        self._service = service

    def bind(self, context: RequestContext) -> Members:
        """POST /smallphone/axb/bind"""
        app, ask = context.app, wire.read_bind(context.parameters)
        if ask.number is not None:
            ask = replace(ask, number=_spelled(ask.number, app.pool))
        return wire.write_bound(self._service.bind(app, ask, context.identify(), now=context.now))

    def unbind(self, context: RequestContext) -> Members:
        """POST /smallphone/axb/unbind"""
        binding_id = wire.read_binding_id(context.parameters)
        self._service.release(context.app, binding_id, now=context.now)
        return {"code": codes.OK}

    def delay(self, context: RequestContext) -> Members:
        """POST /smallphone/axb/delay"""
        binding_id, delta_ms = wire.read_delay(context.parameters)
        same = context.identify()
        self._service.extend(context.app, binding_id, same, delta_ms=delta_ms, now=context.now)
        return {"code": codes.OK}

    def query(self, context: RequestContext) -> Members:
        """POST /smallphone/axb/query"""
        app, now = context.app, context.now
        number, binding_id = wire.read_query(context.parameters)
        if number is not None:
            number = _spelled(number, app.pool)
            return wire.write_infos(self._service.on_number(app, number, now=now))
        found = self._service.find(app, binding_id or "", now=now)
        return wire.write_infos([found] if found else [])


def _spelled(number: str, pool: Pool) -> str:
    """X as the app has it, with its country code or without."""
    return numbers.in_pool(number, pool) or number
