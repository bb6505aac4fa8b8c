"""Northbound: number privacy (AXB) as NetEase answers it."""

from dataclasses import replace
from typing import Any

from chalicelib.carriers.netease import codes
from chalicelib.carriers.netease import wire_api as wire
from chalicelib.carriers.netease.authenticator import Authenticator, RequestContext
from chalicelib.core import numbers
from chalicelib.core.messages import Reply, Request
from chalicelib.core.tenants import Pool
from chalicelib.services.bindings.binding import BindingService


class AxbFacade:
    """The four calls under /smallphone/axb; parameters and replies as in the document."""

    def __init__(self, authenticator: Authenticator, service: BindingService) -> None:
        self._authenticator = authenticator
        self._service = service

    def bind(self, request: Request, now: int) -> Reply:
        """POST /smallphone/axb/bind"""

        def handle(context: RequestContext) -> dict[str, Any]:
            ask = wire.read_bind(context.parameters)
            if ask.number is not None:
                ask = replace(ask, number=_spelled(ask.number, context.app.pool))
            return wire.write_bound(
                self._service.bind(context.app, ask, context.identify(), now=now)
            )

        return self._authenticator.answer("bind", request, handle, now=now)

    def unbind(self, request: Request, now: int) -> Reply:
        """POST /smallphone/axb/unbind"""

        def handle(context: RequestContext) -> dict[str, Any]:
            self._service.release(context.app, wire.read_binding_id(context.parameters), now=now)
            return {"code": codes.OK}

        return self._authenticator.answer("unbind", request, handle, now=now)

    def delay(self, request: Request, now: int) -> Reply:
        """POST /smallphone/axb/delay"""

        def handle(context: RequestContext) -> dict[str, Any]:
            binding_id, delta_ms = wire.read_delay(context.parameters)
            self._service.extend(
                context.app, binding_id, context.identify(), delta_ms=delta_ms, now=now
            )
            return {"code": codes.OK}

        return self._authenticator.answer("delay", request, handle, now=now)

    def query(self, request: Request, now: int) -> Reply:
        """POST /smallphone/axb/query"""

        def handle(context: RequestContext) -> dict[str, Any]:
            number, binding_id = wire.read_query(context.parameters)
            if number is not None:
                number = _spelled(number, context.app.pool)
                return wire.write_infos(self._service.on_number(context.app, number, now=now))
            found = self._service.find(context.app, binding_id or "", now=now)
            return wire.write_infos([found] if found else [])

        return self._authenticator.answer("query", request, handle, now=now)


def _spelled(number: str, pool: Pool) -> str:
    """X as the app has it, with its country code or without."""
    return numbers.in_pool(number, pool) or number
